"""The steps of a rehearsal: how long answers took at each rate that was offered, against the limit."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import altair as alt

from app.domain.rehearsal import RehearsalModel, StepKind, StepModel, StepOutcome, TimesModel
from app.reports import figures
from app.reports.charts import SHAPES, Channel, Rows, drawn, finished, words_on_ground
from app.reports.context import Subject
from app.reports.document import Chart
from app.reports.palette import QUIET, RULE, arm_ink

TIMES = {
    "total_seconds": ("Time to the whole answer", "total_p95_seconds"),
    "ttft_any_seconds": ("Time to the first sign of an answer", "ttft_any_p95_seconds"),
}
SHAPE_WORDS = {
    StepOutcome.MET: "passes",
    StepOutcome.MISSED: "fails",
    StepOutcome.MEASURED: "not required",
    StepOutcome.NOT_VALID: "unknown",
}
# Steps that offer too much on purpose take as long as they may: they stand at the edge.
MOST_OF_LIMIT = 2.0


def rehearsal_charts(subject: Subject, rehearsal: RehearsalModel) -> Iterator[Chart]:
    """A picture for each time that has a limit; of the whole answer also without one."""
    for measure, (title, limit_name) in TIMES.items():
        limit: float | None = getattr(rehearsal.objective, limit_name)
        steps = _known(rehearsal.steps, measure)
        if steps and (limit is not None or measure == "total_seconds"):
            yield _chart(subject, measure, title, steps, limit)


def _known(steps: Sequence[StepModel], measure: str) -> list[StepModel]:
    return [
        step
        for step in steps
        if step.outcome in SHAPE_WORDS and step.offered_requests_per_second and _p95(step, measure) is not None
    ]


def _p95(step: StepModel, measure: str) -> float | None:
    times: TimesModel = getattr(step, measure)
    return times.p95.value


def _chart(subject: Subject, measure: str, title: str, steps: Sequence[StepModel], limit: float | None) -> Chart:
    top = _top(steps, measure, limit)
    beyond = sum((_p95(step, measure) or 0.0) > top for step in steps)
    edge = f" {beyond} of {len(steps)} steps lie above the edge and stand at it; the table has their times." if beyond else ""
    n = figures.count(sum(getattr(step, measure).p95.n for step in steps))
    return Chart(
        name=f"rehearsal-{measure.replace('_', '-')}-{subject.arm}",
        title=f"{title} in seconds, 95 of 100 answers, by the requests offered a second",
        spec=rehearsal_chart(subject, measure, steps, limit),
        alt=f"{title} by offered rate. {_said(steps, measure)}",
        caption="Circle = the step kept all limits, cross = it missed one, diamond = not valid; line = 95% interval; number = "
        f"speed against production's own. Both scales start at 0.{edge} n = {n} answers in {len(steps)} steps.",
        data=None,
    )


def _said(steps: Sequence[StepModel], measure: str) -> str:
    asked = [step for step in steps if step.kind is StepKind.SPEED] or list(steps)
    said = [
        f"at {figures.number(step.offered_requests_per_second, 1)} a second ({step.speed:.3g} times production's pace) "
        f"{figures.seconds(_p95(step, measure))}"
        for step in asked
    ]
    return f"95 of 100 answers: {'; '.join(said)}."


def _top(steps: Sequence[StepModel], measure: str, limit: float | None) -> float:
    most = max(_p95(step, measure) or 0.0 for step in steps)
    return 1.25 * (most if limit is None else max(limit, min(most, MOST_OF_LIMIT * limit)))


def rehearsal_chart(subject: Subject, measure: str, steps: Sequence[StepModel], limit: float | None) -> dict[str, Any]:
    """A point a step with its interval; the asked speeds are named."""
    top, ink = _top(steps, measure, limit), arm_ink(subject.arm).light
    most = max(step.offered_requests_per_second or 0.0 for step in steps)
    rates = alt.Scale(domain=[0, 1.15 * most], nice=False)
    x = alt.X("rate:Q", title="requests offered a second, from 0", scale=rates, axis=alt.Axis(grid=False, tickCount=6))
    y: Channel = partial(alt.Y, title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=5))
    rows: Rows = [_row(step, measure, top) for step in steps]
    words = [row | {"shown": text} for row in rows if (text := _name(row))]
    shape = alt.Shape("word:N", legend=None, scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())))
    spans = drawn(rows).mark_rule(clip=True, color=ink, strokeWidth=2).encode(x=x, y=y("low:Q"), y2="high:Q")
    points = drawn(rows).mark_point(color=ink, fill=ink, size=90, opacity=1).encode(x=x, y=y("value:Q"), shape=shape)
    named = drawn(words).encode(x=x, y=y("value:Q"), text="shown:N")
    return finished(
        [*_limit(limit, y), *_production(steps, x), spans, points, *words_on_ground(named, align="center", dy=18)], height=300
    )


def _row(step: StepModel, measure: str, top: float) -> dict[str, Any]:
    times: TimesModel = getattr(step, measure)
    value = times.p95.value or 0.0
    low, high = (value if end is None else end for end in (times.p95.low, times.p95.high))
    speed = f"{step.speed:.3g}x" if step.kind is StepKind.SPEED else ""
    row = {"rate": step.offered_requests_per_second, "value": min(value, 0.96 * top), "word": SHAPE_WORDS[step.outcome]}
    return row | {"low": low, "high": high} | {"speed": speed, "above": figures.seconds(value) if value > top else ""}


def _name(row: dict[str, Any]) -> str:
    return ", ".join(part for part in (row["speed"], row["above"]) if part) if row["speed"] else ""


def _limit(limit: float | None, y: Channel) -> list[alt.Chart]:
    if limit is None:
        return []
    rows: Rows = [{"value": limit, "text": f"limit {figures.seconds(limit)}"}]
    rule = drawn(rows).mark_rule(color=RULE.light, strokeWidth=2).encode(y=y("value:Q"))
    words = drawn(rows).encode(y=y("value:Q"), x=alt.value(0), text="text:N")
    return [rule, *words_on_ground(words, align="left", baseline="bottom", dx=6, dy=-3)]


def _production(steps: Sequence[StepModel], x: alt.X) -> list[alt.Chart]:
    """Where production's own pace lies: the step at speed 1."""
    own = next((step for step in steps if step.kind is StepKind.SPEED and step.speed == 1), None)
    if own is None:
        return []
    rows: Rows = [{"rate": own.offered_requests_per_second, "text": "production's pace"}]
    rule = drawn(rows).mark_rule(color=QUIET.light, strokeDash=[4, 4]).encode(x=x)
    return [rule, *words_on_ground(drawn(rows).encode(x=x, y=alt.value(60), text="text:N"), align="left", dx=5)]
