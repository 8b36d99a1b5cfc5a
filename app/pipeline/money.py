"""What a month costs on both sides, and the saving of all traffic or of a split of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from app.costs.monthly import HORIZON_MONTHS, CandidateInputs, CandidateMonth, candidate_month, month_factor
from app.costs.spread import SpendMoments
from app.costs.stairs import Stairs
from app.costs.token_bill import TokenBill
from app.costs.upkeep import Upkeep, upkeep_of
from app.domain.capacity_figures import CapacityModel
from app.domain.configuration import CandidateTable, PilotConfiguration
from app.domain.cost_figures import PilotSpend
from app.domain.evidence import ArmEvidence, Evidence, Floats, codes
from app.domain.hours import HoursEntry
from app.domain.money_table import CostTable
from app.domain.usage_figures import ArmUsage
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations
from app.pipeline.money_bills import candidate_costs, incumbent_costs
from app.pipeline.money_capacity import carrying_variation, stairs_of
from app.pipeline.money_spread import moments_by_segment
from app.pipeline.month_tokens import MonthTokens, month_tokens
from app.pipeline.pilot_spend import evaluation_hours, pilot_spend
from app.pipeline.token_bills import Basis, Bills
from app.pipeline.usage_figures import usage_figures
from app.store.evidence import Spend

_DAY_US = 86_400_000_000
MONTHS_A_YEAR = 12
UPGRADE = "upgrade"
INVOICE = "the vendor's invoice of the closed days"


@dataclass(frozen=True, slots=True)
class Money:
    """Bills of both arms by segment, and what else a month costs.

    Attributes:
        incumbent: By the segment of the conversation.
        candidate: The same, for a model that is paid by the token; `None` for rented GPUs.
        month: By what the closed days are multiplied.
        upkeep: Recurring hours a month, from those that were worked on closed days; `None` = none were logged there.
        one_off_hours: All hours that come once, whenever they were worked.
        evaluation_hours: Those of them that went into the pilot itself: its own cost, not the migration's.
        idle_hours: Recurring ones of other days, which say nothing of a month.
        requests: Production requests of the closed days.
        pilot_spend: What the pilot itself cost, by purpose.
        tokens: The incumbent's, of a month.
        ends_at: End of the last closed day.
        closed: Numbers of the closed days.
        first_day: The calendar day that day 1 is, where the pilot is.
        moments: How conversations and days swing, by segment.
        stairs: How many replicas a volume needs.
        carrying_variation: Of what a replica carries, as it was measured; 0 = nobody measured it.
        utilisation_rate: Share of all rented slots that is in use on average; `None` = not measured.
        usage: How the tokens of both arms were counted, and whose prices they have.
        doubt: Why the measured spend is not to be trusted, in words; "" = nothing speaks against it.
        usd_by_row: What each exchange's reply costs, of the incumbent and of a candidate that is paid by the token.
    """

    configuration: PilotConfiguration
    table: CandidateTable
    incumbent: Bills
    candidate: Bills | None
    month: Decimal | None
    upkeep: Upkeep | None
    one_off_hours: Decimal
    idle_hours: Decimal
    requests: float
    pilot_usd: Decimal
    unpriced_calls: tuple[str, ...]
    pilot_spend: tuple[PilotSpend, ...] = ()
    tokens: MonthTokens | None = None
    ends_at: datetime | None = None
    closed: tuple[int, ...] = ()
    first_day: date | None = None
    moments: Mapping[str, SpendMoments] = field(default_factory=dict)
    stairs: Stairs = field(default_factory=Stairs)
    carrying_variation: float = 0.0
    utilisation_rate: float | None = None
    doubt: str = ""
    evaluation_hours: Decimal = Decimal(0)
    usd_by_row: tuple[Floats, Floats | None] | None = None
    usage: tuple[ArmUsage, ...] = ()


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
    spend: Spend,
    capacity: CapacityModel,
    has_invoice: bool = False,
    doubt: str = "",
) -> Money:
    """Adds up the tokens and hours of the closed days, each exchange weighted by the requests it stands for."""
    table = configuration.candidate_named(name)
    exchanges = evidence.exchanges
    segments, names = codes(talks.segment_of_row)
    arrived_us = exchanges.arrived_us
    basis = Basis(selection.counted, weights, arrived_us // _DAY_US, segments, names, arrived_us)
    by_day = _recurring_by_day(_upkeep_entries(hours, configuration.cost), first_day)
    arm: ArmEvidence = evidence.arms[name]
    month = month_factor(closed_days=len(selection.closed))
    stays = incumbent_costs(configuration, evidence, arm, basis, has_invoice=has_invoice)
    leaves = candidate_costs(table, evidence, arm, basis)
    leaving = leaves.usd_by_row if leaves is not None else np.zeros(len(exchanges))
    candidate = leaves.bills if leaves is not None else None
    usage = usage_figures(name, evidence, basis, month=month, incumbent=stays.bills, candidate=candidate)
    return Money(
        configuration=configuration,
        table=table,
        incumbent=stays.bills,
        candidate=candidate,
        month=month,
        upkeep=upkeep_of([(day, worked) for day, worked in by_day if day >= 1], selection.closed),
        one_off_hours=sum((entry.hours for entry in hours if not entry.is_recurring), Decimal(0)),
        evaluation_hours=evaluation_hours(hours),
        idle_hours=sum((worked for day, worked in by_day if day not in selection.closed), Decimal(0)),
        requests=float(weights[selection.counted].sum()),
        pilot_usd=spend.usd,
        unpriced_calls=spend.unpriced,
        pilot_spend=tuple(pilot_spend(configuration, spend, evidence, selection, hours)),
        tokens=month_tokens(usage[0]),
        ends_at=selection.ends_at,
        closed=selection.closed,
        first_day=first_day,
        moments=moments_by_segment(stays.usd_by_row, leaving, weights, selection, talks),
        stairs=stairs_of(capacity, configured=table.replicas),
        carrying_variation=carrying_variation(capacity.slots_per_replica),
        utilisation_rate=capacity.utilisation_rate,
        doubt=doubt,
        usage=usage,
        usd_by_row=(stays.usd_by_row, leaves.usd_by_row if leaves is not None else None),
    )


def _upkeep_entries(hours: Sequence[HoursEntry], cost: CostTable | None) -> list[HoursEntry]:
    """Entries that come again; not upgrades where the team reckons with a number of them a year: they would count twice."""
    is_planned = cost is not None and cost.upgrades_per_year is not None and cost.hours_per_upgrade is not None
    return [entry for entry in hours if entry.is_recurring and not (is_planned and entry.kind == UPGRADE)]


def _recurring_by_day(hours: Sequence[HoursEntry], first_day: date | None) -> list[tuple[int, Decimal]]:
    """Hours with their day of the pilot; 0 where the pilot has no days yet."""
    return [((e.worked_on - first_day).days + 1 if first_day is not None else 0, e.hours) for e in hours]


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
    """What the candidate costs a month for some segments: with the replicas that these need, as far as that was measured."""
    cost = money.configuration.cost
    tokens = _per_month(money, money.candidate, moved) if money.candidate is not None else None
    return candidate_month(
        CandidateInputs(
            gpu_usd_per_hour=money.table.gpu_usd_per_hour if money.candidate is None else None,
            gpus=replicas_of(money, moved) * money.table.gpus_per_replica,
            tokens_usd_per_month=tokens,
            recurring_hours_per_month=upkeep_hours(money),
            engineer_usd_per_hour=cost.engineer_usd_per_hour if cost is not None else None,
            other_usd_per_month=cost.other_usd_per_month if cost is not None else None,
            upgrade_hours_per_month=upgrade_hours(money),
            one_off_hours=one_off_hours(money),
            horizon_months=cost.horizon_months if cost is not None else HORIZON_MONTHS,
        )
    )


def replicas_of(money: Money, moved: frozenset[str] | None = None) -> int:
    """How many are rented at the measured volume: as configured, or as many more as a rehearsal showed to be needed."""
    return int(stairs_in(money, moved).at(1.0))


def stairs_in(money: Money, moved: frozenset[str] | None) -> Stairs:
    """Replicas by volume of what moves, whose measured volume is 1: a part of the requests needs fewer."""
    if moved is None or not money.stairs.is_measured:
        return money.stairs
    asked, every = (_sum(money.incumbent, part).requests for part in (moved, None))
    return money.stairs.of_share(float(asked / every)) if asked and every else money.stairs


def requests_a_month(money: Money) -> Decimal | None:
    """Production requests of a month; `None` without a closed day."""
    return Decimal(repr(money.requests)) * money.month if money.month is not None else None


def upkeep_hours(money: Money) -> Decimal | None:
    """Recurring hours a month: as logged on closed days, else as the team reckons, else none; unknown without a closed day."""
    if money.upkeep is not None:
        return money.upkeep.value
    if money.month is None:
        return None
    return given_upkeep(money) or Decimal(0)


def given_upkeep(money: Money) -> Decimal | None:
    """Hours a month that the team reckons with; `None` = it did not say."""
    cost = money.configuration.cost
    return _decimal(cost.upkeep_hours_per_month if cost is not None else None)


def upgrade_hours(money: Money) -> Decimal | None:
    """Hours a month for renewing model and server, where the team said how often and how long; `None` = it did not."""
    cost = money.configuration.cost
    if cost is None or cost.upgrades_per_year is None or cost.hours_per_upgrade is None:
        return None
    return Decimal(repr(cost.upgrades_per_year)) * Decimal(repr(cost.hours_per_upgrade)) / MONTHS_A_YEAR


def one_off_hours(money: Money) -> Decimal:
    """Logged hours that come once, and those that are still to come; not what the pilot itself took."""
    return money.one_off_hours - money.evaluation_hours + (given_migration(money) or Decimal(0))


def given_migration(money: Money) -> Decimal | None:
    """One-off hours that the team says are still to come; `None` = it did not say."""
    cost = money.configuration.cost
    return _decimal(cost.migration_hours if cost is not None else None)


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
        missing.append(f"the incumbent's token counts ({incumbent.lack}{_of_invoice(money, incumbent)})")
    name = money.table.name
    if money.candidate is None:
        return missing if money.table.gpu_usd_per_hour is not None else [*missing, f"{name}: gpu_usd_per_hour or token prices"]
    candidate = _sum(money.candidate, moved)
    if candidate.unpriced:
        missing.append(f"{name}: both token prices")
    elif candidate.lacks_counts:
        missing.append(f"{name}: token counts ({candidate.lack})")
    return missing


def _of_invoice(money: Money, incumbent: TokenBill) -> str:
    """What the vendor's invoice says of estimates, or could say; "" where it would not help."""
    if not incumbent.needs_invoice:
        return ""
    return f"; {money.doubt}" if money.doubt else f", or import {INVOICE}: where it agrees, estimates count"


def unpriced_models(money: Money) -> set[str]:
    """Models whose price nobody knows, of both arms."""
    return {name for bills in (money.incumbent, money.candidate or {}) for bill in bills.values() for name in bill.unpriced}


def _per_month(money: Money, bills: Bills, moved: frozenset[str] | None) -> Decimal | None:
    total = _sum(bills, moved).total_usd
    return total * money.month if total is not None and money.month is not None else None


def _sum(bills: Bills, moved: frozenset[str] | None) -> TokenBill:
    chosen = [bill for segment, bill in sorted(bills.items()) if moved is None or segment in moved]
    return sum(chosen, TokenBill())


def _decimal(number: float | None) -> Decimal | None:
    return Decimal(repr(number)) if number is not None else None
