"""Charts as Vega-Lite: direct labels, one colour an arm, shapes and words beside colour.

User text is data only, never part of a formula.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import altair as alt
from altair.utils.schemapi import disable_debug_mode

from app.domain.scorecard import EstimateModel, Quantiles
from app.reports import figures
from app.reports.context import Subject, deciding
from app.reports.palette import GRID, GROUND, QUIET, RULE, TEXT, arm_ink
from app.reports.wording import GATE_OUTCOMES

WIDTH = 900
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
SHAPES = {"passes": "circle", "fails": "cross", "unknown": "diamond", "not required": "square"}
QUANTILE_WORDS = {"p50": "half of all", "p95": "95 of 100", "p99": "99 of 100"}
LABEL = "slice(split(datum.label, '\\n'), 1)"  # rows are told apart by a number in front, which nobody reads
Rows = list[dict[str, Any]]

# Holding every piece of a chart against the schema takes most of a page's time: a test holds whole charts against it instead.
disable_debug_mode()
Channel = Callable[[str], Any]


def finished(layers: list[alt.Chart], *, height: int) -> dict[str, Any]:
    """The layers as one specification with the house's look; renderers may change its width."""
    chart = alt.layer(*layers, width=WIDTH, height=height, autosize=alt.AutoSizeParams(type="fit", contains="padding"))
    axis = {"labelColor": QUIET.light, "titleColor": QUIET.light, "gridColor": GRID.light, "domainColor": QUIET.light}
    config = {
        "aria": False,
        "background": None,
        "font": FONT,
        "padding": {"left": 8, "right": 16, "top": 4, "bottom": 4},
        "view": {"stroke": None},
        "axis": axis | {"tickColor": GRID.light, "labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal"},
        "text": {"fontSize": 13, "color": TEXT.light},
    }
    specification: dict[str, Any] = chart.to_dict(validate=False)
    return specification | {"config": config}


def drawn(rows: Rows) -> alt.Chart:
    """Marks on these rows."""
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def words_on_ground(chart: alt.Chart, **mark: Any) -> list[alt.Chart]:
    """Text on a narrow ground of its own, so that lines behind it do not cross it out."""
    halo = chart.mark_text(stroke=GROUND.light, strokeWidth=5, strokeJoin="round", fill=GROUND.light, **mark)
    return [halo, chart.mark_text(**mark)]


def label_axis(width: int) -> alt.Axis:
    """Row names that begin at the left edge; the font of a page may be wider than the one that is measured here."""
    return alt.Axis(
        labelExpr=LABEL, labelAlign="left", labelPadding=width, labelLimit=width + 8, labelLineHeight=16,
        ticks=False, domain=False, grid=False, minExtent=width,
    )  # fmt: skip


def day_axis() -> alt.Axis:
    """Whole days, as many of them named as there is room for."""
    return alt.Axis(tickMinStep=1, tickCount=14, grid=False, format="d", labelOverlap="parity", labelSeparation=8)


def share_domain(points: list[float], limit: float) -> tuple[float, float]:
    """Part of the scale from 0 to 1 that holds the limit, par and the points, with air around them."""
    low, high = min([*points, limit, 0.5]), max([*points, limit, 0.5])
    air = max(0.03, 0.15 * (high - low))
    return max(0.0, round(low - air, 2)), min(1.0, round(high + air, 2))


def segments_chart(subject: Subject) -> dict[str, Any]:
    """A forest plot: each kind of work with its interval, its limit and its result in words."""
    rows: Rows = []
    for place, (name, segment) in enumerate(subject.card.segments.items()):
        word = GATE_OUTCOMES[segment.outcome]
        said = f"{figures.count(segment.conversations)} conv., {word if segment.registered else 'no say'}"
        rate, limit = deciding(segment), None if segment.margin is None else 0.5 - segment.margin
        row = {"value": rate.value, "low": rate.low, "high": rate.high, "limit": limit}
        rows.append({"name": f"{place}\n{short(name, 22)}\n{said}", "word": word} | row)
    ends = [v for row in rows for v in (row["value"], row["low"], row["high"], row["limit"]) if v is not None]
    return finished(forest(subject, rows, share_domain(ends, subject.limit)), height=70 + 52 * len(rows))


def forest(subject: Subject, rows: Rows, domain: tuple[float, float]) -> list[alt.Chart]:
    """Rows with a point, an interval, a limit and a word that chooses the point's shape."""
    ink = arm_ink(subject.arm).light
    y = alt.Y("name:N", sort=None, title=None, axis=label_axis(150))
    shares = alt.Scale(domain=list(domain), nice=False, zero=False)
    x: Channel = partial(alt.X, title="win rate", scale=shares, axis=alt.Axis(format=".0%", tickCount=5))
    shape = alt.Shape("word:N", legend=None, scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())))
    par = drawn([{"value": 0.5}]).mark_rule(color=QUIET.light, strokeDash=[4, 4]).encode(x=x("value:Q"))
    limits = drawn(rows).mark_tick(color=RULE.light, thickness=3, size=34, opacity=1).encode(x=x("limit:Q"), y=y)
    spans = drawn(rows).mark_rule(color=ink, strokeWidth=2.5).encode(x=x("low:Q"), x2="high:Q", y=y)
    points = drawn(rows).mark_point(color=ink, fill=ink, size=110, opacity=1).encode(x=x("value:Q"), y=y, shape=shape)
    return [par, spans, limits, points]


