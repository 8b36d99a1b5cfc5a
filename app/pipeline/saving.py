"""The saving with its range, and the gate that asks whether it is sure: by seeded draws of what was measured."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from app.costs.month_draws import SEED, SavingRange, Spread, draw_factors, saving_range
from app.costs.month_model import Factors, Month, MonthModel, month_of
from app.costs.monthly import HORIZON_MONTHS, HOURS_PER_MONTH
from app.domain.words import GateOutcome
from app.pipeline.money import (
    Money,
    candidate_usd,
    incumbent_usd,
    missing_inputs,
    one_off_hours,
    requests_a_month,
    saving_usd,
    stairs_in,
    upgrade_hours,
    upkeep_hours,
)
from app.pipeline.money_spread import spread_of
from app.pipeline.operation import Bounded
from app.reports import figures

# The saving must be above 0 in so many of the draws; as many must be below it before it is said not to be there.
SURE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A month's model, the factors of each draw, and the month of each."""

    model: MonthModel
    spread: Spread
    factors: Factors
    month: Month


def saving_gate(money: Money, moved: frozenset[str] | None) -> Bounded:
    """Passes where leaving is cheaper in 95 of 100 draws, fails where it is in 5 or fewer; `moved` None = all traffic."""
    saving = saving_usd(money, moved)
    if saving is None:
        return Bounded(GateOutcome.UNKNOWN, None, 0.0, f"not known: {', '.join(missing_inputs(money, moved))} missing")
    found = saving_range_of(money, moved)
    outcome = _outcome(found)
    bound = found.p95 if outcome is GateOutcome.FAILS else found.p5
    if money.doubt:
        return Bounded(GateOutcome.UNKNOWN, bound, 0.0, f"{money.doubt}; {_words(moved, saving, found)}")
    return Bounded(outcome, bound, 0.0, _words(moved, saving, found))


def saving_range_of(money: Money, moved: frozenset[str] | None) -> SavingRange:
    """Percentiles of the saving of a split, and how likely it is above 0; only where a saving is known."""
    return saving_range(drawn_month(money, moved).month)


def drawn_month(money: Money, moved: frozenset[str] | None) -> Drawn:
    """The month of every draw; only where a saving is known."""
    model, spread = month_model(money, moved), spread_in(money, moved)
    factors = factors_of(spread)
    return Drawn(model, spread, factors, month_of(model, factors))


@lru_cache(maxsize=16)
def factors_of(spread: Spread) -> Factors:
    """The draws of a spread; gates, figures, options and splits ask for the same ones again and again."""
    return draw_factors(spread, seed=SEED)


def month_model(money: Money, moved: frozenset[str] | None) -> MonthModel:
    """The month as numbers; unknown amounts count 0, so it speaks only where the saving is known."""
    cost, table = money.configuration.cost, money.table
    price = table.gpu_usd_per_hour if money.candidate is None else None
    tokens = candidate_usd(money, moved).parts.get("tokens")
    return MonthModel(
        incumbent_usd=_float(incumbent_usd(money, moved)),
        candidate_tokens_usd=_float(tokens),
        replica_usd=_float(price) * table.gpus_per_replica * float(HOURS_PER_MONTH),
        stairs=stairs_in(money, moved),
        upkeep_hours=_float(upkeep_hours(money)),
        upgrade_hours=_float(upgrade_hours(money)),
        engineer_usd_per_hour=_float(cost.engineer_usd_per_hour if cost is not None else None),
        one_off_hours=_float(one_off_hours(money)),
        horizon_months=cost.horizon_months if cost is not None else HORIZON_MONTHS,
        other_usd=_float(cost.other_usd_per_month if cost is not None else None),
        requests=_float(requests_a_month(money)),
    )


def spread_in(money: Money, moved: frozenset[str] | None) -> Spread:
    """How far the measured inputs of a split may be off."""
    spent = spread_of(dict(money.moments), moved, money.closed, money.first_day)
    return Spread(
        incumbent=spent.x,
        candidate=spent.y if money.candidate is not None else 0.0,
        correlation=spent.correlation,
        carrying=money.carrying_variation,
        upkeep_sigma=money.upkeep.sigma if money.upkeep is not None else 0.0,
    )


def _outcome(found: SavingRange) -> GateOutcome:
    if found.probability_positive >= SURE:
        return GateOutcome.PASSES
    return GateOutcome.FAILS if found.probability_positive <= 1 - SURE else GateOutcome.UNKNOWN


def _words(moved: frozenset[str] | None, saving: Decimal, found: SavingRange) -> str:
    who = "all of it moves" if moved is None else f"only {' and '.join(sorted(moved))} moved"
    said = f"{saving:,.2f} US dollars a month are saved" if saving > 0 else f"it costs {-saving:,.2f} US dollars a month more"
    is_known = found.p95 - found.p5 < 1  # a dollar
    between = "" if is_known else f" (90 of 100 draws lie between {found.p5:,.0f} and {found.p95:,.0f})"
    return f"if {who}, {said}{between}; the chance that it saves money is {figures.chance(found.probability_positive)}"


def _float(amount: Decimal | None) -> float:
    return float(amount) if amount is not None else 0.0
