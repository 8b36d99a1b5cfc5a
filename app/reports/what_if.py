"""What an "if" comes to, beside what was measured: numbers with ranges, a sentence, a small picture."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from app.costs.what_if import WhatIf
from app.domain.words import GateName, GateOutcome
from app.reports import figures
from app.reports.charts import Rows, drawn, finished, words_on_ground
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Table, cells
from app.reports.palette import QUIET, RULE, arm_ink

SURE = 0.95
AS_MEASURED, AS_SET = "as measured", "as set"


class Beside(NamedTuple):
    """As it is, and as it would be; `None` = nothing was moved."""

    measured: WhatIf
    chosen: WhatIf | None

    @property
    def shown(self) -> WhatIf:
        """What the sentence is about."""
        return self.chosen or self.measured


def sentence(found: Beside, subject: Subject) -> str:
    """What is saved or lost, how sure that is, and what the saving gate would say."""
    saving = found.shown.saving
    point = _number(found.shown.month.saving_usd)
    begin = "As set, moving" if found.chosen is not None else "As measured, moving"
    what = f"saves {figures.money(point)}" if point > 0 else f"costs {figures.money(-point)} more"
    ends = figures.interval(figures.money(saving.low), figures.money(saving.high))
    chance = saving.probability_positive
    return (
        f"{begin} everything to {subject.name} {what} a month (saving {ends} in 95% of the draws). "
        f"The chance that it saves money is {figures.chance(chance)}: {_gate(chance)}{_held(found, subject)}"
    )


def _gate(chance: float) -> str:
    if chance >= SURE:
        return "the saving gate would pass."
    return "the saving gate would fail." if chance <= 1 - SURE else "not sure enough, the saving gate would stay open."


def _held(found: Beside, subject: Subject) -> str:
    """Why the gate is open though the draws are sure: something speaks against what was measured."""
    chance = found.measured.saving.probability_positive
    gate = next((gate for gate in subject.card.gates if gate.name is GateName.SAVING), None)
    is_of_all = not subject.card.verdict.routing
    if gate is None or not is_of_all or gate.outcome is not GateOutcome.UNKNOWN or 1 - SURE < chance < SURE:
        return ""
    return f" It is open all the same: {gate.reason}."


def comparison(found: Beside, subject: Subject) -> Table:
    """All figures, measured and set side by side."""
    sides = [found.measured] if found.chosen is None else [found.measured, found.chosen]
    rows = (
        (Cell(text=f"{subject.incumbent}, a month", arm=0), [_money(s.month.incumbent_usd, s.incumbent_ends) for s in sides]),
        (
            Cell(text=f"{subject.name}, a month", arm=subject.arm),
            [_money(s.month.candidate_usd, s.candidate_ends) for s in sides],
        ),
        (Cell(text="Saving, a month"), [_money(s.month.saving_usd, (s.saving.low, s.saving.high)) for s in sides]),
        (Cell(text="Chance that it saves money"), [figures.chance(s.saving.probability_positive) for s in sides]),
        *_replicas(sides, subject),
        (Cell(text="It pays from (requests a month)"), [_ranged(s.break_even_requests, s.break_even_ends, 0) for s in sides]),
        (Cell(text="Months until one-off hours are paid back"), [_ranged(s.payback_months, s.payback_ends, 1) for s in sides]),
    )
    heads = ("As measured",) if found.chosen is None else ("As measured", "As set")
    return Table(
        caption=f"Moving everything to {subject.name}",
        columns=("What", *heads),
        rows=tuple(cells(name, *said) for name, said in rows),
        numeric=len(heads),
        note=(
            f"In brackets: where 95% of {found.shown.saving.draws:,} draws lie, the same draws as for the saving itself. What "
            "is set is taken as certain; what was measured stays as unsure as it is."
        ),
    )


def _replicas(sides: Sequence[WhatIf], subject: Subject) -> tuple[tuple[Cell, list[str]], ...]:
    model = subject.card.cost.model
    if model is None or model.is_paid_by_token:
        return ()
    return ((Cell(text="Replicas rented"), [figures.count(_number(s.month.replicas)) for s in sides]),)


def picture(found: Beside, subject: Subject) -> Chart:
    """The saving as measured and as set, with ranges and the line of no saving."""
    named = [(AS_MEASURED, found.measured)] + ([(AS_SET, found.chosen)] if found.chosen is not None else [])
    said = "; ".join(
        f"{name} {_money(each.month.saving_usd, (each.saving.low, each.saving.high))}" for name, each in named
    )  # fmt: skip
    return Chart(
        name=f"what-if-{subject.arm}",
        title="Saving a month",
        spec=saving_chart(subject, named),
        alt=f"Saving a month: {said}.",
        caption=(f"Lines: 95% of n = {found.shown.saving.draws:,} draws. The solid line is no saving. The axis holds 0."),
        data=None,
    )


def saving_chart(subject: Subject, named: Sequence[tuple[str, WhatIf]]) -> dict[str, Any]:
    """One point with its range a row; both rows stand still while the numbers move."""
    rows: Rows = [
        {
            "name": name, "value": _number(each.month.saving_usd), "low": each.saving.low, "high": each.saving.high,
            "text": figures.money(_number(each.month.saving_usd)),
            "ink": arm_ink(subject.arm).light if name == AS_SET or len(named) == 1 else QUIET.light,
        }
        for name, each in named
    ]  # fmt: skip
    ends = [float(row[key]) for row in rows for key in ("low", "high", "value")] + [0.0]
    air = 0.12 * (max(ends) - min(ends) or 1.0)
    dollars = alt.Scale(domain=[min(ends) - air, max(ends) + air], nice=False, zero=False)
    y = alt.Y(
        "name:N",
        title=None,
        scale=alt.Scale(domain=[AS_MEASURED, AS_SET]),
        axis=alt.Axis(ticks=False, domain=False, grid=False),
    )
    x = alt.X("value:Q", title="US dollars per month", scale=dollars, axis=alt.Axis(format="$,.0f", tickCount=5))
    ink = alt.Color("ink:N", scale=None, legend=None)
    zero = drawn([{"at": 0}]).mark_rule(color=RULE.light, strokeWidth=2).encode(x=alt.X("at:Q", scale=dollars))
    spans = drawn(rows).mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", scale=dollars), x2="high:Q", y=y, color=ink)
    points = drawn(rows).mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, color=ink)
    words = words_on_ground(drawn(rows).encode(x=x, y=y, text="text:N"), dy=-16, fontWeight="bold")
    return finished([zero, spans, points, *words], height=150)


def _money(value: object, ends: tuple[float, float]) -> str:
    low, high = (figures.money(end) for end in ends)
    said = figures.money(_number(value))
    return said if low == high == said else f"{said} ({figures.interval(low, high)})"


def _ranged(value: float, ends: tuple[float, float], digits: int) -> str:
    """With an end that is never reached said in words."""
    if not math.isfinite(value):
        return "never" if not math.isfinite(ends[0]) else f"never (at best {figures.number(ends[0], digits)})"
    said, low = figures.number(value, digits), figures.number(ends[0], digits)
    high = figures.number(ends[1], digits) if math.isfinite(ends[1]) else "never"
    return said if low == high == said else f"{said} ({low} to {high})"


def _number(value: Any) -> float:
    return float(value)
