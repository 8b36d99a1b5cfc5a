"""The month computed again from the inputs that a scorecard keeps: the points as decimals, and the model for what-if."""

from dataclasses import dataclass
from decimal import Decimal

from app.costs.month_draws import Spread
from app.costs.month_model import MonthModel
from app.costs.monthly import HOURS_PER_MONTH, CandidateInputs, CandidateMonth, candidate_month
from app.costs.rates import MILLION
from app.costs.stairs import Stairs
from app.domain.month_inputs import MonthInputs, TokenLine


@dataclass(frozen=True, slots=True)
class StoredPoints:
    """Both arms' month at the measured volume, in US dollars; `None` = an input is not known."""

    incumbent_usd: Decimal | None
    candidate: CandidateMonth

    @property
    def saving_usd(self) -> Decimal | None:
        """What leaving saves a month."""
        if self.incumbent_usd is None or self.candidate.usd is None:
            return None
        return self.incumbent_usd - self.candidate.usd


def tokens_usd(lines: list[TokenLine], lack: str = "") -> Decimal | None:
    """What tokens cost a month; `None` where a price is not known or the counts are too few.

    Example:
        >>> line = TokenLine(model="m", kind="input", tokens_per_month=Decimal(2_000_000), usd_per_million_tokens=Decimal(3))
        >>> tokens_usd([line]), tokens_usd([line.model_copy(update={"usd_per_million_tokens": None})])
        (Decimal('6'), None)
    """
    if lack or any(line.usd_per_million_tokens is None for line in lines):
        return None
    return sum((line.tokens_per_month * (line.usd_per_million_tokens or 0) for line in lines), Decimal(0)) / MILLION


def stairs_of_inputs(inputs: MonthInputs) -> Stairs:
    """Replicas by volume; the measured volume is 1."""
    steps = inputs.steps
    return Stairs(tuple(step.volume for step in steps), tuple(step.replicas for step in steps), inputs.least_replicas)


def points_of(inputs: MonthInputs) -> StoredPoints:
    """The points, by the formula that made them."""
    gpus = int(stairs_of_inputs(inputs).at(1.0)) * inputs.gpus_per_replica
    candidate = CandidateInputs(
        gpu_usd_per_hour=_rent(inputs),
        gpus=gpus,
        tokens_usd_per_month=tokens_usd(inputs.candidate_tokens, inputs.candidate_lack) if inputs.is_paid_by_token else None,
        recurring_hours_per_month=inputs.upkeep_hours_per_month,
        engineer_usd_per_hour=inputs.engineer_usd_per_hour,
        other_usd_per_month=inputs.other_usd_per_month,
        upgrade_hours_per_month=inputs.upgrade_hours_per_month,
        one_off_hours=inputs.one_off_hours,
        horizon_months=inputs.horizon_months,
    )
    return StoredPoints(tokens_usd(inputs.incumbent_tokens, inputs.incumbent_lack), candidate_month(candidate))


def model_of(inputs: MonthInputs) -> MonthModel | None:
    """The month as numbers, to be moved by factors and draws; `None` where a saving is not known."""
    points = points_of(inputs)
    if points.saving_usd is None or inputs.requests_per_month is None:
        return None
    return MonthModel(
        incumbent_usd=_float(points.incumbent_usd),
        candidate_tokens_usd=_float(points.candidate.parts.get("tokens")),
        replica_usd=_float(_rent(inputs)) * inputs.gpus_per_replica * float(HOURS_PER_MONTH),
        stairs=stairs_of_inputs(inputs),
        upkeep_hours=_float(inputs.upkeep_hours_per_month),
        upgrade_hours=_float(inputs.upgrade_hours_per_month),
        engineer_usd_per_hour=_float(inputs.engineer_usd_per_hour),
        one_off_hours=float(inputs.one_off_hours),
        horizon_months=inputs.horizon_months,
        other_usd=_float(inputs.other_usd_per_month),
        requests=float(inputs.requests_per_month),
    )


def spread_of_inputs(inputs: MonthInputs) -> Spread:
    """How far what was measured may be off."""
    return Spread(**inputs.spread.model_dump())


def _rent(inputs: MonthInputs) -> Decimal | None:
    return None if inputs.is_paid_by_token else inputs.gpu_usd_per_hour


def _float(amount: Decimal | None) -> float:
    return float(amount) if amount is not None else 0.0
