"""Pictures of times: how they are spread over all answers, by the hour of the day, and by the load of the moment."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt

from app.domain.operation_models import ArmsByLoad, ArmsCurve, CurvePoint, DayEstimate, GroupTimes, HourTimes, LoadTimes
from app.reports import figures
from app.reports.charts import Channel, Rows, drawn, finished, short, words_on_ground
from app.reports.context import Subject
from app.reports.palette import QUIET, RULE, arm_ink

BROKEN, WHOLE = [6, 4], [1, 0]
TAIL = 0.99
# The band of an end that nothing bounds yet reaches over the edge of the picture, which cuts it.
BEYOND = 10.0
EDGE_HOURS = 4


def curve_cut(curve: ArmsCurve, objective: float | None) -> float:
    """Where the picture of a distribution ends: it holds 99 of 100 answers of both arms, and the limit."""
    tails = [point.seconds for points in (curve.incumbent, curve.candidate) for point in points if point.share <= TAIL]
    return 1.08 * max([*tails, objective or 0.0]) or 1.0


def curve_chart(subject: Subject, curve: ArmsCurve, objective: float | None) -> dict[str, Any]:
    """For each time the share of answers that were there by then; further right is slower."""
    cut = curve_cut(curve, objective)
    x: Channel = partial(
        alt.X, title="seconds, from 0", scale=alt.Scale(domain=[0, cut], nice=False), axis=alt.Axis(tickCount=6)
    )
    shares = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("share:Q", title=None, scale=shares, axis=alt.Axis(format=".0%", tickCount=5))
    layers = _curve_levels(objective, x, y)
    for arm, points in ((0, curve.incumbent), (subject.arm, curve.candidate)):
        rows = [_curve_row(point, cut) for point in points]
        ink, dash = arm_ink(arm).light, WHOLE if arm else BROKEN
        order = alt.Order("share:Q")
        band = drawn(rows).mark_area(clip=True, opacity=0.2, color=ink, orient="horizontal")
        layers.append(band.encode(x=x("low:Q"), x2="high:Q", y=y))
        line = drawn(rows).mark_line(clip=True, color=ink, strokeWidth=2.5, strokeDash=dash)
        layers.append(line.encode(x=x("seconds:Q"), y=y, order=order))
    return finished([*layers, *_curve_names(subject, curve, cut, x, y)], height=320)


def _curve_row(point: CurvePoint, cut: float) -> dict[str, Any]:
    high = cut * BEYOND if point.high is None else point.high
    return {"share": point.share, "seconds": point.seconds, "low": point.low or 0.0, "high": high}


def _curve_levels(objective: float | None, x: Channel, y: alt.Y) -> list[alt.Chart]:
    """The line of 95 of 100 answers, and the limit that is set for them."""
    line = drawn([{"share": 0.95, "text": "95 of 100"}])
    name = line.encode(y=y, x=alt.value(0), text="text:N")
    at = [
        line.mark_rule(color=QUIET.light, strokeDash=[4, 4]).encode(y=y),
        *words_on_ground(name, align="left", baseline="top", dx=6, dy=4),
    ]
    if objective is None:
        return at
    rows: Rows = [{"seconds": objective, "share": 0.95, "bottom": 0, "text": f"limit {figures.seconds(objective)}"}]
    limit = drawn(rows).mark_rule(color=RULE.light, strokeWidth=2.5).encode(x=x("seconds:Q"), y=y, y2="bottom:Q")
    named = drawn(rows).encode(x=x("seconds:Q"), y=alt.Y("bottom:Q", scale=y["scale"]), text="text:N")
    return [*at, limit, *words_on_ground(named, align="right", baseline="bottom", dx=-6, dy=-6)]


def _curve_names(subject: Subject, curve: ArmsCurve, cut: float, x: Channel, y: alt.Y) -> list[alt.Chart]:
    """The slower arm is named below its line, where nothing else is; the faster one beside it, or below the slower one."""
    arms = [(0, subject.incumbent, curve.incumbent), (subject.arm, subject.name, curve.candidate)]
    known = sorted((arm for arm in arms if arm[2]), key=lambda arm: _within(arm[2], 0.5))
    if not known:
        return []
    # Right of both lines where the text ends at its upper edge, so that neither crosses it.
    slower = known[-1]
    rows: Rows = [_name_row(slower, 0.3, max(_within(each[2], 0.35) for each in known), cut)]
    rows += [_name_row(faster, 0.13, max(_within(each[2], 0.18) for each in known), cut) for faster in known[:-1]]
    color = alt.Color("ink:N", scale=None, legend=None)
    words = drawn([row for row in rows if row["seconds"] < cut]).encode(x=x("seconds:Q"), y=y, text="text:N", color=color)
    return words_on_ground(words, align="left", dx=12, fontWeight="bold")


def _name_row(arm: tuple[int, str, Sequence[CurvePoint]], share: float, seconds: float, cut: float) -> dict[str, Any]:
    """The name with its median, which a label in the right half of a narrow picture has no room for."""
    place, name, points = arm
    median = f": half in {figures.seconds(_within(points, 0.5))}" if seconds < cut / 2 else ""
    return {"share": share, "seconds": seconds, "ink": arm_ink(place).light, "text": f"{short(name, 18)}{median}"}


def _within(points: Sequence[CurvePoint], share: float) -> float:
    """Within how many seconds at least this share was there."""
    return next((point.seconds for point in points if point.share >= share), points[-1].seconds)


def hours_chart(subject: Subject, hours: Sequence[HourTimes], objective: float | None) -> dict[str, Any]:
    """95 of 100 answers by the hour in which they were asked for; hours with too few answers leave a gap."""
    arms = [
        (0, subject.incumbent, [(each.hour + 0.5, each.incumbent) for each in hours]),
        (subject.arm, subject.name, [(each.hour + 0.5, each.candidate) for each in hours]),
    ]
    x = alt.X(
        "at:Q",
        title=f"hour of arrival ({subject.timezone})",
        scale=alt.Scale(domain=[0, 24], nice=False),
        axis=alt.Axis(grid=False, tickCount=8, format="d"),
    )
    top = _top([times for _, _, listed in arms for _, times in listed], objective)
    y: Channel = partial(alt.Y, title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=5))
    layers = _limit_across(objective, y)
    for arm, _, listed in arms:
        rows = _runs(listed)
        ink, dash = arm_ink(arm).light, WHOLE if arm else BROKEN
        band = drawn(_bounded(rows)).mark_area(clip=True, opacity=0.18, color=ink)
        layers.append(band.encode(x=x, y=y("low:Q"), y2="high:Q", detail="band:N"))
        line = drawn(rows).mark_line(clip=True, color=ink, strokeWidth=2.5, strokeDash=dash, point={"color": ink, "size": 28})
        layers.append(line.encode(x=x, y=y("value:Q"), detail="run:N"))
    return finished([*layers, *_names_apart(arms, x, y("value:Q"), top)], height=280)


Listed = list[tuple[float, GroupTimes]]


def _top(groups: Sequence[GroupTimes], objective: float | None) -> float:
    """Room for all values, and for intervals that are no more than half as long again."""
    values = [group.p95.value for group in groups if group.p95.value is not None]
    most = max([*values, objective or 0.0], default=0.0) or 1.0
    ends = [group.p95.high for group in groups if group.p95.high is not None]
    return 1.2 * min(max([most, *ends]), 1.5 * most)


def _runs(listed: Listed) -> Rows:
    """Rows with a value; neighbours share a run and a band, so that nothing is drawn over what is not known or bounded."""
    rows: Rows = []
    run = bands = 0
    for at, group in listed:
        found = group.p95
        if found.value is None:
            run += 1
            continue
        is_bounded = found.low is not None and found.high is not None
        row = {"at": at, "value": found.value, "run": str(run), "band": f"{run}-{bands}"}
        bands += not is_bounded
        rows.append(row | ({"low": found.low, "high": found.high} if is_bounded else {"low": None, "high": None}))
    return rows


def _bounded(rows: Rows) -> Rows:
    return [row for row in rows if row["low"] is not None]


def _limit_across(objective: float | None, y: Channel, *, at_left: bool = False) -> list[alt.Chart]:
    if objective is None:
        return []
    rows: Rows = [{"value": objective, "text": f"limit {figures.seconds(objective)}"}]
    rule = drawn(rows).mark_rule(color=RULE.light, strokeWidth=2).encode(y=y("value:Q"))
    words = drawn(rows).encode(y=y("value:Q"), x=alt.value(0 if at_left else "width"), text="text:N")
    align, dx = ("left", 6) if at_left else ("right", -4)
    return [rule, *words_on_ground(words, align=align, baseline="bottom", dx=dx, dy=-3)]


def _names_apart(
    arms: Sequence[tuple[int, str, Listed]], x: alt.X, y: alt.Y, top: float
) -> list[alt.Chart]:  # fmt: skip
    """Both names at the hour at which the lines are furthest apart: the upper one above its line, the lower below."""
    known = [(arm, name, {at: g.p95.value for at, g in listed if g.p95.value is not None}) for arm, name, listed in arms]
    known = [each for each in known if each[2]]
    if not known:
        return []
    shared = [at for at in known[0][2] if all(at in each[2] for each in known)] or list(known[0][2])
    inner = [at for at in shared if EDGE_HOURS < at < 24 - EDGE_HOURS] or shared
    best = max(inner, key=lambda at: abs((known[0][2].get(at) or 0.0) - (known[-1][2].get(at) or 0.0)))
    ordered = sorted(known, key=lambda each: -_near(each[2], best)[1])
    found: list[alt.Chart] = []
    for place, (arm, name, values) in enumerate(ordered):
        at, value = _near(values, best)
        above = (place == 0 and len(ordered) > 1) or value < 0.15 * top
        rows: Rows = [{"at": at, "value": value, "text": short(name, 22), "ink": arm_ink(arm).light}]
        color = alt.Color("ink:N", scale=None, legend=None)
        words = drawn(rows).encode(x=x, y=y, text="text:N", color=color)
        found += words_on_ground(
            words, align="center", baseline="bottom" if above else "top", dy=-10 if above else 10, fontWeight="bold"
        )
    return found


def _near(values: dict[float, float], at: float) -> tuple[float, float]:
    """The value at a place, or at the nearest one that has one."""
    nearest = min(values, key=lambda each: abs(each - at))
    return nearest, values[nearest]


def load_chart(subject: Subject, loads: ArmsByLoad, objective: float | None) -> dict[str, Any]:
    """95 of 100 answers by how many of the same arm's requests were under way."""
    arms = [(0, subject.incumbent, loads.incumbent), (subject.arm, subject.name, loads.candidate)]
    top = _top([each.times for _, _, bins in arms for each in bins], objective)
    most = max((each.at_once_mean for _, _, bins in arms for each in bins), default=1.0)
    x = alt.X(
        "at:Q",
        title="requests under way on arrival",
        scale=alt.Scale(domain=[0, 1.2 * most], nice=False),
        axis=alt.Axis(grid=False, tickCount=8, tickMinStep=1, format="d"),
    )
    y: Channel = partial(alt.Y, title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=5))
    layers = _limit_across(objective, y, at_left=True)
    for arm, _, bins in arms:
        rows = _runs([(each.at_once_mean, each.times) for each in bins])
        ink, dash = arm_ink(arm).light, WHOLE if arm else BROKEN
        layers.append(
            drawn(_bounded(rows)).mark_rule(clip=True, color=ink, strokeWidth=2).encode(x=x, y=y("low:Q"), y2="high:Q")
        )
        layers.append(
            drawn(rows).mark_line(color=ink, strokeWidth=1.5, strokeDash=dash).encode(x=x, y=y("value:Q"), detail="run:N")
        )
        shape = "circle" if arm else "square"
        layers.append(drawn(rows).mark_point(color=ink, fill=ink, size=80, opacity=1, shape=shape).encode(x=x, y=y("value:Q")))
    return finished([*layers, *_load_names(arms, x, y("value:Q"))], height=280)


