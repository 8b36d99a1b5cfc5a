"""What would change the money: inputs with sources, swings, scenarios, the staircase, other ways out, the pilot itself."""

from collections.abc import Iterator
from decimal import Decimal

from app.domain.cost_figures import CostInput, CostModel, OptionModel, ScenarioModel, TornadoBar
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Paragraph, Section, Table, cells
from app.reports.money_charts import MOST_BARS, stairs_chart, tornado_chart

SOURCES = {"measured": "measured", "given": "given", "field": "published guides", "unknown": "nobody said"}
KINDS = {"vendor_tier": "cheaper model of the same vendor", "managed": "open weights, served by somebody else"}
TOO_FEW_STAIRS = 2
WHOLE_FROM = 1000


def change_sections(subject: Subject) -> Iterator[Section]:
    """Parts of the money section; none without a saving."""
    cost, arm = subject.card.cost, subject.arm
    if cost.draws and len(cost.stairs) >= TOO_FEW_STAIRS:
        yield Section(slug=f"money-volume-{arm}", title="From which volume it pays", blocks=(_stairs(subject),))
    if cost.draws:
        yield Section(slug=f"money-changes-{arm}", title="What would change the saving", blocks=tuple(_changes(subject)))
    if cost.options:
        yield Section(slug=f"money-options-{arm}", title="Other ways out", blocks=(_options(cost),))
    if cost.inputs:
        yield Section(slug=f"money-inputs-{arm}", title="What the money rests on", blocks=(_inputs(cost),))
    if cost.pilot_spend:
        yield Section(slug=f"pilot-spend-{arm}", title="What the pilot itself cost", blocks=(_spend(cost),))


def _changes(subject: Subject) -> Iterator[Paragraph | Chart | Table]:
    cost = subject.card.cost
    if cost.tornado:
        yield _tornado(subject)
    yield _scenarios(cost)


def _tornado(subject: Subject) -> Chart:
    bars = subject.card.cost.tornado
    widest = bars[0]
    return Chart(
        name=f"tornado-{subject.arm}",
        title="What moves the saving most",
        spec=tornado_chart(subject),
        alt=(
            f"Bars of {min(len(bars), MOST_BARS)} inputs; the widest is the {widest.input}: "
            f"{figures.money(widest.saving_at_low_usd)} to {figures.money(widest.saving_at_high_usd)} a month."
        ),
        caption=(
            "Saving a month with one input at its low and its high end, all others as they are. Measured: 5th to 95th "
            f"percentile. Assumed: {_assumed(bars)}. The dashed line is no saving."
        ),
        data=Table(
            caption="Saving per month at each end",
            columns=("Input", "Ends", "Multiplied by", "Saving at the low end", "Saving at the high end"),
            rows=tuple(
                cells(
                    bar.input,
                    "measured" if bar.is_measured else "assumed",
                    f"{bar.low:.2f} to {bar.high:.2f}",
                    figures.money(bar.saving_at_low_usd),
                    figures.money(bar.saving_at_high_usd),
                )
                for bar in bars
            ),
            numeric=3,
        ),
    )


def _assumed(bars: list[TornadoBar]) -> str:
    said = [f"{bar.input} {bar.words}" for bar in bars[:MOST_BARS] if not bar.is_measured]
    return "; ".join(said) or "none"


def _scenarios(cost: CostModel) -> Table:
    now = cells(
        "As it is",
        figures.money_with_interval(cost.saving_usd_per_month),
        figures.chance(cost.probability_saving_positive),
        figures.money(_total(cost)),
    )
    return Table(
        caption="If something else were so",
        columns=("If", "Saving per month (95% range)", "Chance that it saves money", f"Saving in {cost.horizon_months} months"),
        rows=(now, *(_scenario(each) for each in cost.scenarios)),
        numeric=3,
        note=f"From {cost.draws:,} seeded draws (seed {cost.seed}); each line changes one thing and keeps every fourth draw.",
    )


def _scenario(scenario: ScenarioModel) -> tuple[Cell, ...]:
    return cells(
        scenario.words[:1].upper() + scenario.words[1:],
        figures.money_with_interval(scenario.saving_usd_per_month),
        figures.chance(scenario.probability_saving_positive),
        figures.money(scenario.total_saving_usd),
    )


def _total(cost: CostModel) -> Decimal | None:
    before, after = cost.incumbent_total_usd.value, cost.candidate_total_usd.value
    return before - after if before is not None and after is not None else None


