"""What the traffic asks of servers, what a replica carries, and how many are needed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt

from app.domain.capacity_figures import ArmLoad, CapacityModel, CapacityStair
from app.reports import figures
from app.reports.charts import Channel, Rows, drawn, finished, words_on_ground
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Fact, Facts, Paragraph, Section, Table, cells
from app.reports.palette import QUIET, arm_ink

Row = tuple[Cell, ...]
# Steps of the staircase that are shown around the present volume.
MOST_SHOWN = 12
EDGE_HOURS = 2
USED_ELSEWHERE = "A GPU is paid for the peak: guides report 30 to 40% average use for peaky traffic (TechRounder, March 2026)."


def capacity_sections(subject: Subject) -> tuple[Section, ...]:
    """Nothing where nothing is known of the traffic."""
    capacity = subject.card.capacity
    if capacity.requests_per_minute_peak is None:
        return ()
    blocks: list[Paragraph | Table | Chart | Facts] = [*_facts(capacity), _asks(subject)]
    if any(value is not None for value in _profiles(capacity)):
        blocks.append(_chart(subject))
    if capacity.rate_source:
        blocks.append(_needs(capacity))
    if capacity.missing:
        blocks.append(Paragraph(text=f"Not known: {figures.names(capacity.missing)}.", tone="warning"))
    if len(capacity.stairs) > 1:
        blocks.append(_stairs(capacity.stairs))
    return (Section(slug=f"capacity-{subject.arm}", title="Capacity", blocks=tuple(blocks)),)


def _facts(capacity: CapacityModel) -> tuple[Facts, ...]:
    """How many replicas, at a glance; nothing where no replica is rented or nobody reckoned."""
    if not capacity.rate_source:
        return ()
    spare = f"{figures.count(capacity.replicas_with_spare)} with spare, {figures.count(capacity.gpus)} GPUs in all"
    items = (
        Fact(
            label="Replicas needed",
            value=_replicas(capacity),
            detail=spare if capacity.replicas_needed is not None else "a rehearsal that finds the capacity tells",
        ),
        Fact(label="Replicas configured", value=figures.count(capacity.replicas), detail="in pilot.toml"),
        Fact(
            label="Requests at once that the traffic needs",
            value=figures.count(capacity.slots_needed),
            detail="by a replay of production's own arrivals",
        ),
        Fact(label="At once that one replica carries", value=_carries(capacity), detail=_shown(capacity)),
    )
    return (Facts(items=items),)


def _asks(subject: Subject) -> Table:
    """Requests a minute and at once, as they were."""
    capacity = subject.card.capacity
    rows: list[Row] = [
        cells("Requests a minute on average", figures.number(capacity.requests_per_minute_mean)),
        cells("in 999 of 1,000 minutes at most", figures.count(capacity.requests_per_minute_p999)),
        cells(f"in the busiest minute{_when(subject)}", figures.count(capacity.requests_per_minute_peak)),
        cells("Busiest minute, times the average one", figures.number(capacity.peak_to_mean, 1)),
        cells("Burstiness within an hour (1 = Poisson arrivals)", figures.number(capacity.dispersion_within_hour, 1)),
    ]
    for arm, load, peak in (
        (f"Most requests at once, {subject.incumbent}", capacity.incumbent_load,
         capacity.incumbent_concurrency_peak),
        (f"Most requests at once, {subject.name}", capacity.candidate_load,
         capacity.candidate_concurrency_peak),
    ):  # fmt: skip
        rows += [cells(arm, figures.count(peak)), *_little(load)]
    return Table(
        caption="What the traffic asks of a server",
        columns=("What", "Number"),
        rows=tuple(rows),
        numeric=1,
        note="At once = between a request's arrival and the end of its answer. Little's law = requests a second times mean "
        "time: it knows averages, not bursts. The further the busiest minute and the burstiness are above 1, the more "
        "servers that are sized for Poisson arrivals at the mean rate are too small.",
    )


def _when(subject: Subject) -> str:
    at = subject.card.capacity.busiest_minute_at
    return "" if at is None else f", {figures.moment(at, subject.timezone)}"


def _little(load: ArmLoad) -> tuple[Row, ...]:
    if load.mean_counted is None:
        return ()
    return (
        cells("on average: counted; Little's law", _both(load.mean_counted, load.mean_little)),
        cells("in the busiest minute: counted; Little's law", _both(load.busiest_minute_counted, load.busiest_minute_little)),
    )


def _both(counted: float | None, little: float | None) -> str:
    return f"{figures.number(counted)}; {figures.number(little)}"


def _needs(capacity: CapacityModel) -> Table:
    """Slots and replicas with what they rest on."""
    spare = figures.count(capacity.spare_replicas)
    rows = [
        cells("Requests at once that one replica answers within the objective", _slots(capacity)),
        cells("Requests at once that the traffic needs", figures.count(capacity.slots_needed)),
        cells("Replicas needed", _replicas(capacity)),
        cells("Replicas configured", figures.count(capacity.replicas)),
    ]
    if capacity.replicas_needed is not None:
        rows += [
            cells(f"with {spare} that may fail", figures.count(capacity.replicas_with_spare)),
            cells("GPUs of all of them", figures.count(capacity.gpus)),
            cells("Their capacity in use on average", figures.percent(capacity.utilisation_rate, 0)),
            cells("and at the peak", figures.percent(capacity.utilisation_peak_rate, 0)),
            cells("Requests a month that a single replica carries", figures.count(capacity.requests_per_month_per_replica)),
        ]
    growth = "" if capacity.growth == 1 else f" Arrivals are taken times {capacity.growth:g}."
    source = f"What a replica carries: {capacity.rate_source}."
    return Table(
        caption="What a replica carries, and how many are needed",
        columns=("What", "Number"),
        rows=tuple(rows),
        numeric=1,
        note=f"{source} {capacity.method}{growth} {USED_ELSEWHERE}".replace("  ", " "),
    )


def _slots(capacity: CapacityModel) -> str:
    if capacity.slots_per_replica.value is not None:
        return figures.number_with_interval(capacity.slots_per_replica, 1)
    if capacity.slots_shown_per_replica is not None:
        return f"unknown: at least {figures.number(capacity.slots_shown_per_replica, 1)} were seen"
    return "unknown: no rehearsal found it"


def _carries(capacity: CapacityModel) -> str:
    return figures.number_with_interval(capacity.slots_per_replica, 1)


def _shown(capacity: CapacityModel) -> str:
    if capacity.slots_per_replica.value is None and capacity.slots_shown_per_replica is not None:
        return f"at least {figures.number(capacity.slots_shown_per_replica, 1)} were seen"
    return "within the limits, by a rehearsal" if capacity.slots_per_replica.value is not None else "no rehearsal found it"


def _replicas(capacity: CapacityModel) -> str:
    if capacity.replicas_needed is None:
        return "unknown"
    ends = figures.interval(figures.count(capacity.replicas_low), figures.count(capacity.replicas_high))
    return f"{figures.count(capacity.replicas_needed)} ({ends})" if ends else figures.count(capacity.replicas_needed)


def _stairs(stairs: Sequence[CapacityStair]) -> Table:
    """Steps around the present volume."""
    here = next((place for place, stair in enumerate(stairs) if stair.volume_factor >= 1), len(stairs) - 1)
    first = max(0, min(here - MOST_SHOWN // 3, len(stairs) - MOST_SHOWN))
    shown = stairs[first : first + MOST_SHOWN]
    return Table(
        caption="Whole replicas make a staircase",
        columns=("Up to this volume (now = 1)", "Requests a month", "Replicas", "With spare"),
        rows=tuple(
            cells(
                figures.number(stair.volume_factor),
                figures.count(stair.requests_per_month),
                figures.count(stair.replicas),
                figures.count(stair.replicas_with_spare),
            )
            for stair in shown
        ),
        numeric=3,
        note=f"{len(shown)} of {len(stairs)} steps; the scorecard has all." if len(shown) < len(stairs) else "",
    )


def _profiles(capacity: CapacityModel) -> list[float | None]:
    return [*capacity.weekday_requests_by_hour, *capacity.weekend_requests_by_hour]


def _chart(subject: Subject) -> Chart:
    capacity, days = subject.card.capacity, figures.count(len(subject.scorecard.days_closed) or subject.scorecard.day)
    said = []
    for name, hours in (("weekdays", capacity.weekday_requests_by_hour), ("weekends", capacity.weekend_requests_by_hour)):
        known = [(value, hour) for hour, value in enumerate(hours) if value is not None]
        if known:
            most, hour = max(known)
            said.append(f"on {name} {figures.number(most, 1)} an hour at {hour}:00")
    return Chart(
        name=f"arrivals-{subject.arm}",
        title="Requests an hour, by the hour of the day",
        spec=arrivals_chart(subject),
        alt=f"Mean requests an hour by the hour of the day. The busiest: {figures.names(said)}.",
        caption=f"Mean over the closed days, n = {days} so far; times in {subject.timezone}. The axis starts at 0.",
        data=_table(capacity),
    )


def _table(capacity: CapacityModel) -> Table:
    pairs = zip(capacity.weekday_requests_by_hour, capacity.weekend_requests_by_hour, strict=True)
    return Table(
        caption="Requests an hour, by the hour of the day",
        columns=("Hour", "Weekdays", "Weekends"),
        rows=tuple(
            cells(f"{hour}:00", figures.number(weekday, 1), figures.number(weekend, 1))
            for hour, (weekday, weekend) in enumerate(pairs)
        ),
        numeric=2,
    )


def arrivals_chart(subject: Subject) -> dict[str, Any]:
    """Weekdays as a line, weekends as a broken one, each named at its end."""
    capacity = subject.card.capacity
    most = max(value for value in _profiles(capacity) if value is not None) or 1.0
    hours = alt.Scale(domain=[0, 24], nice=False)
    x = alt.X("hour:Q", title="hour of the day", scale=hours, axis=alt.Axis(grid=False, tickCount=8, format="d"))
    requests = alt.Scale(domain=[0, 1.1 * most], nice=False)
    y: Channel = partial(alt.Y, title=None, scale=requests)
    layers: list[alt.Chart] = []
    for name, ink, dash, values in (
        ("weekdays", arm_ink(subject.arm).light, [1, 0], capacity.weekday_requests_by_hour),
        ("weekends", QUIET.light, [5, 4], capacity.weekend_requests_by_hour),
    ):
        rows: Rows = [{"hour": hour + 0.5, "value": v, "text": name} for hour, v in enumerate(values) if v is not None]
        if not rows:
            continue
        layers.append(drawn(rows).mark_line(color=ink, strokeWidth=2.5, strokeDash=dash).encode(x=x, y=y("value:Q")))
        # Where it is highest, but with room for the word to either side.
        top = max(rows, key=lambda row: (EDGE_HOURS < row["hour"] < 24 - EDGE_HOURS, float(row["value"])))
        words = drawn([top]).encode(x=x, y=y("value:Q"), text="text:N")
        layers += words_on_ground(words, align="center", baseline="bottom", dy=-4)
    return finished(layers, height=240)
