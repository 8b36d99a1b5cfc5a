"""Where requests went: a funnel of steps, and how much of each day was compared."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from app.domain.scorecard import DayCoverage
from app.reports import figures
from app.reports.charts import Rows, day_axis, drawn, finished, label_axis
from app.reports.palette import QUIET, RULE, arm_ink

LABELS_WIDTH = 142


class Step(NamedTuple):
    """How many requests came so far; `arm` chooses the colour, `None` = before any candidate is asked."""

    name: str
    n: int
    arm: int | None = None


def funnel_chart(steps: Sequence[Step]) -> dict[str, Any]:
    """A bar a step, from zero, with its number and its share of all beside its name."""
    total = max(1, steps[0].n)
    rows: Rows = [
        {
            "name": f"{place}\n{step.name}\n{figures.count(step.n)} ({figures.percent(step.n / total)})", "n": step.n,
            "ink": QUIET.light if step.arm is None else arm_ink(step.arm).light,
        }
        for place, step in enumerate(steps)
    ]  # fmt: skip
    y = alt.Y("name:N", sort=None, title=None, axis=label_axis(LABELS_WIDTH))
    scale, axis = alt.Scale(domain=[0, 1.04 * total], nice=False), alt.Axis(tickCount=4, format="~s")
    x = alt.X("n:Q", title="requests, from 0", scale=scale, axis=axis)
    bars = drawn(rows).mark_bar(height=24).encode(x=x, y=y, color=alt.Color("ink:N", scale=None, legend=None))
    return finished([bars], height=60 + 44 * len(rows))


def coverage_by_day_chart(days: Sequence[DayCoverage], last: int) -> dict[str, Any]:
    """The share of each day's requests that was compared, from 0 to all."""
    rows: Rows = [
        {"day": each.day, "value": each.captured / each.production_requests} for each in days if each.production_requests
    ]
    x = alt.X(
        "day:Q", title="day of the pilot", scale=alt.Scale(domain=[0.5, max(2, last) + 0.5], nice=False),
        axis=day_axis(),
    )  # fmt: skip
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=5))
    line = drawn(rows).mark_line(color=QUIET.light, strokeWidth=1.5).encode(x=x, y=y)
    points = drawn(rows).mark_point(color=RULE.light, fill=RULE.light, size=40, opacity=1).encode(x=x, y=y)
    return finished([line, points], height=220)
