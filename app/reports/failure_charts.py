"""Failures by day: both arms beside each other, each day with its interval, against the limit."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt

from app.domain.operation_models import DayEstimate
from app.reports import figures
from app.reports.charts import Channel, Rows, day_axis, drawn, finished, short, words_on_ground
from app.reports.context import Subject
from app.reports.palette import RULE, arm_ink

APART = 0.16  # of a day to either side, so that two arms do not hide each other
AIR = 1.3


def failures_by_day_chart(subject: Subject) -> dict[str, Any]:
    """A point and an interval an arm and day, from zero; the limit as a line."""
    rates = subject.card.reliability
    rows = [*_rows(rates.incumbent_by_day, 0), *_rows(rates.by_day, subject.arm)]
    limit = subject.failure_limit
    top = top_of(rows, limit)
    scale = alt.Scale(domain=[0, top], nice=False)
    y: Channel = partial(alt.Y, title=None, scale=scale, axis=alt.Axis(format=".2~%", tickCount=5))
    days = alt.Scale(domain=[0.5, max(2, subject.days) + 0.5], nice=False)
    x = alt.X("at:Q", title="day of the pilot", scale=days, axis=day_axis())
    color = alt.Color("ink:N", scale=None, legend=None)
    shape = alt.Shape("place:N", legend=None, scale=alt.Scale(domain=[0, 1], range=["square", "circle"]))
    spans = drawn(rows).mark_rule(clip=True, strokeWidth=1.5, opacity=0.5).encode(x=x, y=y("low:Q"), y2="high:Q", color=color)
    points = drawn(rows).mark_point(clip=True, filled=True, size=42, opacity=1)
    lines = drawn(rows).mark_line(clip=True, strokeWidth=1.2, opacity=0.7).encode(x=x, y=y("value:Q"), color=color)
    layers = [spans, lines, points.encode(x=x, y=y("value:Q"), color=color, shape=shape), *_names(subject)]
    if limit is not None:
        layers += _limit(limit, subject.days, x, y)
    return finished(layers, height=300)


def _rows(series: Sequence[DayEstimate], arm: int) -> Rows:
    ink, place = arm_ink(arm).light, min(arm, 1)
    apart = -APART if place == 0 else APART
    return [
        {
            "at": each.day + apart, "place": place, "ink": ink, "value": each.estimate.value,
            "low": each.estimate.low, "high": each.estimate.high,
        }
        for each in series
        if each.estimate.value is not None
    ]  # fmt: skip


def top_of(rows: Rows, limit: float | None) -> float:
    """The end of the axis: all values, the limit, and nine of ten intervals; days with few requests would flatten the rest."""
    highs = sorted(float(row["high"]) for row in rows if row["high"] is not None)
    most = highs[int(0.9 * (len(highs) - 1))] if highs else 0.0
    return AIR * max([most, *(float(row["value"]) for row in rows), limit or 0.0]) or 1.0


def _names(subject: Subject) -> list[alt.Chart]:
    """Which colour and shape is whose, at the upper edge: points of two arms lie too close for names beside them."""
    rows: Rows = [
        {"place": place, "text": text, "ink": arm_ink(arm).light}
        for place, text, arm in ((0, f"■ {short(subject.incumbent)}", 0), (1, f"● {short(subject.name)}", subject.arm))
    ]
    color = alt.Color("ink:N", scale=None, legend=None)
    named = [
        drawn([row]).encode(x=alt.value(8), y=alt.value(10 + 18 * row["place"]), text="text:N", color=color) for row in rows
    ]
    return [part for each in named for part in words_on_ground(each, align="left", baseline="middle")]


def _limit(limit: float, days: int, x: alt.X, y: Channel) -> list[alt.Chart]:
    rows: Rows = [{"at": max(2, days) + 0.5, "value": limit, "text": f"limit {figures.small_percent(limit)}"}]
    rule = drawn(rows).mark_rule(color=RULE.light, strokeWidth=2).encode(y=y("value:Q"))
    words = drawn(rows).encode(x=x, y=y("value:Q"), text="text:N")
    return [rule, *words_on_ground(words, align="right", baseline="bottom", dx=-4, dy=-3)]
