"""What both arms cost a month, and the hours that people worked."""

from collections.abc import Sequence

from app.domain.hours import HoursEntry
from app.domain.scorecard import CostModel, MoneyEstimate
from app.reports import figures
from app.reports.charts import money_chart
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Fact, Facts, Paragraph, Section, Table, cells
from app.reports.money_changes import change_sections
from app.reports.waterfall import waterfall
from app.reports.wording import COST_PARTS, plain


def money_section(subject: Subject) -> Section:
    """What each arm costs, from the bill to the saving, what would change it; an unknown amount is named."""
    cost = subject.card.cost
    table = _cost_table(subject)
    blocks: tuple[Paragraph | Facts | Chart | Table, ...] = (Paragraph(text=_basis(cost)), _facts(subject))
    if cost.missing:
        text = f"Missing, so what needs it is unknown: {figures.names(cost.missing)}."
        blocks += (Paragraph(text=text, tone="warning"),)
    if cost.unpriced_models:
        text = f"Models whose price nobody knows: {figures.names(cost.unpriced_models)}. Give prices in pilot.toml."
        blocks += (Paragraph(text=text, tone="warning"),)
    if cost.incumbent_usd_per_month.value is not None and cost.candidate_usd_per_month.value is not None:
        blocks += (_chart(subject),)
    picture = waterfall(subject)
    if picture is not None:
        blocks += (picture,)
    changes = tuple(change_sections(subject))
    return Section(slug=f"money-{subject.arm}", title="Money per month", blocks=(*blocks, table), sections=changes)


def _facts(subject: Subject) -> Facts:
    """Both arms, what is saved, and how sure that is."""
    cost = subject.card.cost
    saving, chance = cost.saving_usd_per_month, cost.probability_saving_positive
    is_loss = saving.value is not None and saving.value < 0
    sure = "of the draws; the gate asks for 95%" if chance is not None else "needs a saving with a range"
    return Facts(
        items=(
            _fact(f"{subject.incumbent}, a month", cost.incumbent_usd_per_month),
            _fact(f"{subject.name}, a month", cost.candidate_usd_per_month),
            _fact("Saving, a month" if not is_loss else "Saving, a month (it costs more)", saving),
            Fact(
                label="Chance that it saves money",
                value=figures.chance(chance),
                detail=sure,
            ),
        )
    )


def _fact(label: str, amount: MoneyEstimate) -> Fact:
    ends = figures.interval(figures.money(amount.low), figures.money(amount.high))
    if amount.value is None:
        detail = "something is missing"
    else:
        detail = f"95% range {ends}, n = {amount.n:,} conversations" if ends else "its range is not known"
    return Fact(label=label, value=figures.money(amount.value), detail=detail)


def _basis(cost: CostModel) -> str:
    volume = "an unknown number of" if cost.requests_per_month is None else f"about {figures.count(cost.requests_per_month)}"
    basis = f"For {volume} requests a month of 730 hours, reckoned from the closed days, as if all of it moved."
    n = cost.saving_usd_per_month.n
    return f"{basis} Ranges hold 95% of {cost.draws:,} draws; n = {n:,} conversations." if cost.draws else basis


def _chart(subject: Subject) -> Chart:
    cost = subject.card.cost
    incumbent, candidate = figures.money(cost.incumbent_usd_per_month.value), figures.money(cost.candidate_usd_per_month.value)
    volume = cost.requests_per_month
    n = "an unknown number of" if volume is None else figures.count(volume)
    return Chart(
        name=f"money-{subject.arm}",
        title="Cost per month if all of it moved",
        spec=money_chart(subject),
        alt=f"Bars: {subject.incumbent} {incumbent} a month, {subject.name} {candidate} a month.",
        caption=f"n = {n} requests a month. Lines: 95% ranges, where they are known. The axis starts at 0.",
        data=None,
    )


