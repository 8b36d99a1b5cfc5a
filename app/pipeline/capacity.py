"""The capacity part of a scorecard: what the traffic asks of a server, what a replica carries, how many are needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from app.costs.arrivals import MINUTE_US, AtOnce, PerMinute, at_once, little, mean_at_once, per_minute, profile
from app.costs.capacity import (
    SEED,
    Load,
    TimeLimit,
    as_rehearsed,
    expanded,
    replicas_for_volume,
    replicas_of,
    slots_for,
    slots_for_volumes,
    slots_shown,
)
from app.costs.queue_replay import MICROSECONDS, Stream, stream_of
from app.domain.capacity_figures import ArmLoad, CapacityModel, CapacityStair
from app.domain.configuration import CandidateTable
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers, ReplyColumns
from app.domain.pilot import DAY, Pilot
from app.domain.rehearsal import RehearsalModel
from app.domain.serving_rate import ServingRate
from app.domain.words import Source
from app.pipeline.closing import EPOCH, MICROSECOND, Selection, microseconds
from app.pipeline.operation import measured
from app.pipeline.token_bills import is_paid_by_token

_DAY_US = DAY // MICROSECOND
_QUARTER_US = 15 * MINUTE_US
_SATURDAY = 5
_MONTH_HOURS = 730
ROLES = ("incumbent", "candidate")
METHOD = (
    "The pilot's own arrivals are replayed through so many slots, one queue before all, each request taking its measured time; "
    "the answer is the fewest with which 95 of 100 requests wait at most {wait:g} s for a free slot{limits}."
)
NO_REHEARSAL = "what one replica carries at the objective: pilot rehearse --find-capacity measures it"
TOO_SLOW = "95 of 100 answers do not keep the latency limit even where none waits: no number of replicas is enough"


@dataclass(frozen=True, slots=True, eq=False)
class _Arm:
    """One arm's requests whose time is known: arrivals, times, weights, and how many there were at once."""

    known: tuple[Numbers, Floats, Floats]
    counted: AtOnce | None

    @classmethod
    def of(cls, arrived_us: Numbers, times: Floats, weights: Floats) -> "_Arm":
        known = ~np.isnan(times)
        columns = (arrived_us[known], times[known], weights[known])
        return cls(columns, at_once(*columns))

    @property
    def peak(self) -> int | None:
        return None if self.counted is None else _whole(self.counted.peak)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What capacity is reckoned from: one candidate's exchanges that count."""

    pilot: Pilot
    table: CandidateTable
    arrived_us: Numbers
    weights: Floats
    times: Floats
    selection: Selection

    @property
    def seconds(self) -> float:
        """How long the closed days are together."""
        return len(self.selection.closed) * DAY.total_seconds()


def capacity_of(
    pilot: Pilot,
    evidence: Evidence,
    name: str,
    selection: Selection,
    weights: Floats,
    *,
    rate: ServingRate | None = None,
    rows: Flags | None = None,
) -> CapacityModel:
    """What the requests of closed days ask of a candidate's servers, and how many replicas they need.

    Args:
        pilot: Limits, room and replicas as configured.
        evidence: Arrivals and both arms' times.
        name: The candidate.
        selection: Which exchanges count.
        weights: How many production requests each stands for.
        rate: What one replica carries, from a rehearsal; without it the number of replicas is not known.
        rows: Only these exchanges move to the candidate; default: all that count.
    """
    arm, table = evidence.arms[name], pilot.configuration.candidate_named(name)
    chosen = selection.counted if rows is None else selection.counted & rows
    arrived, each = evidence.exchanges.arrived_us[chosen], weights[chosen]
    times = [_known_times(replies)[chosen] for replies in (evidence.incumbent, arm.replies)]
    both = [_Arm.of(arrived, one, each) for one in times]
    asked = _Asked(pilot, table, arrived, each, times[1], selection)
    minutes = per_minute(asked.arrived_us, asked.weights, minutes=_minutes(selection))
    room = pilot.configuration.capacity
    found: dict[str, Any] = {
        "replicas": table.replicas,
        "growth": room.growth,
        "wait_p95_seconds": room.wait_p95_seconds,
        "incumbent_concurrency_peak": both[0].peak,
        "candidate_concurrency_peak": both[1].peak,
    }
    if minutes is not None:
        found |= _traffic(asked, minutes)
        found |= {f"{role}_load": _arm_load(asked, one, minutes) for role, one in zip(ROLES, both, strict=True)}
    if not is_paid_by_token(table):
        found |= _needs(asked, evidence, arm, chosen, rate)
    return CapacityModel(**found)


