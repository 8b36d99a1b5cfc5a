"""Money of page one: the saving with its range, the chance that there is one, payback, what it costs once."""

from decimal import Decimal

from app.domain.scorecard import CostModel, EstimateModel, MoneyEstimate
from app.domain.words import Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.part import Fact

OF_PART = "by moving these kinds"
ONE_OFF_INPUTS = ("one-off hours so far", "one-off hours still to come")


def money_facts(subject: Subject) -> tuple[Fact, ...]:
    """Four facts; what nobody knows says so."""
    return (_saving(subject), _chance(subject), _payback(subject), _once(subject))


def is_of_split(subject: Subject) -> bool:
    """Whether the saving is that of the kinds that would move."""
    cost = subject.card.cost
    return subject.card.verdict.outcome is Outcome.HYBRID and cost.saving_of_split_usd_per_month.value is not None


def saving_of(subject: Subject) -> MoneyEstimate:
    """What would be saved if the answer were followed; where nothing moves, if all of it moved."""
    cost = subject.card.cost
    return cost.saving_of_split_usd_per_month if is_of_split(subject) else cost.saving_usd_per_month


def chance_of(subject: Subject) -> float | None:
    """The chance that this saving is above zero."""
    cost = subject.card.cost
    return cost.probability_split_saving_positive if is_of_split(subject) else cost.probability_saving_positive


def _saving(subject: Subject) -> Fact:
    saving, cost = saving_of(subject), subject.card.cost
    what = OF_PART if is_of_split(subject) else "if all of it moved"
    if saving.value is None:
        missing = f"missing: {figures.names(cost.missing)}" if cost.missing else "an input is missing"
        return Fact(label="Saving per month", value=figures.UNKNOWN, detail=missing)
    is_loss = saving.value < 0
    label = "Extra cost per month" if is_loss else "Saving per month"
    spread = range_of(saving)
    ranged = f"95% range {spread}" if spread else "no range was computed"
    return Fact(label=label, value=figures.money(abs(saving.value)), detail=f"{what}; {ranged}{_today(cost)}")


def range_of(saving: MoneyEstimate) -> str:
    """Both ends of a saving; of one below zero those of the extra cost."""
    if saving.value is None or saving.value >= 0:
        return figures.interval(figures.money(saving.low), figures.money(saving.high))
    low, high = (figures.money(None if end is None else -end) for end in (saving.high, saving.low))
    return figures.interval(low, high)


def _today(cost: CostModel) -> str:
    today = cost.incumbent_usd_per_month.value
    return "" if today is None else f"; today {figures.money(today)} a month"


def _chance(subject: Subject) -> Fact:
    label, chance = "Chance that it saves money", chance_of(subject)
    if chance is None:
        why = "an input is missing" if subject.card.cost.missing else "not computed"
        return Fact(label=label, value=figures.UNKNOWN, detail=why)
    draws = subject.card.cost.draws
    detail = f"of {figures.count(draws)} draws of all inputs" if draws else ""
    return Fact(label=label, value=figures.chance(chance), detail=detail)


def payback_of(subject: Subject) -> EstimateModel:
    """When what comes once is earned back, by the same saving; in a report of an earlier version if all of it moved."""
    cost = subject.card.cost
    return cost.payback_of_split_months if _has_split_payback(subject) else cost.payback_months


def _has_split_payback(subject: Subject) -> bool:
    return is_of_split(subject) and bool(subject.card.cost.payback_of_split_months.n)


def _payback(subject: Subject) -> Fact:
    label, found, cost = "Payback", payback_of(subject), subject.card.cost
    part = OF_PART if _has_split_payback(subject) else "if all of it moved"
    if found.value == 0 and one_off_hours(subject) is None:
        return Fact(label=label, value=figures.UNKNOWN, detail="no hours were logged or given that would be earned back")
    if found.value is None:
        best = "" if found.low is None else f"; at best after {figures.number(found.low, 1)} months"
        why, detail = ("never", f"{part}: running it costs no less{best}") if cost.draws else (figures.UNKNOWN, "not computed")
        return Fact(label=label, value=why, detail=detail)
    high = "never" if found.high is None and found.low is not None else figures.number(found.high, 1)
    ends = figures.interval(figures.number(found.low, 1), high)
    unit = "" if high == "never" else " months"
    ranged = f"95% range {ends}{unit}, " if ends else ""
    detail = f"{part}; {ranged}until one-off hours are earned back"
    return Fact(label=label, value=f"{figures.number(found.value, 1)} months", detail=detail)


def _once(subject: Subject) -> Fact:
    label, hours = "Costs once", one_off_hours(subject)
    table = subject.configuration.cost
    rate = None if table is None else table.engineer_usd_per_hour
    if hours is None:
        return Fact(label=label, value=figures.UNKNOWN, detail="no hours were logged or given")
    if rate is None:
        detail = "nobody said what an hour costs"
        return Fact(label=label, value=f"{figures.number(hours, 1)} h", detail=detail)
    usd = rate * Decimal(str(hours))
    detail = f"{figures.number(hours, 1)} hours at {figures.money(rate)}, so far and still to come"
    return Fact(label=label, value=figures.money(usd), detail=detail)


def one_off_hours(subject: Subject) -> float | None:
    """Logged so far, and given as still to come; `None` = nobody said either."""
    found = [item.value for item in subject.card.cost.inputs if item.name in ONE_OFF_INPUTS]
    known = [value for value in found if value is not None]
    # An earlier version does not list them; its logged hours hold those of the pilot itself, too.
    return sum(known) if known else None if found else subject.card.cost.engineering_hours.one_off or None