def _cost_table(subject: Subject) -> Table:
    cost = subject.card.cost
    hours = cost.engineering_hours
    rows = (
        cells(Cell(text=subject.incumbent, arm=0), figures.money_with_interval(cost.incumbent_usd_per_month)),
        cells(Cell(text=subject.name, arm=subject.arm), figures.money_with_interval(cost.candidate_usd_per_month)),
        *(cells(f"of it: {plain(part, COST_PARTS)}", figures.money(usd)) for part, usd in cost.parts.items()),
        cells("Saving if all of it moves", figures.money_with_interval(cost.saving_usd_per_month)),
        *_of_split(cost),
        *_over_the_horizon(cost),
        cells("Chance that it saves money, if all of it moves", _chance(cost.probability_saving_positive)),
        cells("Requests a month above which it pays", _pays(cost)),
        *_used(cost),
        cells("One-off hours so far", f"{figures.number(hours.one_off, 1)} h"),
        cells("Hours of upkeep a month, extrapolated", _recurring(cost)),
        cells("Spent by this pilot itself on paid calls", figures.money(cost.pilot_usd)),
    )
    return Table(caption="Money and hours per month", columns=("What", "Amount"), rows=rows, numeric=1)


def _over_the_horizon(cost: CostModel) -> tuple[tuple[Cell, ...], ...]:
    """Both arms in all, and when what comes once is paid back."""
    if cost.horizon_months is None:
        return ()
    months = f"in {cost.horizon_months} months"
    payback = figures.reached_with_interval(cost.payback_months, 1) if cost.draws else "unknown: not computed"
    payback = "never: running it costs no less" if payback == "never" else payback
    payback = "nothing to pay back: no one-off hours are known" if cost.payback_months.value == 0 else payback
    return (
        cells(f"Staying {months}, all in all", figures.money_with_interval(cost.incumbent_total_usd)),
        cells(f"Moving {months}, all in all", figures.money_with_interval(cost.candidate_total_usd)),
        cells("Months until one-off hours are paid back, if all of it moves", payback),
    )


def _used(cost: CostModel) -> tuple[tuple[Cell, ...], ...]:
    share = cost.utilisation_rate
    return () if share is None else (cells("Share of the rented capacity in use on average", figures.percent(share, 0)),)


def _of_split(cost: CostModel) -> tuple[tuple[Cell, ...], ...]:
    saving = cost.saving_of_split_usd_per_month
    if saving.value is None:
        return ()
    chance = cells("Chance that it saves money, if only the named kinds move", _chance(cost.probability_split_saving_positive))
    return (cells("Saving if only the named kinds move", figures.money_with_interval(saving)), chance)


def _chance(probability: float | None) -> str:
    return "unknown: not computed" if probability is None else figures.chance(probability)


def _pays(cost: CostModel) -> str:
    return figures.reached_with_interval(cost.break_even_requests_per_month) if cost.draws else "unknown: not computed"


def _recurring(cost: CostModel) -> str:
    estimate = cost.engineering_hours.recurring_per_month
    return "unknown: none logged" if estimate.value is None else f"{figures.number_with_interval(estimate, 1)} h"


def hours_section(hours: Sequence[HoursEntry]) -> Section:
    """Who worked how long, as logged."""
    if not hours:
        text = "No engineering hours were logged. If people did work, the cost above is too low."
        return Section(slug="hours", title="Engineering hours", blocks=(Paragraph(text=text, tone="note"),))
    rows = tuple(
        cells(
            f"{entry.worked_on.day} {entry.worked_on:%b %Y}",
            entry.who,
            entry.kind,
            "comes again" if entry.is_recurring else "once",
            entry.note or figures.NOTHING,
            f"{entry.hours:,.1f}",
        )
        for entry in hours
    )
    once = sum(entry.hours for entry in hours if not entry.is_recurring)
    total = sum(entry.hours for entry in hours)
    table = Table(
        caption="Logged hours",
        columns=("Day", "Who", "Kind of work", "How often", "Note", "Hours"),
        rows=rows,
        numeric=1,
        note=(
            f"{total:,.1f} hours in all: {once:,.1f} once, {total - once:,.1f} of a kind that comes again. "
            "Of these, the ones of the closed days are extrapolated to a month of 730 hours."
        ),
    )
    return Section(slug="hours", title="Engineering hours", blocks=(table,))
