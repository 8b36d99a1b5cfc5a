"""What is said of a candidate's server, on evidence whose truth is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.epochs import ModelSighting
from app.domain.evidence import Evidence, Flags, Floats, Numbers, words
from app.domain.scorecard import VerdictModel
from app.domain.serving import HourReadings, RepeatCount, ServerProcess, ServingModel, ServingSeen, metrics_address
from app.domain.words import Outcome
from app.pipeline.closing import Selection
from app.pipeline.data_residency import residency_problems
from app.pipeline.serving import serving_of, with_untested
from app.pipeline.serving_trends import ages_hours, calls_of, kv_cache_per_day, processes_at_once, trends_by_age, trends_by_load
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, live_with_control, made
from tests.unit.pipeline.test_conversations import a_running_pilot

START = datetime(2026, 9, 7, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
EPOCH = START.timestamp()
DETERMINISTIC, SAMPLED = True, False


def a_life(begins: timedelta, ends: timedelta, *, seen: timedelta | None = None, is_said: bool = True) -> ServerProcess:
    return ServerProcess(START + begins, START + (begins if seen is None else seen), START + ends, is_said)


def live(times: Floats, every: timedelta = MINUTE, **columns: Any) -> Evidence:
    """One live call each minute, with these times of the candidate."""
    evidence = made([Made(f"c-{number}") for number in range(len(times))]).evidence
    arrived = (np.arange(len(times)) * (every / timedelta(microseconds=1)) + EPOCH * 1e6).astype(np.int64)
    replies = evidence.arms["qwen"].replies
    sources = words(["live"] * len(times))
    changed = replace(replies, total_seconds=times, ttft_any_seconds=times / 2, sources=sources, **columns)
    arms = {"qwen": replace(evidence.arms["qwen"], replies=changed)}
    return replace(evidence, exchanges=replace(evidence.exchanges, arrived_us=arrived), arms=arms)


def by_age(evidence: Evidence, *lives: ServerProcess, counted: Flags | None = None) -> Any:
    every = np.ones(len(evidence.exchanges), dtype=bool)
    calls = calls_of(evidence, "qwen", every if counted is None else counted)
    return trends_by_age(calls, evidence.arms["qwen"].replies, lives)


def noisy(count: int, seed: int = 1) -> Floats:
    return 1.0 + 0.1 * np.random.default_rng(seed).random(count)


@pytest.mark.parametrize(("per_day", "grows"), [(0.02, True), (0.0, False), (-0.02, False)])
def test_times_that_grow_with_the_server_s_age_are_found_and_others_are_not(per_day: float, grows: bool) -> None:
    calls, a_day = 28 * 144, 144
    evidence = live(noisy(calls) + 1.0 + per_day * np.arange(calls) / a_day, 10 * MINUTE)
    found = by_age(evidence, a_life(-6 * HOUR, 28 * DAY))
    total, first = found["total_seconds"], found["ttft_any_seconds"]
    assert total.slope.value == pytest.approx(per_day, abs=0.001)
    assert first.slope.value == pytest.approx(per_day / 2, abs=0.001)
    assert (total.grows, first.grows) == (grows, grows)
    # Quarters are seven days long and three quarters of the four weeks apart.
    assert total.last_minus_first.value == pytest.approx(21 * per_day, abs=0.02)
    assert total.slope.low < total.slope.value < total.slope.high
    spans = [(bucket.from_, bucket.to, bucket.p95.n) for bucket in total.buckets]
    assert spans == [(6.0, 24.0, 108), (24.0, 72.0, 288), (72.0, 168.0, 576), (168.0, None, 3060)]
    assert total.slope.n == calls


def test_a_difference_within_its_interval_is_no_growth() -> None:
    found = [by_age(live(noisy(1000, seed), 10 * MINUTE), a_life(timedelta(0), 7 * DAY)) for seed in range(4)]
    trends = [each["total_seconds"] for each in found]
    assert [trend.grows for trend in trends] == [False] * 4
    assert any(trend.last_minus_first.value > 0 for trend in trends)


def test_a_restart_begins_the_age_anew() -> None:
    moments = np.array([-1.0, 0.0, 3600.0, 7200.0, 10_800.0, 14_400.0, 30_000.0]) + EPOCH
    lives = (a_life(timedelta(0), HOUR), a_life(3 * HOUR, 4 * HOUR, seen=3.5 * HOUR))
    # Two hours after its last sign of life nobody knows which process answers.
    assert ages_hours(moments, lives).tolist() == pytest.approx([np.nan, 0, 1, np.nan, 0, 1, np.nan], nan_ok=True)


def test_replicas_at_one_address_have_no_age() -> None:
    lives = (a_life(timedelta(0), 5 * HOUR), a_life(HOUR, 6 * HOUR))
    once = a_life(HOUR, HOUR)  # seen in one reading
    assert [processes_at_once(each) for each in ((), lives[:1], lives, (once,))] == [0, 1, 2, 1]
    assert np.isnan(ages_hours(np.array([EPOCH + 60]), lives)).all()
    assert by_age(live(noisy(500)), *lives) == {}


@pytest.mark.parametrize("what", ["sources", "failures", "lag_seconds", "counted"])
def test_only_live_calls_of_closed_days_that_were_measured_well_count(what: str) -> None:
    times = noisy(400)
    half = np.arange(400) % 2 == 0
    evidence = live(np.where(half, times, 99.0))
    replies = evidence.arms["qwen"].replies
    changes: dict[str, Any] = {
        "sources": {"sources": words(["live" if each else "imported" for each in half])},
        "failures": {"failures": words(["" if each else "timeout" for each in half])},
        "lag_seconds": {"lag_seconds": np.where(half, 0.001, 0.006)},
    }.get(what, {})
    arms = {"qwen": replace(evidence.arms["qwen"], replies=replace(replies, **changes))}
    found = by_age(replace(evidence, arms=arms), a_life(timedelta(0), DAY), counted=half if what == "counted" else None)[
        "total_seconds"
    ]
    assert found.slope.n == 200
    assert all((bucket.p95.value or 99) < 2 for bucket in found.buckets)


def test_a_call_that_waited_for_us_is_as_old_as_when_it_was_sent() -> None:
    evidence = live(noisy(200))
    waited = replace(live_with_control(evidence), queue_lag_seconds={"qwen": np.full(200, 1800.0)}, control=None)
    assert by_age(evidence, a_life(timedelta(0), DAY))["total_seconds"].buckets[0].from_ == 0.0
    later = by_age(replace(evidence, live=waited), a_life(-HOUR, DAY))["total_seconds"]
    assert [bucket.from_ for bucket in later.buckets] == [1.0]
    assert later.slope.n == 200


def test_the_calls_at_once_are_counted_as_a_plain_loop_counts_them() -> None:
    rng = np.random.default_rng(2)
    times = rng.exponential(3.0, 300)
    evidence = live(times, timedelta(seconds=1))
    calls = calls_of(evidence, "qwen", np.ones(300, dtype=bool))
    begins = np.arange(300.0)
    plain = [int(((begins <= t) & (begins + times > t)).sum()) for t in begins]
    assert calls.at_once.tolist() == plain
    assert max(plain) > 4


def test_a_call_that_took_no_time_was_at_least_alone() -> None:
    calls = calls_of(live(np.array([0.0, 90.0, 0.0])), "qwen", np.ones(3, dtype=bool))
    assert calls.at_once.tolist() == [1.0, 1.0, 1.0]


def bursts(sizes: Numbers, times: Floats) -> Evidence:
    """So many calls almost at once each minute."""
    place = np.concatenate([np.arange(size) for size in sizes])
    starts = np.repeat(np.arange(len(sizes)) * 60.0, sizes) + 0.001 * place + EPOCH
    evidence = live(times)
    return replace(evidence, exchanges=replace(evidence.exchanges, arrived_us=(starts * 1e6).astype(np.int64)))


def test_a_load_that_grows_while_the_server_gets_older_is_not_taken_for_its_age() -> None:
    sizes = 1 + np.arange(1000) * 5 // 1000
    place = np.concatenate([np.arange(size) for size in sizes])
    times = 1.0 + 0.2 * place + 0.01 * np.random.default_rng(8).random(len(place))
    found = by_age(bursts(sizes, times), a_life(timedelta(0), DAY))["total_seconds"]
    assert abs(found.slope.value) < 0.02
    means = [bucket.at_once_mean for bucket in found.buckets]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


def test_times_that_grow_with_the_load_are_found() -> None:
    rng = np.random.default_rng(4)
    # Bursts of one to eight calls, a minute apart; each call more makes all of them slower by a tenth of a second.
    sizes = rng.integers(1, 9, 600)
    place = np.concatenate([np.arange(size) for size in sizes])
    times = 1.0 + 0.1 * place + 0.05 * rng.random(len(place))
    evidence = bursts(sizes, times)
    calls = calls_of(evidence, "qwen", np.ones(len(times), dtype=bool))
    found = trends_by_load(calls, evidence.arms["qwen"].replies)["total_seconds"]
    assert found.slope.value == pytest.approx(0.1, abs=0.01)
    assert found.grows is True
    assert [(bucket.from_, bucket.to) for bucket in found.buckets] == [(1, 2), (2, 4), (4, 8), (8, 16)]
    assert [bucket.p95.value for bucket in found.buckets] == sorted(bucket.p95.value or 0 for bucket in found.buckets)
    assert [bucket.at_once_mean for bucket in found.buckets][::3] == [1.0, 8.0]


def test_too_few_answers_in_a_quarter_are_not_compared() -> None:
    enough, few = (by_age(live(noisy(count)), a_life(timedelta(0), DAY))["total_seconds"] for count in (400, 300))
    assert enough.last_minus_first.n == 200
    assert (few.last_minus_first.n, few.grows) == (0, None)


@pytest.mark.parametrize(("leak", "grows"), [(0.02, True), (0.0, False)])
def test_a_kv_cache_that_fills_at_equal_load_is_found(leak: float, grows: bool) -> None:
    rng = np.random.default_rng(6)
    running = rng.integers(0, 20, 24 * 14).astype(float)
    hours = [
        HourReadings(
            hour=START + number * HOUR, readings=60, running_mean=load,
            kv_cache_mean=0.02 * load + leak * number / 24 + 0.001 * float(rng.normal()),
        )
        for number, load in enumerate(running)
    ]  # fmt: skip
    unknown = HourReadings(hour=START, readings=60, running_mean=3.0)
    found = kv_cache_per_day([*hours, unknown], [a_life(-HOUR, 14 * DAY)])
    assert found.value == pytest.approx(leak, abs=0.001)
    assert found.n == 24 * 14
    assert ((found.low or 0) > 0) is grows
    assert kv_cache_per_day([unknown], [a_life(-HOUR, DAY)]).value is None
    whole = said(ServingSeen(hours=tuple(hours), processes=(a_life(-HOUR, 14 * DAY),)))
    assert whole.kv_cache_grows is grows
    assert any("KV cache fills" in line for line in whole.warnings) is grows


def said(seen: ServingSeen, *, sightings: tuple[ModelSighting, ...] = (), **candidate: Any) -> ServingModel:
    pilot = replace(a_running_pilot(), configuration=_configuration(**candidate))
    evidence = made([Made("c-1")]).evidence
    flags = np.ones(1, dtype=bool)
    selection = Selection(words(["captured"]), np.ones(1, dtype=np.int64), flags, flags, (1,), START + DAY)
    return serving_of(pilot, "qwen", seen, evidence, selection, sightings)


def _configuration(**candidate: Any) -> PilotConfiguration:
    return a_configuration(candidate=[{"name": "qwen", "base_url": "http://vllm:8000/v1", "model": "m"} | candidate])


def test_repeats_are_counted_by_whether_the_same_answer_was_asked_for() -> None:
    repeats = (
        RepeatCount(DETERMINISTIC, is_equal=True, failure=None, calls=96),
        RepeatCount(DETERMINISTIC, is_equal=False, failure=None, calls=4),
        RepeatCount(DETERMINISTIC, is_equal=None, failure="timeout", calls=2),
        RepeatCount(DETERMINISTIC, is_equal=None, failure="http", calls=1),
        RepeatCount(SAMPLED, is_equal=False, failure=None, calls=7),
    )
    found = said(ServingSeen(repeats=repeats))
    exact, free = found.deterministic, found.sampled
    assert (exact.equal, exact.different, exact.failed, exact.equal_rate.n) == (96, 4, 3, 100)
    assert (exact.equal_rate.value, exact.equal_rate.method) == (0.96, "wilson")
    assert exact.equal_rate.low == pytest.approx(0.9016, abs=1e-4)
    assert exact.equal_rate.high == pytest.approx(0.9843, abs=1e-4)
    assert (free.equal_rate.value, free.different, free.failed) == (0.0, 7, 0)
    assert [line for line in found.warnings if "another answer to 4 of 100" in line] == found.warnings
    assert said(ServingSeen(repeats=repeats[4:])).warnings == []  # models are meant to vary there


def sighting(fingerprint: str, arm: str = "qwen") -> ModelSighting:
    return ModelSighting(arm=arm, at=START, source="reply", fingerprint=fingerprint)


@pytest.mark.parametrize(
    ("configured", "pages", "fingerprints", "unfit", "contradicts"),
    [
        ("ollama", (), (), "Ollama", False),
        ("llamacpp", ("llamacpp",), (), "llama.cpp", False),
        ("vllm", ("vllm",), ("fp_abc",), "", False),
        ("vllm", (), ("fp_ollama",), "Ollama", True),
        ("openai", (), ("fp_ollama",), "Ollama", False),
        ("openai", (), ("b4567-1a2b3c4d",), "llama.cpp", False),
        ("vllm", ("sglang",), (), "", True),
        ("openai", ("sglang",), (), "", False),
    ],
)  # fmt: skip
def test_a_server_that_is_not_meant_for_load_and_one_that_is_another_is_said(
    configured: str, pages: tuple[str, ...], fingerprints: tuple[str, ...], unfit: str, contradicts: bool
) -> None:
    sightings = tuple(sighting(each) for each in fingerprints)
    found = said(ServingSeen(servers=pages), sightings=(*sightings, sighting("fp_ollama", "phi")), server=configured)
    text = " ".join(found.warnings)
    assert found.is_unfit_for_load is bool(unfit)
    assert (f"served by {unfit}," in text) is bool(unfit)
    assert ("its server says that it is" in text) is contradicts
    assert [unfit in line for line in found.not_tested] == [True] * bool(unfit)
    verdict = with_untested(VerdictModel(outcome=Outcome.EXTEND, not_tested=["before"]), found)
    assert verdict.not_tested == ["before", *found.not_tested]


def test_hours_become_days_weighted_by_their_readings() -> None:
    begins = a_running_pilot().starts_at
    assert begins is not None
    hours = (
        HourReadings(begins - HOUR, 9, running_mean=50.0),  # before the pilot
        HourReadings(begins - timedelta(minutes=30), 30, problems=1, running_mean=1.0, running_max=2.0, waiting_max=1.0,
                     prefix_cache_hits=10.0, prefix_cache_queries=40.0, ttft_seconds_sum=3.0, ttft_count=10.0),
        HourReadings(begins + HOUR, 10, problems=2, running_mean=5.0, running_max=4.0, preemptions=3.0,
                     prefix_cache_hits=20.0, prefix_cache_queries=20.0),
        HourReadings(begins + DAY, 5, prefix_cache_hit_rate_mean=0.25),
    )  # fmt: skip
    first, second = said(ServingSeen(hours=hours)).days
    assert (first.day, first.readings, first.problems) == (1, 40, 3)
    assert (first.running_mean, first.running_max, first.waiting_max, first.preemptions) == (2.0, 4.0, 1.0, 3.0)
    assert (first.prefix_cache_hit_rate, first.ttft_mean_seconds) == (0.5, 0.3)
    assert (second.day, second.running_mean, second.preemptions, second.prefix_cache_hit_rate) == (2, None, None, 0.25)
    assert second.ttft_mean_seconds is None


def test_the_first_start_that_was_seen_is_no_restart() -> None:
    lives = (a_life(timedelta(0), HOUR), a_life(2 * HOUR, 5 * HOUR))
    found = said(ServingSeen(processes=lives))
    assert (found.restarts, found.longest_uptime_hours) == ([START + 2 * HOUR], 3.0)
    assert said(ServingSeen(processes=(*lives, a_life(HOUR, 4 * HOUR)))).restarts == []  # replicas


def test_a_page_that_could_never_be_read_is_said() -> None:
    hours = (HourReadings(hour=START, readings=0, problems=60),)
    found = said(ServingSeen(hours=hours, last_problem="it answers with status 404"), server="vllm")
    assert (found.readings, found.problems) == (0, 60)
    assert found.warnings == [
        "the metrics page of qwen (http://vllm:8000/metrics) could never be read: it answers with status 404"
    ]
    some = (*hours, HourReadings(hour=START + HOUR, readings=1))
    assert said(ServingSeen(hours=some, last_problem="it answers with status 404"), server="vllm").warnings == []


@pytest.mark.parametrize(
    ("candidate", "address"),
    [
        ({"server": "vllm"}, "http://vllm:8000/metrics"),
        ({"server": "vllm", "base_url": "https://models.example.com/team/v1"}, "https://models.example.com/metrics"),
        ({"server": "tensorrt-llm"}, "http://vllm:8000/prometheus/metrics"),
        ({"server": "ollama"}, None),
        ({}, None),
        ({"metrics_url": "http://exporter:9400/metrics"}, "http://exporter:9400/metrics"),
        ({"server": "vllm", "metrics_url": ""}, None),
    ],
)
def test_where_a_server_s_metrics_page_is(candidate: dict[str, str], address: str | None) -> None:
    assert metrics_address(_configuration(**candidate).candidate[0]) == address


def test_where_data_must_stay_no_page_outside_is_read() -> None:
    for url, problems in (
        ("http://exporter:9400/metrics", []),
        ("https://metrics.example.com/m", [("candidate", 0, "metrics_url")]),
    ):
        configuration = a_configuration(
            candidate=[{"name": "qwen", "base_url": "http://vllm:8000/v1", "model": "m", "metrics_url": url}],
            constraints={"data_must_stay": True},
        )
        assert [path for path, _, _ in residency_problems(configuration)] == problems