def _stairs(subject: Subject) -> Chart:
    cost = subject.card.cost
    rows = tuple(
        cells(
            figures.count(stair.requests_per_month),
            figures.count(stair.replicas),
            figures.money(stair.incumbent_usd),
            figures.money(stair.candidate_usd),
        )
        for stair in cost.stairs
    )
    return Chart(
        name=f"stairs-{subject.arm}",
        title="Cost by volume, US dollars per month",
        spec=stairs_chart(subject),
        alt=f"A slope for {subject.incumbent} and steps for {subject.name}; {_pays(cost)}",
        caption=f"{_pays(cost)} {_steps(cost)} Axes start at 0.",
        data=Table(
            caption="Cost at the end of each step",
            columns=("Requests a month", "Replicas", subject.incumbent, subject.name),
            rows=rows,
            numeric=3,
        ),
    )


def _steps(cost: CostModel) -> str:
    """What the candidate's line rests on."""
    if len({stair.replicas for stair in cost.stairs}) > 1:
        return "Replicas are whole, so the candidate's cost is a staircase."
    if "tokens" in cost.parts:
        return "It is paid by the token, so its cost grows with the requests, too."
    replicas = cost.stairs[0].replicas
    said = "replica is" if replicas == 1 else "replicas are"
    return (
        f"Nobody measured what a replica carries (pilot rehearse does), so {replicas} {said} taken to serve any volume: with "
        "more requests the candidate will cost more than this."
    )


def _pays(cost: CostModel) -> str:
    estimate = cost.break_even_requests_per_month
    if estimate.value is None:
        best = "" if estimate.low is None else f" (at best from {figures.count(estimate.low)} requests a month on)"
        return f"At no volume does it pay{best}."
    return f"It pays from {figures.reached_with_interval(estimate)} requests a month on."


def _options(cost: CostModel) -> Table:
    return Table(
        caption="What the measured tokens would cost elsewhere",
        columns=("Option", "What it is", "Cost per month (95% range)", "Saving per month (95% range)", "Prices from"),
        rows=tuple(_option(option) for option in cost.options),
        numeric=0,
        note=(
            "At the incumbent's token counts; another model counts and writes its own. Nobody has to run these, so no "
            "engineering hours are added. Unless it says so, their quality is not tested: only a pilot can say if it is "
            "good enough."
        ),
    )


def _option(option: OptionModel) -> tuple[Cell, ...]:
    tested = ", in this pilot" if option.is_tested else ""
    return cells(
        option.name,
        f"{KINDS.get(option.kind, option.kind)}{tested}",
        figures.money_with_interval(option.usd_per_month),
        figures.money_with_interval(option.saving_usd_per_month),
        option.source or figures.UNKNOWN,
    )


def _inputs(cost: CostModel) -> Table:
    return Table(
        caption="Inputs of the cost model",
        columns=("Input", "Value", "Unit", "Where it comes from"),
        rows=tuple(_input(each) for each in cost.inputs),
        note=(
            "Nothing is filled in by a figure of a guide. Upkeep and upgrades that nobody logged or gave count as none and "
            "are listed under what was not tested; anything else that is unknown keeps the saving open."
        ),
    )


def _input(each: CostInput) -> tuple[Cell, ...]:
    digits = 0 if each.value is None or each.value >= WHOLE_FROM or each.value == int(each.value) else 2
    value = figures.number(each.value, digits)
    ends = figures.interval(figures.number(each.low, digits), figures.number(each.high, digits))
    citation = f": {each.citation}" if each.citation else ""
    shown = ends if each.value is None and ends else f"{value} ({ends})" if ends else value
    return cells(each.name, shown, each.unit, f"{SOURCES[each.source]}{citation}")


def _spend(cost: CostModel) -> Table:
    rows = [
        cells(
            line.purpose[:1].upper() + line.purpose[1:],
            figures.count(line.calls) if line.calls else figures.NOTHING,
            f"{line.hours:,.1f} h" if line.hours is not None else figures.NOTHING,
            figures.money(line.usd),
        )
        for line in cost.pilot_spend
    ]
    return Table(
        caption="The pilot's own cost",
        columns=("For", "Calls", "Hours", "Cost"),
        rows=(*rows, cells("In all", "", "", figures.money(cost.pilot_total_usd))),
        numeric=3,
        has_total=True,
        note="Spent whatever is decided, and no part of what production costs on either side.",
    )