def _load_names(arms: Sequence[tuple[int, str, Sequence[LoadTimes]]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Each name at the arm's busiest bin with a value; where both end alike the lower one stands below."""
    rows: Rows = []
    for arm, name, bins in arms:
        known = [each for each in bins if each.times.p95.value is not None]
        if known:
            last = known[-1]
            rows.append(
                {"at": last.at_once_mean, "value": last.times.p95.value, "text": short(name, 20), "ink": arm_ink(arm).light}
            )
    rows.sort(key=lambda row: -float(row["value"]))
    color = alt.Color("ink:N", scale=None, legend=None)
    found: list[alt.Chart] = []
    for place, row in enumerate(rows):
        dy = -14 if place == 0 else 16
        words = drawn([row]).encode(x=x, y=y, text="text:N", color=color)
        found += words_on_ground(words, align="right", dx=-10, dy=dy, fontWeight="bold")
    return found


def days_chart(subject: Subject, days: Sequence[DayEstimate], objective: float | None) -> dict[str, Any]:
    """95 of 100 answers of the candidate on each day, with that day's own interval."""
    groups = [(float(each.day), GroupTimes(p95=each.estimate)) for each in days]
    top, ink = _top([group for _, group in groups], objective), arm_ink(subject.arm).light
    axis = alt.Axis(grid=False, tickMinStep=1, format="d")
    x = alt.X("at:Q", title="day of the pilot", scale=alt.Scale(domain=[0, subject.days + 1], nice=False), axis=axis)
    y: Channel = partial(alt.Y, title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=5))
    rows = _runs(groups)
    spans = drawn(_bounded(rows)).mark_rule(clip=True, color=ink, strokeWidth=2).encode(x=x, y=y("low:Q"), y2="high:Q")
    points = drawn(rows).mark_point(color=ink, fill=ink, size=70, opacity=1).encode(x=x, y=y("value:Q"))
    return finished([*_limit_across(objective, y), spans, points], height=240)
