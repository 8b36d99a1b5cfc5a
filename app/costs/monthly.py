"""What an arm costs in a month of 730 hours, reckoned from the closed days. An unknown amount is `None`, never 0."""

from dataclasses import dataclass
from decimal import Decimal

HOURS_PER_MONTH = Decimal(730)
HOURS_PER_DAY = Decimal(24)
HORIZON_MONTHS = 24


def month_factor(*, closed_days: int) -> Decimal | None:
    """By what the figures of the closed days are multiplied for a month: 730 / (24 days); `None` without a closed day.

    Example:
        >>> month_factor(closed_days=28)
        Decimal('1.086309523809523809523809524')
    """
    if closed_days < 0:
        message = f"closed_days must not be below 0, not {closed_days}"
        raise ValueError(message)
    return HOURS_PER_MONTH / (HOURS_PER_DAY * closed_days) if closed_days else None


@dataclass(frozen=True, slots=True)
class CandidateInputs:
    """What the candidate's monthly cost is made of; `None` = not known.

    Attributes:
        gpu_usd_per_hour: Rent of one GPU; `None` for a managed model, which is paid by the token.
        gpus: All GPUs of all replicas.
        tokens_usd_per_month: For a managed model.
        recurring_hours_per_month: Engineering hours that come back every month.
        engineer_usd_per_hour: What one of them costs.
        other_usd_per_month: Storage, network, monitoring, backups.
        upgrade_hours_per_month: Hours for renewing model and server, where somebody said how many; `None` = nobody did.
        one_off_hours: Hours that come once; spread over `horizon_months`.
        horizon_months: How long the migration shall serve.
    """

    gpu_usd_per_hour: Decimal | None
    gpus: int
    tokens_usd_per_month: Decimal | None
    recurring_hours_per_month: Decimal | None
    engineer_usd_per_hour: Decimal | None
    other_usd_per_month: Decimal | None
    upgrade_hours_per_month: Decimal | None = None
    one_off_hours: Decimal = Decimal(0)
    horizon_months: int = HORIZON_MONTHS


@dataclass(frozen=True, slots=True)
class CandidateMonth:
    """The candidate's monthly cost and its parts; `usd` is `None` where a part is."""

    usd: Decimal | None
    parts: dict[str, Decimal | None]


def candidate_month(inputs: CandidateInputs) -> CandidateMonth:
    """Replicas x GPUs x price x 730 h (or tokens x price) + hours x rate + one-off hours x rate / horizon + other.

    Example:
        >>> month = candidate_month(CandidateInputs(Decimal(3), 2, None, Decimal(10), Decimal(90), Decimal(500)))
        >>> month.usd, month.parts["gpus"]
        (Decimal('5780'), Decimal('4380'))
    """
    if inputs.horizon_months < 1:
        message = f"horizon_months must be at least 1, not {inputs.horizon_months}"
        raise ValueError(message)
    if inputs.gpu_usd_per_hour is not None:
        parts: dict[str, Decimal | None] = {"gpus": inputs.gpu_usd_per_hour * inputs.gpus * HOURS_PER_MONTH}
    else:
        parts = {"tokens": inputs.tokens_usd_per_month}
    rate = inputs.engineer_usd_per_hour
    parts["engineering hours"] = _worked(inputs.recurring_hours_per_month, rate)
    if inputs.upgrade_hours_per_month is not None:
        parts["upgrades"] = _worked(inputs.upgrade_hours_per_month, rate)
    if inputs.one_off_hours:
        parts["one-off hours"] = _worked(inputs.one_off_hours / inputs.horizon_months, rate)
    parts["other"] = inputs.other_usd_per_month
    known = [part for part in parts.values() if part is not None]
    return CandidateMonth(sum(known, Decimal(0)) if len(known) == len(parts) else None, parts)


def _worked(hours: Decimal | None, rate: Decimal | None) -> Decimal | None:
    return hours * rate if hours is not None and rate is not None else None
