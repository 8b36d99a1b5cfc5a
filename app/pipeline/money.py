"""The money part of a scorecard: both arms' month, the saving, and the saving of a split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.costs.monthly import (
    CandidateInputs,
    CandidateMonth,
    TokenBill,
    break_even_requests,
    candidate_month,
    month_factor,
)
from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.evidence import ArmEvidence, Evidence, Floats, codes
from app.domain.hours import HoursEntry
from app.domain.scorecard import CostModel, EstimateModel, HoursModel, MoneyEstimate
from app.domain.words import GateOutcome
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations
from app.pipeline.operation import Bounded
from app.pipeline.token_bills import Basis, Bills, candidate_prices, incumbent_prices, is_paid_by_token, token_bills

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """Bills of both arms by segment, and what else a month costs.

    Attributes:
        incumbent: By the segment of the conversation.
        candidate: The same, for a model that is paid by the token; `None` for rented GPUs.
        month: By what the closed days are multiplied.
        recurring_hours: A month, from those that were worked on closed days; `None` without a closed day.
        recurring_entries: How many entries that rests on.
        idle_hours: Recurring ones of other days, which say nothing of a month.
        requests: Production requests of the closed days.
    """

    configuration: PilotConfiguration
    table: CandidateTable
    incumbent: Bills
    candidate: Bills | None
    month: Decimal | None
    recurring_hours: Decimal | None
    one_off_hours: Decimal
    recurring_entries: int
    idle_hours: Decimal
    requests: float
    pilot_usd: Decimal
    unpriced_calls: tuple[str, ...]


def money_of(  # noqa: PLR0913 - what a month is made of
    configuration: PilotConfiguration,
    name: str,
    evidence: Evidence,
    selection: Selection,
    talks: Conversations,
    *,
    weights: Floats,
    hours: Sequence[HoursEntry],
    first_day: date | None,
    pilot_usd: Decimal,
    unpriced_calls: Iterable[str],
) -> Money:
    """Adds up the tokens and hours of the closed days, each exchange weighted by the requests it stands for."""
    table = configuration.candidate_named(name)
    exchanges = evidence.exchanges
    segments, names = codes(talks.segment_of_row)
    basis = Basis(selection.counted, weights, exchanges.arrived_us // _DAY_US, segments, names)
    month = month_factor(closed_days=len(selection.closed))
    recurring = [entry for entry in hours if entry.is_recurring]
    counted = [e for e in recurring if first_day is not None and (e.worked_on - first_day).days + 1 in selection.closed]
    upkeep = sum((entry.hours for entry in counted), Decimal(0))
    arm: ArmEvidence = evidence.arms[name]
    by_token = is_paid_by_token(table)
    return Money(
        configuration=configuration,
        table=table,
        incumbent=token_bills(evidence.incumbent, basis, incumbent_prices(configuration), model=configuration.incumbent.model),
        candidate=token_bills(arm.replies, basis, candidate_prices(table), model=table.model) if by_token else None,
        month=month,
        recurring_hours=upkeep * month if month is not None else None,
        one_off_hours=sum((entry.hours for entry in hours if not entry.is_recurring), Decimal(0)),
        recurring_entries=len(counted),
        idle_hours=sum((entry.hours for entry in recurring), Decimal(0)) - upkeep,
        requests=float(weights[selection.counted].sum()),
        pilot_usd=pilot_usd,
        unpriced_calls=tuple(unpriced_calls),
    )


def cost_model(money: Money, moved: frozenset[str]) -> CostModel:
    """The part of the scorecard; every missing input is named. `moved` is what a `HYBRID` moves, else empty."""
    incumbent, candidate = incumbent_usd(money, None), candidate_usd(money, None)
    saving = saving_usd(money, None)
    requests = Decimal(repr(money.requests)) * money.month if money.month is not None else None
    break_even = _break_even(incumbent, candidate, requests)
    recurring = money.recurring_hours
    return CostModel(
        incumbent_usd_per_month=_point(incumbent),
        candidate_usd_per_month=_point(candidate.usd),
        saving_usd_per_month=_point(saving),
        saving_of_split_usd_per_month=_point(saving_usd(money, moved) if moved else None),
        break_even_requests_per_month=EstimateModel(value=break_even, method="point" if break_even is not None else "none"),
        engineering_hours=HoursModel(
            one_off=float(money.one_off_hours),
            recurring_per_month=EstimateModel(
                value=float(recurring) if recurring is not None and money.recurring_entries else None,
                n=money.recurring_entries,
                method="logged_hours" if money.recurring_entries else "none",
            ),
        ),
        pilot_usd=money.pilot_usd,
        unpriced_models=sorted(_unpriced(money) | set(money.unpriced_calls)),
        missing=missing_inputs(money),
        parts=dict(candidate.parts),
        requests_per_month=float(requests) if requests is not None else None,
    )


def saving_gate(money: Money, moved: frozenset[str] | None) -> Bounded:
    """Thin rule: the point saving must be above 0 (CONTRACTS section 5); `moved` None = all traffic."""
    saving = saving_usd(money, moved)
    if saving is None:
        return Bounded(GateOutcome.UNKNOWN, None, 0.0, f"not known: {', '.join(missing_inputs(money, moved))} missing")
    outcome = GateOutcome.PASSES if saving > 0 else GateOutcome.FAILS
    who = "all of it moves" if moved is None else f"only {' and '.join(sorted(moved))} moved"
    said = f"{saving:,.2f} US dollars a month are saved" if saving > 0 else f"it costs {-saving:,.2f} US dollars a month more"
    return Bounded(outcome, float(saving), 0.0, f"if {who}, {said}")


def saving_usd(money: Money, moved: frozenset[str] | None) -> Decimal | None:
    """The incumbent's price of what moves less the candidate's cost for it: what stays costs the same either way."""
    before, after = incumbent_usd(money, moved), candidate_usd(money, moved).usd
    if before is None or after is None or _missing_of_all(money):
        return None
    return before - after


def incumbent_usd(money: Money, moved: frozenset[str] | None) -> Decimal | None:
    """What the incumbent costs a month for some segments; `None` = for all traffic."""
    return _per_month(money, money.incumbent, moved)


def candidate_usd(money: Money, moved: frozenset[str] | None) -> CandidateMonth:
    """What the candidate costs a month for some segments, replicas unchanged."""
    cost = money.configuration.cost
    return candidate_month(
        CandidateInputs(
            gpu_usd_per_hour=money.table.gpu_usd_per_hour if money.candidate is None else None,
            gpus=money.table.replicas * money.table.gpus_per_replica,
            tokens_usd_per_month=_per_month(money, money.candidate, moved) if money.candidate is not None else None,
            recurring_hours_per_month=money.recurring_hours,
            engineer_usd_per_hour=cost.engineer_usd_per_hour if cost is not None else None,
            other_usd_per_month=cost.other_usd_per_month if cost is not None else None,
        )
    )


def missing_inputs(money: Money, moved: frozenset[str] | None = None) -> list[str]:
    """What has to be known before there is a saving of a split, as keys of `pilot.toml` or in words."""
    return [*_missing_of_all(money), *_missing_of_arms(money, moved)]


def _missing_of_all(money: Money) -> list[str]:
    cost = money.configuration.cost
    missing = [] if money.month is not None else ["a closed day"]
    if cost is None:
        return [*missing, "[cost] with engineer_usd_per_hour and other_usd_per_month"]
    keys = ("engineer_usd_per_hour", "other_usd_per_month")
    return missing + [f"cost.{key}" for key in keys if getattr(cost, key) is None]


def _missing_of_arms(money: Money, moved: frozenset[str] | None) -> list[str]:
    missing = []
    incumbent = _sum(money.incumbent, moved)
    if incumbent.unpriced:
        missing.append(f"the incumbent's token prices ({', '.join(sorted(incumbent.unpriced))})")
    elif incumbent.lacks_counts:
        missing.append(f"the incumbent's token counts ({incumbent.uncounted:,.0f} replies have none)")
    name = money.table.name
    if money.candidate is None:
        return missing if money.table.gpu_usd_per_hour is not None else [*missing, f"{name}: gpu_usd_per_hour or token prices"]
    candidate = _sum(money.candidate, moved)
    if candidate.unpriced:
        missing.append(f"{name}: both token prices")
    elif candidate.lacks_counts:
        missing.append(f"{name}: token counts ({candidate.uncounted:,.0f} replies have none)")
    return missing


def _point(usd: Decimal | None) -> MoneyEstimate:
    return MoneyEstimate(value=usd, method="point" if usd is not None else "none")


def _per_month(money: Money, bills: Bills, moved: frozenset[str] | None) -> Decimal | None:
    total = _sum(bills, moved).total_usd
    return total * money.month if total is not None and money.month is not None else None


def _sum(bills: Bills, moved: frozenset[str] | None) -> TokenBill:
    chosen = [bill for segment, bill in sorted(bills.items()) if moved is None or segment in moved]
    return sum(chosen, TokenBill())


def _unpriced(money: Money) -> set[str]:
    return {name for bills in (money.incumbent, money.candidate or {}) for bill in bills.values() for name in bill.unpriced}


def _break_even(incumbent: Decimal | None, candidate: CandidateMonth, requests: Decimal | None) -> float | None:
    if incumbent is None or candidate.usd is None or not requests:
        return None
    by_request = candidate.parts.get("tokens") or Decimal(0)
    found = break_even_requests(
        fixed_usd=candidate.usd - by_request,
        usd_per_request=by_request / requests,
        incumbent_usd_per_request=incumbent / requests,
    )
    return float(found) if found is not None else None
