"""Charts of the win rate: over days, and counted several ways."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt

from app.domain.scorecard import DayPoint, EstimateModel
from app.reports import figures
from app.reports.charts import Channel, Rows, day_axis, drawn, finished, forest, share_domain, short, words_on_ground
from app.reports.context import Subject
from app.reports.palette import QUIET, RULE, arm_ink

DECIDES, SHOWN = "passes", "unknown"  # names of shapes: circle, diamond


def win_rate_chart(subject: Subject, series: Sequence[DayPoint], looks: Sequence[int]) -> dict[str, Any]:
    """The win rate over days with its always-valid band, par, the limit and the days of the registered looks."""
    points = [p for p in series if p.value is not None]
    rows: Rows = [{"day": p.day, "value": p.value, "low": p.low, "high": p.high} for p in points]
    late = points[len(points) // 2 :]
    domain = share_domain([v for p in late for v in (p.value, p.low, p.high) if v is not None], subject.limit)
    ink = arm_ink(subject.arm).light
    days = alt.Scale(domain=[1, max(2, subject.days)], nice=False)
    x = alt.X("day:Q", title="day of the pilot", axis=day_axis(), scale=days)
    shares = alt.Scale(domain=list(domain), zero=False, nice=False)
    y: Channel = partial(alt.Y, title=None, scale=shares, axis=alt.Axis(format=".0%"))
    band = drawn(rows).mark_area(clip=True, opacity=0.22, color=ink).encode(x=x, y=y("low:Q"), y2="high:Q")
    line = drawn(rows).mark_line(clip=True, color=ink, strokeWidth=2.5).encode(x=x, y=y("value:Q"))
    end = drawn(rows[-1:]).mark_point(color=ink, fill=ink, size=60, opacity=1).encode(x=x, y=y("value:Q"))
    marks = _looks([day for day in looks if day <= subject.days], domain[1], x, y("value:Q"))
    return finished([band, *marks, *_levels(subject, x, y("value:Q")), line, end], height=300)


def _looks(days: Sequence[int], top: float, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """An upright line at each registered look, named at its upper end."""
    if not days:
        return []
    rows: Rows = [{"day": day, "value": top, "text": "look"} for day in days]
    lines = drawn(rows).mark_rule(color=QUIET.light, strokeDash=[1, 3], strokeWidth=1.5).encode(x=x)
    return [lines, *words_on_ground(drawn(rows).encode(x=x, y=y, text="text:N"), align="right", baseline="top", dx=-4, dy=2)]


def _levels(subject: Subject, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Par and the limit, each named at its line."""
    last = max(2, subject.days)
    rows: Rows = [
        {"day": last, "value": 0.5, "text": f"50%: as good as {short(subject.incumbent)}"},
        {"day": last, "value": subject.limit, "text": f"limit {figures.percent(subject.limit)}"},
    ]
    par = drawn(rows[:1]).mark_rule(color=QUIET.light, strokeDash=[4, 4]).encode(y=y)
    limit = drawn(rows[1:]).mark_rule(color=RULE.light, strokeWidth=2).encode(y=y)
    words = drawn(rows).encode(x=x, y=y, text="text:N")
    return [par, limit, *words_on_ground(words, align="right", baseline="bottom", dx=-4, dy=-3)]


def ways_chart(subject: Subject, ways: Sequence[tuple[str, str, EstimateModel, bool]]) -> dict[str, Any]:
    """One row a way of counting (name, n in words, estimate, whether it decides) against the same limit."""
    rows: Rows = []
    for place, (name, on, rate, decides) in enumerate(ways):
        word = DECIDES if decides else SHOWN
        row = {"value": rate.value, "low": rate.low, "high": rate.high, "limit": subject.limit}
        rows.append({"name": f"{place}\n{name}\n{on}", "word": word} | row)
    ends = [v for row in rows for v in (row["value"], row["low"], row["high"]) if v is not None]
    return finished(forest(subject, rows, share_domain(ends, subject.limit)), height=70 + 52 * len(rows))