def _minutes(selection: Selection) -> int | None:
    return len(selection.closed) * (_DAY_US // MINUTE_US) or None


def _known_times(replies: ReplyColumns) -> Floats:
    """Total time of each reply, failures too, which take a slot as well; NaN = none is known."""
    return np.where(replies.is_there, replies.total_seconds, np.nan)


def _traffic(asked: _Asked, minutes: PerMinute) -> dict[str, Any]:
    weekday, weekend = _profile(asked)
    return {
        "requests_per_minute_peak": _whole(minutes.peak),
        "requests_per_minute_mean": minutes.mean,
        "requests_per_minute_p999": minutes.p999,
        "busiest_minute_at": EPOCH + minutes.peak_at_us * MICROSECOND,
        "peak_to_mean": minutes.peak / minutes.mean,
        "dispersion": minutes.dispersion,
        "dispersion_within_hour": minutes.dispersion_within_hour,
        "weekday_requests_by_hour": weekday,
        "weekend_requests_by_hour": weekend,
    }


def _profile(asked: _Asked) -> tuple[list[float | None], list[float | None]]:
    """Requests an hour by the pilot's local hour; a quarter of an hour is the finest difference between zones."""
    starts = asked.pilot.starts_at
    if starts is None or not asked.selection.closed:
        return [], []
    each_day = _DAY_US // _QUARTER_US
    places = np.concatenate([np.arange(each_day) + (day - 1) * each_day for day in asked.selection.closed])
    quarter = (asked.arrived_us - microseconds(starts)) // _QUARTER_US
    # A conversation belongs to the day of its first exchange: the last ones may come when no closed day is left.
    inside = np.isin(quarter, places)
    counts = np.bincount(np.searchsorted(places, quarter[inside]), weights=asked.weights[inside], minlength=len(places))
    zone = ZoneInfo(asked.pilot.configuration.pilot.timezone)
    local = [(starts + int(place) * timedelta(minutes=15)).astimezone(zone) for place in places]
    hours = np.array([moment.hour for moment in local])
    return profile(counts.astype(np.float64), hours, np.array([moment.weekday() >= _SATURDAY for moment in local]))


def _arm_load(asked: _Asked, arm: _Arm, minutes: PerMinute) -> ArmLoad:
    """Little's law beside a direct count, over the closed days and within the busiest minute.

    Requests whose time is not known are taken to last as long as the others do on average.
    """
    found, ends_at = arm.counted, asked.selection.ends_at
    if found is None or ends_at is None:
        return ArmLoad()
    first, last = int(arm.known[0].min()), microseconds(ends_at)
    unknown = float(asked.weights.sum()) / found.requests
    counted = mean_at_once(*arm.known, begin_us=first, end_us=last) * (last - first) / MICROSECONDS / asked.seconds
    busiest = mean_at_once(*arm.known, begin_us=minutes.peak_at_us, end_us=minutes.peak_at_us + MINUTE_US)
    return ArmLoad(
        mean_seconds=found.mean_seconds,
        mean_counted=counted * unknown,
        mean_little=little(requests=float(asked.weights.sum()), seconds=asked.seconds, mean_seconds=found.mean_seconds),
        busiest_minute_counted=busiest * unknown,
        busiest_minute_little=little(requests=minutes.peak, seconds=60.0, mean_seconds=found.mean_seconds),
        requests=found.requests,
    )


def _needs(
    asked: _Asked, evidence: Evidence, arm: ArmEvidence, chosen: Flags, rate: ServingRate | None
) -> dict[str, Any]:  # fmt: skip
    """Slots that the arrivals need, and replicas where a rehearsal says how many slots one has."""
    load = _load(asked, arm, chosen, rate)
    shown = _shown(asked, evidence, arm)
    found: dict[str, Any] = {
        "slots_shown_per_replica": shown,
        "spare_replicas": asked.pilot.configuration.capacity.spare_replicas,
        "rate_source": _source(rate, shown),
    }
    if load is None:
        return found | {"missing": ["how long the candidate takes to answer: no time of it is known"]}
    stream = expanded(load, volume=asked.pilot.configuration.capacity.growth)
    slots = slots_for(stream, load)
    found |= {"method": _method(asked), "slots_needed": slots}
    if slots is None:
        return found | {"missing": [TOO_SLOW]}
    if rate is None or rate.slots_per_replica.value is None:
        return found | {"missing": [NO_REHEARSAL]}
    return found | _replicas(asked, load, stream, slots, rate.slots_per_replica, rate.slots_per_replica.value)


def _load(asked: _Asked, arm: ArmEvidence, chosen: Flags, rate: ServingRate | None) -> Load | None:
    """Arrivals with the time that a slot is taken: the candidate's own, as it is with all slots in use.

    A request without a measured time is given that of another one, drawn with a fixed seed.
    """
    configuration = asked.pilot.configuration
    answered = arm.replies.answered & ~np.isnan(arm.replies.total_seconds)
    own = answered & measured(arm.replies, configuration)
    usable = (own if (own & chosen).any() else answered)[chosen]
    if not usable.any():
        return None
    times = np.where(usable, asked.times, np.nan)
    service = np.where(usable, asked.times, np.random.default_rng(SEED).choice(times[usable], len(times)))
    if rate is not None:
        service = as_rehearsed(service, p50=rate.service_seconds_p50, p95=rate.service_seconds_p95)
    limits = []
    if configuration.latency is not None and configuration.latency.total_p95_seconds is not None:
        total = configuration.latency.total_p95_seconds
        limits.append(TimeLimit(service, total, is_kept_alone=rate is not None and rate.service_seconds_p95 <= total))
    if configuration.latency is not None and configuration.latency.ttft_any_p95_seconds is not None:
        first = np.where(usable, arm.replies.ttft_any_seconds[chosen], np.nan)
        limits.append(TimeLimit(first, configuration.latency.ttft_any_p95_seconds))
    return Load(asked.arrived_us, service, asked.weights, configuration.capacity.wait_p95_seconds, tuple(limits))


def _shown(asked: _Asked, evidence: Evidence, arm: ArmEvidence) -> float | None:
    """Slots for a replica as the mirrored load itself showed them: a lower bound, more was not tried."""
    replies, latency = arm.replies, asked.pilot.configuration.latency
    live = replies.is_there & (replies.sources == Source.LIVE.value) & ~np.isnan(replies.total_seconds)
    live &= asked.selection.counted
    stream = stream_of(evidence.exchanges.arrived_us[live], replies.total_seconds[live])
    kept = replies.answered[live]
    if latency is not None and latency.total_p95_seconds is not None:
        kept &= ~(replies.total_seconds[live] > latency.total_p95_seconds)
    if latency is not None and latency.ttft_any_p95_seconds is not None:
        kept &= ~(replies.ttft_any_seconds[live] > latency.ttft_any_p95_seconds)
    slots = slots_shown(stream.at_once, kept[stream.rows])
    return None if slots is None else slots / asked.table.replicas


def _source(rate: ServingRate | None, shown: float | None) -> str:
    if rate is not None and rate.slots_per_replica.value is not None:
        each, n = rate.slots_per_replica.value, rate.replicas
        return f"a rehearsal: {each:.3g} requests at once a replica while the objective is kept, measured on {n} together"
    if shown is not None:
        return (
            f"no rehearsal that found it; under the pilot's own load a replica was seen to answer {shown:.3g} requests at once "
            "while the objective was kept: it may carry more, so nothing is reckoned from it"
        )
    return "no rehearsal that found it, and no load of the pilot's own that shows what a replica carries"


def _method(asked: _Asked) -> str:
    configuration = asked.pilot.configuration
    limits = "" if configuration.latency is None else ", and waiting and answering together keep the latency limits"
    return METHOD.format(wait=configuration.capacity.wait_p95_seconds, limits=limits)


def _replicas(
    asked: _Asked, load: Load, stream: Stream, slots: int, measured_slots: EstimateModel, each: float
) -> dict[str, Any]:
    room = asked.pilot.configuration.capacity
    needed = replicas_of(slots, each)
    rented = needed + room.spare_replicas
    all_slots = rented * each
    busy = float(load.service_seconds @ load.weights) * room.growth
    month = float(asked.weights.sum()) * _MONTH_HOURS * 3600 / asked.seconds if asked.seconds else None
    stairs = _stairs(load, each, room.growth, room.spare_replicas, month)
    alone = [stair.requests_per_month for stair in stairs if stair.replicas == 1]
    return {
        "slots_per_replica": measured_slots,
        "replicas_needed": needed,
        "replicas_low": replicas_of(slots, measured_slots.high) if measured_slots.high else None,
        "replicas_high": replicas_of(slots, measured_slots.low) if measured_slots.low else None,
        "replicas_with_spare": rented,
        "gpus": rented * asked.table.gpus_per_replica,
        "utilisation_rate": busy / asked.seconds / all_slots if asked.seconds else None,
        "utilisation_peak_rate": min(1.0, int(stream.at_once.max()) / all_slots) if len(stream) else None,
        "stairs": stairs,
        "requests_per_month_per_replica": alone[0] if alone else None,
    }


def _stairs(load: Load, each: float, growth: float, spare: int, month: float | None) -> list[CapacityStair]:
    curve = slots_for_volumes(load, growth=growth)
    steps = replicas_for_volume(curve, each) if curve is not None else []
    return [
        CapacityStair(
            volume_factor=volume,
            requests_per_month=volume * month if month is not None else None,
            replicas=replicas,
            replicas_with_spare=replicas + spare,
        )
        for volume, replicas in steps
    ]


def rate_of(rehearsals: Mapping[str, RehearsalModel], name: str) -> ServingRate | None:
    """What a candidate's rehearsal measured of one replica."""
    found = rehearsals.get(name)
    return found.rate if found is not None else None


def _whole(value: float) -> int:
    # Weights are reciprocals of decimals: 99.99999999 requests are 100, 100.00000001 too.
    return int(np.ceil(np.round(value, 6)))