def latency_chart(subject: Subject, quantiles: Quantiles, objective: float | None) -> dict[str, Any]:
    """One kind of time: within it half, 95 and 99 of 100 answers of both arms were there."""
    rows: Rows = []
    for key, words in QUANTILE_WORDS.items():
        both = getattr(quantiles, key)
        rows += _time_row(both.incumbent, f"{key}\n{words}", subject.incumbent, 0)
        rows += _time_row(both.candidate, f"{key}\n{words}", subject.name, subject.arm)
    return finished(_times(rows, objective), height=280)


def _time_row(estimate: EstimateModel, part: str, name: str, arm: int) -> Rows:
    if estimate.value is None:
        return []
    ends = {
        "low": estimate.value if estimate.low is None else estimate.low,
        "high": estimate.value if estimate.high is None else estimate.high,
    }
    text = f"{short(name, 18)} {figures.seconds(estimate.value)}"
    return [{"part": part, "place": min(arm, 1), "ink": arm_ink(arm).light, "text": text, "value": estimate.value} | ends]


def _times(rows: Rows, objective: float | None) -> list[alt.Chart]:
    most = max([float(row["high"]) for row in rows] + ([] if objective is None else [objective]))
    times = alt.Scale(domain=[0, most * 1.55], nice=False)
    x: Channel = partial(alt.X, title="seconds, from 0", scale=times, axis=alt.Axis(tickCount=6))
    parts = alt.Scale(paddingInner=0.3)
    y = alt.Y("part:N", sort=None, title=None, scale=parts, axis=label_axis(78))
    offset = alt.YOffset("place:O", scale=alt.Scale(paddingInner=0.2))
    color = alt.Color("ink:N", scale=None, legend=None)
    shape = alt.Shape("place:N", legend=None, scale=alt.Scale(domain=[0, 1], range=["square", "circle"]))
    spans = drawn(rows).mark_rule(strokeWidth=2.5).encode(x=x("low:Q"), x2="high:Q", color=color, y=y, yOffset=offset)
    points = (
        drawn(rows)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(x=x("value:Q"), color=color, shape=shape, y=y, yOffset=offset)
    )
    words = words_on_ground(drawn(rows).encode(x=x("high:Q"), text="text:N", y=y, yOffset=offset), align="left", dx=10)
    if objective is None:
        return [spans, points, *words]
    row: Rows = [{"part": f"p95\n{QUANTILE_WORDS['p95']}", "value": objective, "text": f"limit {figures.seconds(objective)}"}]
    limit = drawn(row).mark_tick(color=RULE.light, thickness=3, size=62, opacity=1).encode(x=x("value:Q"), y=y)
    name = words_on_ground(drawn(row).encode(x=x("value:Q"), y=y, text="text:N"), dy=-38, align="center")
    return [spans, limit, points, *name, *words]


def money_chart(subject: Subject) -> dict[str, Any]:
    """What each arm costs a month, from zero."""
    cost = subject.card.cost
    amounts = ((subject.incumbent, 0, cost.incumbent_usd_per_month), (subject.name, subject.arm, cost.candidate_usd_per_month))
    rows: Rows = [
        {
            "name": f"{arm}\n{short(name, 18)}",
            "value": float(e.value),
            "low": float(e.value if e.low is None else e.low),
            "high": float(e.value if e.high is None else e.high),
            "end": float(max(e.value, e.high or e.value)),
            "ink": arm_ink(arm).light,
            "text": figures.money(e.value),
        }
        for name, arm, e in amounts
        if e.value is not None
    ]
    most = max([float(row["end"]) for row in rows], default=0.0) or 1.0
    dollars = alt.Scale(domain=[0, 1.25 * most], nice=False)
    axis = alt.Axis(format="$,.0f", tickCount=5)
    x = alt.X("value:Q", title="US dollars per month, from 0", scale=dollars, axis=axis)
    y = alt.Y("name:N", sort=None, title=None, axis=label_axis(110))
    color = alt.Color("ink:N", scale=None, legend=None)
    bars = drawn(rows).mark_bar(height=26).encode(x=x, y=y, color=color)
    ranges = [{key: row[key] for key in ("name", "low", "high")} for row in rows if row["low"] < row["high"]]
    spans = drawn(ranges).mark_rule(color=TEXT.light, strokeWidth=2).encode(x=alt.X("low:Q", scale=dollars), x2="high:Q", y=y)
    words = words_on_ground(drawn(rows).encode(x=alt.X("end:Q", scale=dollars), y=y, text="text:N"), align="left", dx=6)
    return finished([bars, spans, *words], height=60 + 48 * len(rows))


def short(text: str, length: int = 24) -> str:
    """The text, cut where a chart has no room for all of it; the tables say it whole."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
