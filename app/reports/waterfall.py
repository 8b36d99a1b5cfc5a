"""From the incumbent's bill to the saving: the parts in between, signed, adding up to the cent."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import altair as alt

from app.domain.cost_figures import CostModel
from app.reports import figures
from app.reports.charts import Rows, drawn, finished, short, words_on_ground
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Table, cells
from app.reports.palette import RULE, TEXT, arm_ink
from app.reports.wording import COST_PARTS, plain

CENT = Decimal("0.01")
# As much of a part's name as a chart has room for; tables say it whole.
BRIEF = {
    "gpus": "GPUs",
    "tokens": "tokens",
    "engineering hours": "hours of upkeep",
    "upgrades": "upgrade hours",
    "one-off hours": "one-off hours",
    "other": "other cost",
}
REST = "what the parts leave out"


@dataclass(frozen=True, slots=True)
class Step:
    """One bar: where it begins and ends, and by how much it moves; the bill and the saving begin at 0."""

    label: str
    brief: str
    usd: Decimal
    start: Decimal
    end: Decimal
    kind: Literal["bill", "part", "saving"]


def waterfall_steps(cost: CostModel, incumbent: str) -> list[Step]:
    """The bill, what each part of the candidate takes of it, and what is left; nothing where a part is unknown.

    Amounts are whole cents; what rounding leaves goes into the largest part.
    """
    bill, saving = cost.incumbent_usd_per_month.value, cost.saving_usd_per_month.value
    if bill is None or saving is None or not cost.parts:
        return []
    parts: dict[str, Decimal] = {}
    for name, usd in cost.parts.items():
        if usd is None:
            return []
        parts[name] = _cents(usd)
    bill, saving = _cents(bill), _cents(saving)
    rest = bill - saving - sum(parts.values(), Decimal(0))
    if abs(rest) <= CENT * (len(parts) + 2):
        parts[max(parts, key=lambda name: abs(parts[name]))] += rest
    else:
        parts[REST] = rest
    steps, left = [Step(incumbent, incumbent, bill, Decimal(0), bill, "bill")], bill
    for name, usd in parts.items():
        steps.append(Step(plain(name, COST_PARTS), BRIEF.get(name, name), -usd, left, left - usd, "part"))
        left -= usd
    word = "saving" if saving >= 0 else "more than staying"
    return [*steps, Step(word, word, saving, Decimal(0), saving, "saving")]


def waterfall(subject: Subject) -> Chart | None:
    """The picture with its numbers; `None` where the saving is unknown."""
    cost = subject.card.cost
    steps = waterfall_steps(cost, subject.incumbent)
    if not steps:
        return None
    parts = ", ".join(f"{step.label} {figures.money(step.usd)}" for step in steps[1:-1])
    end = steps[-1]
    result = f"{figures.money(end.usd)} is saved" if end.usd >= 0 else f"it costs {figures.money(-end.usd)} more"
    n = figures.count(cost.requests_per_month) if cost.requests_per_month is not None else "an unknown number of"
    return Chart(
        name=f"waterfall-{subject.arm}",
        title="From the bill to the saving, US dollars per month",
        spec=waterfall_chart(subject, steps),
        alt=f"Bars from the bill of {subject.incumbent}, {figures.money(steps[0].usd)} a month, through {parts}: {result}.",
        caption=f"n = {n} requests a month. What {subject.name} costs is taken off the bill, part by part. The axis holds 0.",
        data=Table(
            caption="The same in cents",
            columns=("Part", "US dollars per month"),
            rows=tuple(cells(_cell(step, subject), in_cents(step.usd)) for step in steps),
            numeric=1,
            has_total=True,
        ),
    )


def waterfall_chart(subject: Subject, steps: list[Step]) -> dict[str, Any]:
    """Bars one below the other, each beginning where the last one ended."""
    inks = {"bill": arm_ink(0).light, "part": arm_ink(subject.arm).light, "saving": TEXT.light}
    rows: Rows = [
        {
            "name": f"{place}\n{short(step.brief, 17)}", "start": float(step.start), "end": float(step.end),
            "ink": inks[step.kind], "right": float(max(step.start, step.end)), "text": _said(step),
        }
        for place, step in enumerate(steps)
    ]  # fmt: skip
    ends = [float(each) for step in steps for each in (step.start, step.end)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    wide = high - low or 1.0
    dollars = alt.Scale(domain=[low - (0.05 * wide if low < 0 else 0), high + 0.28 * wide], nice=False)
    axis = alt.Axis(
        labelExpr="slice(split(datum.label, '\\n'), 1)", labelAlign="left", labelPadding=110, labelLimit=118, minExtent=110,
        ticks=False, domain=False, grid=False,
    )  # fmt: skip
    y = alt.Y("name:N", sort=None, title=None, axis=axis)
    x = alt.X("start:Q", title="US dollars per month", scale=dollars, axis=alt.Axis(format="$,.0f", tickCount=5))
    bars = drawn(rows).mark_bar(height=22).encode(x=x, x2="end:Q", y=y, color=alt.Color("ink:N", scale=None, legend=None))
    zero = drawn([{"at": 0}]).mark_rule(color=RULE.light, strokeWidth=1.5).encode(x=alt.X("at:Q", scale=dollars))
    words = words_on_ground(drawn(rows).encode(x=alt.X("right:Q", scale=dollars), y=y, text="text:N"), align="left", dx=6)
    return finished([bars, zero, *words], height=50 + 36 * len(rows))


def in_cents(usd: Decimal) -> str:
    """`-$1,440.00`: every cent, so that a reader can add up."""
    return f"-${-usd:,.2f}" if usd < 0 else f"${usd:,.2f}"


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(CENT)


def _said(step: Step) -> str:
    return f"= {figures.money(step.usd)}" if step.kind == "saving" else figures.money(step.usd)


def _cell(step: Step, subject: Subject) -> Cell:
    return Cell(text=step.label, arm={"bill": 0, "part": subject.arm}.get(step.kind))
