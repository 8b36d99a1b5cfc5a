"""Capacity of a made pilot: figures of its traffic, replicas from a rehearsal, and what is not known without one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from app.costs.queue_replay import replay, stream_of
from app.domain.capacity_figures import CapacityModel
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Flags, Floats, words
from app.domain.pilot import Arm, Pilot
from app.domain.serving_rate import ServingRate
from app.domain.words import ArmRole, PilotState
from app.pipeline.capacity import NO_REHEARSAL, TOO_SLOW, capacity_of
from app.pipeline.closing import Selection, microseconds
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, MadeEvidence, made

SIZE = 700
# A Friday, midnight in Berlin: the second day is a Saturday, the third a Sunday.
START = datetime(2026, 9, 3, 22, tzinfo=UTC)


@cache
def made_rows() -> MadeEvidence:
    return made([Made(f"c{number:04d}") for number in range(SIZE)])


class Traffic:
    """Three days with most requests on the first, and the moment each came."""

    def __init__(self, *, weight: float = 1.0, source: str = "live", **tables: Any) -> None:
        random = np.random.default_rng(8)
        found = made_rows()
        days = np.sort(random.choice([1, 2, 3], SIZE, p=[0.8, 0.1, 0.1]))
        at = (days - 1) * 86_400 + np.sort(random.integers(9 * 3600, 12 * 3600, SIZE))
        times = 2.0 + random.gamma(2.0, 4.0, SIZE)
        there = np.ones(SIZE, dtype=bool)
        replies = replace(found.arm.replies, is_there=there, failures=words([""] * SIZE), sources=words([source] * SIZE))
        arm = replace(found.arm, replies=replace(replies, total_seconds=times, ttft_any_seconds=times / 10))
        incumbent = replace(found.evidence.incumbent, is_there=there, total_seconds=np.full(SIZE, 3.0))
        exchanges = replace(found.evidence.exchanges, arrived_us=microseconds(START) + at * 1_000_000)
        self.evidence = replace(found.evidence, exchanges=exchanges, incumbent=incumbent, arms={"qwen": arm})
        self.configuration = a_configuration(pilot={"timezone": "Europe/Berlin"}, **tables)
        self.selection = Selection(
            reasons=words(["captured"] * SIZE), days=days, captured=there, counted=there, closed=(1, 2, 3),
            ends_at=START + timedelta(days=3),
        )  # fmt: skip
        self.weights: Floats = np.full(SIZE, weight)
        self.times, self.at = times, at

    @property
    def pilot(self) -> Pilot:
        arms = (Arm(1, "incumbent", ArmRole.INCUMBENT, "gpt-5.1"), Arm(2, "qwen", ArmRole.CANDIDATE, "qwen"))
        return Pilot(
            id=1, name="p", state=PilotState.RUNNING, configuration=self.configuration, arms=arms, starts_at=START,
            extended_days=0, is_default=True, is_detached=False, mirror_on=True, created_at=START, started_at=START,
            stopped_at=None,
        )  # fmt: skip

    def change(self, **columns: Any) -> None:
        arm = self.evidence.arms["qwen"]
        self.evidence = replace(self.evidence, arms={"qwen": replace(arm, replies=replace(arm.replies, **columns))})

    def capacity(self, rate: ServingRate | None = None, rows: Flags | None = None) -> CapacityModel:
        return capacity_of(self.pilot, self.evidence, "qwen", self.selection, self.weights, rate=rate, rows=rows)

    def share_waiting(self, slots: int) -> float:
        stream = stream_of(self.at * 1_000_000, self.times)
        waits = replay(stream, slots=slots)
        assert waits is not None
        return len(waits.places) / SIZE


def a_rate(slots: float, low: float | None = None, high: float | None = None, times: Floats | None = None) -> ServingRate:
    """With the times that the traffic has anyway, unless others are given."""
    own = Traffic().times if times is None else times
    p50, p95 = (float(np.quantile(own, share, method="inverted_cdf")) for share in (0.5, 0.95))
    return ServingRate(
        replicas=2,
        slots_per_replica=EstimateModel(value=slots, low=low, high=high, n=3),
        requests_per_second_per_replica=EstimateModel(value=1.0),
        service_seconds_p50=p50,
        service_seconds_p95=p95,
    )


def test_the_replicas_of_a_rehearsed_candidate() -> None:
    traffic = Traffic()
    found = traffic.capacity(a_rate(1.5, low=1.0, high=2.0))
    assert found.slots_needed is not None
    assert found.replicas_needed is not None
    assert traffic.share_waiting(found.slots_needed) <= 0.05 < traffic.share_waiting(found.slots_needed - 1)
    assert int(found.replicas_needed * 1.5) >= found.slots_needed > int((found.replicas_needed - 1) * 1.5)
    assert (found.replicas_low, found.replicas_high) == (-(-found.slots_needed // 2), found.slots_needed)
    assert (found.spare_replicas, found.replicas_with_spare) == (1, found.replicas_needed + 1)
    assert found.gpus == found.replicas_with_spare
    all_slots = 1.5 * (found.replicas_needed + 1)
    assert found.utilisation_rate == pytest.approx(traffic.times.sum() / (3 * 86_400) / all_slots)
    assert found.candidate_concurrency_peak is not None
    assert found.utilisation_peak_rate == min(1.0, found.candidate_concurrency_peak / all_slots)
    assert found.missing == []
    assert "1.5 requests at once a replica" in found.rate_source


def test_room_is_added_and_gpus_are_whole() -> None:
    table = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "m", "gpus_per_replica": 2}
    plain = Traffic().capacity(a_rate(1.0))
    roomy = Traffic(candidate=[table], capacity={"growth": 2.0, "spare_replicas": 0}).capacity(a_rate(1.0))
    assert plain.replicas_needed is not None
    assert roomy.replicas_needed is not None
    assert 1.4 * plain.replicas_needed < roomy.replicas_needed <= 2 * plain.replicas_needed
    assert (roomy.replicas_with_spare, roomy.gpus) == (roomy.replicas_needed, 2 * roomy.replicas_needed)
    assert roomy.growth == 2.0
    assert roomy.utilisation_rate == pytest.approx(2 * Traffic().times.sum() / (3 * 86_400) / roomy.replicas_needed)


def test_slower_under_full_slots_needs_more() -> None:
    rates = (a_rate(1.0), a_rate(1.0, times=6 * Traffic().times))
    slots = [Traffic().capacity(rate).slots_needed for rate in rates]
    assert slots[0] is not None
    assert slots[1] is not None
    assert slots[1] > 2 * slots[0]


def test_a_sample_needs_what_all_of_it_would() -> None:
    one, four = (Traffic(weight=weight).capacity(a_rate(1.0)) for weight in (1.0, 4.0))
    assert one.slots_needed is not None
    assert four.slots_needed is not None
    assert 2 * one.slots_needed < four.slots_needed <= 4 * one.slots_needed
    assert four.requests_per_minute_mean == pytest.approx(4 * (one.requests_per_minute_mean or 0))
    assert four.candidate_load.mean_little == pytest.approx(4 * (one.candidate_load.mean_little or 0))


def test_steps_of_volume() -> None:
    found = Traffic().capacity(a_rate(2.0))
    factors = [stair.volume_factor for stair in found.stairs]
    replicas = [stair.replicas for stair in found.stairs]
    assert (factors, replicas) == (sorted(set(factors)), sorted(set(replicas)))
    assert next(stair.replicas for stair in found.stairs if stair.volume_factor >= 1) == found.replicas_needed
    month = SIZE * 730 / 72
    assert [stair.requests_per_month for stair in found.stairs] == pytest.approx([factor * month for factor in factors])
    assert found.requests_per_month_per_replica == found.stairs[0].requests_per_month
    assert found.stairs[0].replicas == 1
    assert found.stairs[0].replicas_with_spare == 2


def test_without_a_rehearsal_the_replicas_are_not_known() -> None:
    found = Traffic().capacity()
    assert found.slots_needed is not None
    assert (found.replicas_needed, found.replicas_with_spare, found.gpus, found.stairs) == (None, None, None, [])
    assert (found.utilisation_rate, found.requests_per_month_per_replica) == (None, None)
    assert found.missing == [NO_REHEARSAL]
    assert found.slots_shown_per_replica is not None
    assert "nothing is reckoned from it" in found.rate_source


def test_the_load_that_was_seen_is_a_lower_bound_of_a_replicas_slots() -> None:
    seen = Traffic().capacity()
    assert seen.candidate_concurrency_peak is not None
    assert seen.slots_shown_per_replica is not None
    assert 0.5 * seen.candidate_concurrency_peak < seen.slots_shown_per_replica <= seen.candidate_concurrency_peak
    halves = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "m", "replicas": 2}
    assert Traffic(candidate=[halves]).capacity().slots_shown_per_replica == seen.slots_shown_per_replica / 2
    assert Traffic(latency={"total_p95_seconds": 1.0}).capacity().slots_shown_per_replica is None
    assert Traffic(latency={"ttft_any_p95_seconds": 0.1}).capacity().slots_shown_per_replica is None
    for source in ("imported", "replay"):
        assert Traffic(source=source).capacity().slots_shown_per_replica is None
    failing = Traffic()
    failing.change(failures=words(["timeout"] * SIZE))
    assert failing.capacity().slots_shown_per_replica is None


def test_no_number_of_replicas_makes_a_slow_answer_fast() -> None:
    found = Traffic(latency={"total_p95_seconds": 5.0}).capacity(a_rate(1.0))
    assert (found.slots_needed, found.replicas_needed, found.missing) == (None, None, [TOO_SLOW])
    assert Traffic(latency={"total_p95_seconds": 50.0}).capacity(a_rate(1.0)).replicas_needed is not None


def test_a_limit_that_a_rehearsal_just_kept_is_kept() -> None:
    """Laid out at 1.3 times the volume, a little more than 5 of 100 requests may be above their own 95th percentile."""
    p95 = a_rate(1.0).service_seconds_p95
    room = {"growth": 1.3}
    found = Traffic(latency={"total_p95_seconds": p95}, capacity=room).capacity(a_rate(1.0))
    assert found.slots_needed is not None
    assert found.slots_needed >= (Traffic(capacity=room).capacity(a_rate(1.0)).slots_needed or 0)
    assert Traffic(latency={"total_p95_seconds": 0.97 * p95}, capacity=room).capacity(a_rate(1.0)).slots_needed is None


def test_no_time_is_no_zero() -> None:
    traffic = Traffic()
    traffic.change(total_seconds=np.full(SIZE, np.nan))
    found = traffic.capacity(a_rate(1.0))
    assert (found.slots_needed, found.replicas_needed, found.candidate_concurrency_peak) == (None, None, None)
    assert found.missing == ["how long the candidate takes to answer: no time of it is known"]
    assert found.incumbent_concurrency_peak is not None


def test_requests_without_a_time_take_one_that_was_measured() -> None:
    traffic = Traffic()
    some = np.where(np.arange(SIZE) % 3 == 0, np.nan, traffic.times)
    traffic.change(total_seconds=some)
    whole, part = Traffic().capacity(), traffic.capacity()
    assert part.slots_needed == pytest.approx(whole.slots_needed, abs=1)
    assert part.candidate_load.mean_little == pytest.approx(whole.candidate_load.mean_little, rel=0.05)
    assert traffic.capacity().slots_needed == part.slots_needed


def test_what_the_traffic_is_like() -> None:
    traffic = Traffic()
    found = traffic.capacity()
    minutes = np.bincount(traffic.at // 60, minlength=3 * 1440)
    assert found.requests_per_minute_peak == minutes.max()
    assert found.requests_per_minute_mean == pytest.approx(SIZE / (3 * 1440))
    assert found.requests_per_minute_p999 == np.sort(minutes)[4315]
    assert found.busiest_minute_at == START + timedelta(minutes=int(minutes.argmax()))
    assert found.peak_to_mean == pytest.approx(minutes.max() / (SIZE / (3 * 1440)))
    assert found.dispersion == pytest.approx(minutes.var(ddof=1) / minutes.mean())
    assert found.dispersion is not None
    assert found.dispersion > 2  # nights and a quiet weekend
    hours = np.bincount(traffic.at // 3600, minlength=72)
    assert found.weekday_requests_by_hour == hours[:24].tolist()
    assert found.weekend_requests_by_hour == ((hours[24:48] + hours[48:]) / 2).tolist()
    load = found.incumbent_load
    assert (load.mean_seconds, load.requests) == (3.0, SIZE)
    assert load.mean_little == pytest.approx(3.0 * SIZE / (3 * 86_400))
    assert load.mean_counted == pytest.approx(load.mean_little)
    assert load.busiest_minute_little == pytest.approx(minutes.max() / 60 * 3.0)
    assert load.busiest_minute_counted == pytest.approx(load.busiest_minute_little, rel=0.3)


def test_a_conversation_that_goes_on_after_its_closed_day_is_carried() -> None:
    traffic = Traffic()
    at = traffic.evidence.exchanges.arrived_us.copy()
    at[-1] = microseconds(START + timedelta(days=3, hours=1))
    traffic.evidence = replace(traffic.evidence, exchanges=replace(traffic.evidence.exchanges, arrived_us=at))
    traffic.selection = replace(traffic.selection, closed=(1, 3))
    found = traffic.capacity(a_rate(1.0))
    last, first = int((traffic.selection.days == 3).sum()), int((traffic.selection.days == 1).sum())
    assert sum(value or 0 for value in found.weekday_requests_by_hour) == first
    assert sum(value or 0 for value in found.weekend_requests_by_hour) == last - 1
    assert found.replicas_needed is not None


def test_only_what_moves_is_carried() -> None:
    traffic = Traffic()
    half = np.arange(SIZE) % 2 == 0
    found, whole = traffic.capacity(a_rate(1.0), rows=half), traffic.capacity(a_rate(1.0))
    assert found.requests_per_minute_mean == pytest.approx((whole.requests_per_minute_mean or 0) / 2)
    assert found.replicas_needed is not None
    assert whole.replicas_needed is not None
    assert found.replicas_needed < whole.replicas_needed


def test_tokens_need_no_replicas() -> None:
    managed = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "m"}
    prices = {"input_usd_per_million_tokens": 0.1, "output_usd_per_million_tokens": 0.4}
    found = Traffic(candidate=[managed | prices]).capacity(a_rate(1.0))
    assert (found.replicas_needed, found.slots_needed, found.missing) == (None, None, [])
    assert found.requests_per_minute_peak is not None


def test_nothing_is_known_before_a_day_is_closed() -> None:
    traffic = Traffic()
    nothing = np.zeros(SIZE, dtype=bool)
    traffic.selection = replace(traffic.selection, counted=nothing, closed=(), ends_at=None)
    found = traffic.capacity(a_rate(1.0))
    assert (found.requests_per_minute_peak, found.replicas_needed, found.utilisation_rate) == (None, None, None)
