"""The distribution of times, by hour of the day and by load: they rest on the same answers as the quantiles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from app.domain.evidence import Evidence, Floats, ReplyColumns, words
from app.domain.operation_models import ArmsCurve, LoadTimes
from app.domain.scorecard import LatencyModel
from app.pipeline.latency_groups import Known, at_once_of, loads_of, local_hours
from app.pipeline.operation import latency_of
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, made

ZONE = "Europe/Berlin"
CONFIGURATION = a_configuration(latency={"total_p95_seconds": 3.0}, pilot={"name": "p", "timezone": ZONE})
N = 900
SECOND_US = 1_000_000
START = datetime(2026, 10, 20, tzinfo=UTC)  # clocks go back within the next days
TIMES = ("total_seconds", "ttft_any_seconds")


def some_evidence(seed: int = 3) -> Evidence:
    """A week of live exchanges of two arms; one in nine of a kind each that does not count."""
    chance = np.random.default_rng(seed)
    base = made([Made(f"c{number:04d}") for number in range(N)])
    begin = int(START.timestamp()) * SECOND_US
    exchanges = replace(base.evidence.exchanges, arrived_us=begin + chance.integers(0, 7 * 86_400 * SECOND_US, N))
    incumbent, candidate = (_replies(base.arm.replies, chance, scale) for scale in (1.0, 2.0))
    return replace(base.evidence, exchanges=exchanges, incumbent=incumbent, arms={"qwen": replace(base.arm, replies=candidate)})


def _replies(base: ReplyColumns, chance: np.random.Generator, scale: float) -> ReplyColumns:
    total = scale * chance.lognormal(sigma=0.6, size=N)
    kind = chance.integers(0, 9, N)
    return replace(
        base,
        failures=words(["timeout" if each == 0 else "" for each in kind]),
        sources=words(["replayed" if each == 1 else "live" for each in kind]),
        lag_seconds=np.where(kind == 2, 0.02, 0.0),
        total_seconds=total,
        ttft_any_seconds=np.where(kind == 3, np.nan, 0.2 * total),
    )


def latency(evidence: Evidence) -> LatencyModel:
    counted = np.arange(N) % 10 > 0
    days = np.ones(N, dtype=np.int64)
    return latency_of(CONFIGURATION, evidence, evidence.arms["qwen"], counted, days=days, weights=np.ones(N), control=None)


def swapped(evidence: Evidence) -> Evidence:
    arm = evidence.arms["qwen"]
    return replace(evidence, incumbent=arm.replies, arms={"qwen": replace(arm, replies=evidence.incumbent)})


FOUND = latency(some_evidence())


def test_curves_rise_and_their_95th_point_is_the_stored_one() -> None:
    for measure in TIMES:
        curve: ArmsCurve = FOUND.curve[measure]
        stored = getattr(FOUND, measure).p95
        for points, n, p95 in (
            (curve.incumbent, curve.incumbent_n, stored.incumbent),
            (curve.candidate, curve.candidate_n, stored.candidate),
        ):
            assert 90 < len(points) <= 101
            assert all(one.share < two.share and one.seconds <= two.seconds for one, two in pairwise(points))
            assert all((p.low or 0.0) <= p.seconds <= (p.high or np.inf) for p in points)
            (at,) = [p for p in points if p.share == 0.95]
            assert (at.seconds, at.low, at.high, n) == (p95.value, p95.low, p95.high, p95.n)


def test_hours_and_loads_add_up_to_what_the_quantiles_count() -> None:
    for measure in TIMES:
        p95 = getattr(FOUND, measure).p95
        hours, load = FOUND.by_hour[measure], FOUND.by_load[measure]
        assert [each.hour for each in hours] == list(range(24))
        assert sum(each.incumbent.p95.n for each in hours) == sum(x.times.p95.n for x in load.incumbent) == p95.incumbent.n
        assert sum(each.candidate.p50.n for each in hours) == sum(x.times.p50.n for x in load.candidate) == p95.candidate.n


def test_an_hour_with_few_answers_has_a_number_and_no_times() -> None:
    groups = [each.incumbent for each in FOUND.by_hour["total_seconds"]]
    few = [group for group in groups if group.p95.n < 20]
    assert few
    assert all(group.p50.value is group.p95.value is group.p95.low is None for group in few)
    assert all(group.p95.value is not None for group in groups if group.p95.n >= 20)


def test_swapped_arms_swap_their_columns() -> None:
    other = latency(swapped(some_evidence()))
    for measure in TIMES:
        one, two = FOUND.curve[measure], other.curve[measure]
        assert (one.incumbent, one.candidate) == (two.candidate, two.incumbent)
        assert FOUND.by_load[measure].incumbent == other.by_load[measure].candidate
        pairs = zip(FOUND.by_hour[measure], other.by_hour[measure], strict=True)
        assert all((a.incumbent, a.candidate) == (b.candidate, b.incumbent) for a, b in pairs)


def test_nothing_that_counts_gives_nothing() -> None:
    evidence = some_evidence()
    replayed = words(["replayed"] * N)
    arm = evidence.arms["qwen"]
    none = replace(
        evidence,
        incumbent=replace(evidence.incumbent, sources=replayed),
        arms={"qwen": replace(arm, replies=replace(arm.replies, sources=replayed))},
    )
    found = latency(none)
    assert found.curve["total_seconds"] == ArmsCurve()
    assert found.by_hour["total_seconds"] == []
    assert found.by_load["total_seconds"].candidate == []


def test_hours_are_those_of_the_zone_also_where_clocks_change() -> None:
    moments = [START + timedelta(hours=hours) for hours in (0, 23, 4 * 24 + 23.9, 5 * 24 + 0.9, 5 * 24 + 1.1)]
    arrived = np.array([int(moment.timestamp()) * SECOND_US for moment in moments])
    assert local_hours(arrived, ZONE).tolist() == [2, 1, 1, 2, 2]
    assert local_hours(arrived[:1], "Asia/Kathmandu").tolist() == [5]


def under_way(begins: list[float], took: list[float], waited: list[float] | None = None) -> list[int]:
    base = made([Made(f"c{number}") for number in range(len(begins))]).arm.replies
    replies = replace(base, total_seconds=np.array(took))
    arrived = (np.array(begins) * SECOND_US).astype(np.int64)
    lag = None if waited is None else np.array(waited)
    found: list[int] = at_once_of(replies, np.ones(len(begins), dtype=bool), arrived, lag).tolist()
    return found


@pytest.mark.parametrize(
    ("begins", "took", "waited", "found"),
    [
        ([0.0, 1.0, 2.0, 5.0], [3.0, 3.0, 1.0, 1.0], None, [1, 2, 3, 1]),
        ([5.0, 0.0, 2.0], [1.0, 3.0, 1.0], None, [1, 1, 2]),  # in any order
        ([0.0, 1.0], [1.0, 1.0], None, [1, 1]),  # who ends just then has gone
        ([0.0, 1.0], [np.nan, 1.0], None, [0, 1]),  # what is not known is not counted
        ([0.0, 2.0], [1.0, 1.0], [1.5, np.nan], [1, 2]),  # reached the arm later
    ],
)
def test_requests_under_way_are_counted_as_one_arrives(
    begins: list[float], took: list[float], waited: list[float] | None, found: list[int]
) -> None:
    assert under_way(begins, took, waited) == found


def bins(load: Floats) -> list[LoadTimes]:
    size = len(load)
    arrived = np.arange(size) * 3600 * SECOND_US
    return loads_of(Known(np.asarray(load, dtype=np.float64), arrived, load.astype(np.int64)))


def test_loads_are_binned_at_their_quantiles() -> None:
    found = bins(np.repeat(np.arange(1, 101), 4))
    assert [(each.at_once_from, each.at_once_to) for each in found] == [
        (1, 20), (21, 40), (41, 60), (61, 80), (81, 95), (96, 100)
    ]  # fmt: skip
    assert [each.times.p95.n for each in found] == [80, 80, 80, 80, 60, 20]
    assert found[0].times.p50.value == found[0].at_once_mean - 0.5 == 10.0


def test_one_load_alone_is_one_bin() -> None:
    (only,) = bins(np.ones(50))
    assert (only.at_once_from, only.at_once_to, only.times.p95.n) == (1, 1, 50)
    assert bins(np.empty(0)) == []
