"""Pictures of money: which input moves the saving most, and the staircase on which leaving becomes cheaper."""

from typing import Any

import altair as alt

from app.domain.cost_figures import StairModel, TornadoBar
from app.reports import figures
from app.reports.charts import Rows, drawn, finished, short, words_on_ground
from app.reports.context import Subject
from app.reports.palette import QUIET, RULE, TEXT, arm_ink

MOST_BARS = 8
MEASURED, ASSUMED = "measured", "assumed"
SHADES = {MEASURED: 1.0, ASSUMED: 0.45}
_DOLLARS = alt.Axis(format="$,.0f", tickCount=5)


def tornado_chart(subject: Subject) -> dict[str, Any]:
    """The saving a month with each input at its ends; a dashed line where nothing is saved."""
    cost = subject.card.cost
    bars = cost.tornado[:MOST_BARS]
    rows: Rows = [_bar(place, bar) for place, bar in enumerate(bars)]
    ends = [float(row[key]) for row in rows for key in ("low", "high")] + [0.0]
    air = 0.3 * (max(ends) - min(ends) or 1.0)
    dollars = alt.Scale(domain=[min(ends) - air, max(ends) + air], nice=False, zero=False)
    axis = alt.Axis(
        labelExpr="slice(split(datum.label, '\\n'), 1)", labelAlign="left", labelPadding=190, labelLimit=198, minExtent=190,
        ticks=False, domain=False, grid=False, labelLineHeight=16,
    )  # fmt: skip
    y = alt.Y("name:N", sort=None, title=None, axis=axis)
    x = alt.X("low:Q", title="saving in US dollars per month", scale=dollars, axis=_DOLLARS)
    ink = arm_ink(subject.arm).light
    shade = alt.Opacity("shade:Q", legend=None, scale=None)
    spans = drawn(rows).mark_bar(height=18, color=ink).encode(x=x, x2="high:Q", y=y, opacity=shade)
    zero = (
        drawn([{"at": 0}]).mark_rule(color=RULE.light, strokeDash=[5, 4], strokeWidth=2).encode(x=alt.X("at:Q", scale=dollars))
    )
    left = words_on_ground(drawn(rows).encode(x=x, y=y, text="low_text:N"), align="right", dx=-6)
    right = words_on_ground(drawn(rows).encode(x=alt.X("high:Q", scale=dollars), y=y, text="high_text:N"), align="left", dx=6)
    return finished([spans, zero, *left, *right], height=60 + 44 * len(rows))


def _bar(place: int, bar: TornadoBar) -> dict[str, Any]:
    low, high = sorted((bar.saving_at_low_usd, bar.saving_at_high_usd))
    kind = MEASURED if bar.is_measured else ASSUMED
    return {
        "name": f"{place}\n{short(bar.input, 26)}\n{kind}", "shade": SHADES[kind], "low": float(low), "high": float(high),
        "low_text": figures.money(low), "high_text": figures.money(high),
    }  # fmt: skip


def stairs_chart(subject: Subject) -> dict[str, Any]:
    """Cost of both arms by requests a month: a slope against steps of whole replicas."""
    cost = subject.card.cost
    rows = _stair_rows(cost.stairs, subject)
    most = max(float(row["requests"]) for row in rows)
    volumes = alt.Scale(domain=[0, most * 1.02], nice=False)
    x = alt.X("requests:Q", title="requests per month", scale=volumes, axis=alt.Axis(format="~s", tickCount=6))
    y = alt.Y("usd:Q", title=None, scale=alt.Scale(zero=True), axis=_DOLLARS)
    color, dash = alt.Color("ink:N", scale=None, legend=None), alt.StrokeDash("dash:N", scale=None, legend=None)
    lines = (
        drawn(rows)
        .mark_line(strokeWidth=2.5)
        .encode(x=x, y=y, color=color, strokeDash=dash, detail="name:N", order=alt.Order("place:Q"))
    )
    layers = [lines]
    last = [max((row for row in rows if row["name"] == name), key=lambda row: row["place"]) for name in _names(rows)]
    layers += words_on_ground(
        drawn(last).encode(x=x, y=y, text="label:N", color=color), align="right", dx=-4, dy=-12, fontWeight="bold"
    )
    if cost.requests_per_month is not None:
        now = drawn([{"requests": cost.requests_per_month, "text": "measured"}])
        rule = now.mark_rule(color=QUIET.light, strokeDash=[4, 4]).encode(x=x)
        layers += [rule, now.mark_text(align="left", dx=5, color=TEXT.light).encode(x=x, y=alt.value(10), text="text:N")]
    return finished(layers, height=320)


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in rows))


def _stair_rows(stairs: list[StairModel], subject: Subject) -> Rows:
    """A line through the ends for the incumbent; for the candidate each step with its edge."""
    names = {"incumbent": (subject.incumbent, 0, [6, 4]), "candidate": (subject.name, subject.arm, [1, 0])}
    points: list[tuple[str, float, float]] = [("incumbent", 0.0, 0.0)]
    points += [("incumbent", stair.requests_per_month, float(stair.incumbent_usd)) for stair in stairs]
    edge = 0.0
    for stair in stairs:
        points += [
            ("candidate", edge, float(stair.candidate_usd)),
            ("candidate", stair.requests_per_month, float(stair.candidate_usd)),
        ]
        edge = stair.requests_per_month
    return [
        {
            "name": side, "label": short(names[side][0], 22), "ink": arm_ink(names[side][1]).light, "dash": names[side][2],
            "requests": requests, "usd": usd, "place": place,
        }
        for place, (side, requests, usd) in enumerate(points)
    ]  # fmt: skip
