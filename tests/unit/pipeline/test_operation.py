"""Times and failures by day, beside the incumbent, under the load that was seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers, words
from app.domain.scorecard import ControlModel, EstimateModel, LatencyModel
from app.domain.words import GateOutcome
from app.pipeline.operation import latency_gate, latency_of, reliability_gate, reliability_of
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import DAY_US, Made, made

DAYS, PER_DAY = 28, 50
SIZE = DAYS * PER_DAY
LIMITS = {"latency": {"total_p95_seconds": 3.0}, "reliability": {"max_failure_rate": 0.01}}
CONFIGURATION = a_configuration(**LIMITS)


class Seen:
    """28 days of 50 live exchanges, one a minute of a day's first hour."""

    def __init__(self, *, failures: dict[int, str] | None = None, seconds: Floats | None = None, live: bool = True) -> None:
        found = made([Made(f"c{number:04d}", day=number // PER_DAY + 1) for number in range(SIZE)])
        self.days: Numbers = np.arange(SIZE) // PER_DAY + 1
        at = (self.days - 1) * DAY_US + np.arange(SIZE) % PER_DAY * 60_000_000
        sources = words(["live" if live else "imported"] * SIZE)
        total = np.full(SIZE, 1.0) if seconds is None else seconds
        replies = replace(
            found.arm.replies,
            is_there=np.ones(SIZE, dtype=bool),
            failures=words([(failures or {}).get(number, "") for number in range(SIZE)]),
            sources=sources,
            total_seconds=total,
        )
        incumbent = replace(
            found.evidence.incumbent, is_there=np.ones(SIZE, dtype=bool), sources=sources, total_seconds=np.full(SIZE, 2.0)
        )
        exchanges = replace(found.evidence.exchanges, arrived_us=at)
        self.arm: ArmEvidence = replace(found.arm, replies=replies)
        self.evidence: Evidence = replace(found.evidence, exchanges=exchanges, incumbent=incumbent)
        self.counted: Flags = np.ones(SIZE, dtype=bool)

    def latency(self, control: ControlModel | None = None, **changes: Any) -> LatencyModel:
        weights = changes.get("weights", np.ones(SIZE))
        return latency_of(
            CONFIGURATION, self.evidence, self.arm, self.counted, days=self.days, weights=weights, control=control
        )


def a_control(offset: float | None, n: int = 100) -> ControlModel:
    return ControlModel(vantage_offset_seconds={"total_seconds": EstimateModel(value=offset, n=n)})


def test_the_worst_day_is_shown_with_its_n() -> None:
    seconds = np.full(SIZE, 1.0)
    seconds[5 * PER_DAY : 5 * PER_DAY + 10] = 2.5
    seen = Seen(seconds=seconds)
    found = seen.latency()
    worst = found.worst_day["total_seconds"]
    assert (worst.day, worst.estimate.value, worst.estimate.n) == (6, 2.5, PER_DAY)
    assert len(found.p95_by_day["total_seconds"]) == DAYS
    assert "ttft_any_seconds" not in found.worst_day
    gate = latency_gate(CONFIGURATION, seen.arm, seen.counted, seen.days)
    assert gate.outcome is GateOutcome.PASSES
    assert "on the worst day, day 6, it was 2.5 s, over 50 exchanges" in gate.reason


def test_a_day_with_few_exchanges_is_not_the_worst() -> None:
    seen = Seen(seconds=np.where(np.arange(SIZE) < 5, 9.0, 1.0))
    seen.counted = ~((seen.days == 1) & (np.arange(SIZE) >= 10))
    assert seen.latency().worst_day["total_seconds"].estimate.value == 1.0
    assert seen.latency().p95_by_day["total_seconds"][0].estimate.value == 9.0


@pytest.mark.parametrize(
    ("control", "words_"),
    [
        (None, "without a control arm"),
        (a_control(None), "without a control arm"),
        (a_control(0.1, n=29), "29 times"),
        (a_control(0.3), "not below 10% of the limit"),
        (a_control(-0.31), "not below 10% of the limit"),
    ],
)
def test_the_incumbent_is_not_compared_where_standing_elsewhere_could_explain_it(
    control: ControlModel | None, words_: str
) -> None:
    found = Seen().latency(control).against_incumbent["total_seconds"]
    assert found.candidate_minus_incumbent_p95_seconds is None
    assert words_ in found.reason


def test_the_incumbent_is_compared_where_the_offset_is_small() -> None:
    chance = np.random.default_rng(1)
    found = Seen(seconds=chance.exponential(1.0, SIZE)).latency(a_control(0.29)).against_incumbent
    difference = found["total_seconds"].candidate_minus_incumbent_p95_seconds
    assert difference is not None
    assert difference.low is not None
    assert difference.high is not None
    assert difference.low < np.log(20) - 2.0 < difference.high
    assert difference.n == SIZE
    assert found["ttft_any_seconds"].reason.startswith("no limit is configured")


def test_a_sample_says_how_little_of_the_load_it_saw() -> None:
    load = Seen().latency(weights=np.full(SIZE, 5.0)).load
    assert load.share == pytest.approx(0.2)
    assert (load.asked_per_minute_peak, load.production_per_minute_peak) == (1, 5)
    assert load.peak_share == pytest.approx(0.2)
    assert "saw 20% of production's requests" in load.words
    assert load.words.endswith("as the only server it would see all")


def test_all_of_the_load_and_none_of_it_are_said() -> None:
    assert "saw all of production's requests" in Seen().latency().load.words
    imported = Seen(live=False).latency().load
    assert (imported.asked, imported.share) == (0, None)
    assert "not known" in imported.words


def test_no_failure_at_all_is_said_by_both_bounds() -> None:
    seen = Seen()
    gate = reliability_gate(CONFIGURATION, seen.arm, seen.counted, seen.days)
    assert gate.outcome is GateOutcome.PASSES
    assert gate.reason == (
        "0 of 1,400 requests failed: the failure rate is at most 0.27% with the always-valid bound (0.21% by the rule of "
        "three), within 1.00%"
    )


def test_an_outage_is_worth_little_and_does_not_pass() -> None:
    """Four failures: spread over the days they pass, as one outage nothing is shown."""
    configuration = a_configuration(reliability={"max_failure_rate": 0.01})
    spread = Seen(failures={day * PER_DAY: "timeout" for day in (1, 8, 15, 22)})
    outage = Seen(failures=dict.fromkeys(range(100, 104), "connection"))
    passed, unknown = (reliability_gate(configuration, s.arm, s.counted, s.days) for s in (spread, outage))
    assert passed.outcome is GateOutcome.PASSES
    assert unknown.outcome is GateOutcome.UNKNOWN
    assert "they come together: worth 1 of" in unknown.reason
    assert (unknown.bound or 0.0) > (passed.bound or 0.0)


def test_many_failures_fail_however_they_come() -> None:
    seen = Seen(failures=dict.fromkeys(range(300), "timeout"))
    assert reliability_gate(CONFIGURATION, seen.arm, seen.counted, seen.days).outcome is GateOutcome.FAILS


def test_failures_by_day_by_kind_and_by_outage() -> None:
    failures = dict.fromkeys(range(100, 110), "connection") | {700: "timeout"}
    seen = Seen(failures=failures)
    found = reliability_of(seen.evidence, seen.arm, seen.counted, seen.days)
    assert found.worst_day is not None
    assert (found.worst_day.day, found.worst_day.estimate.value, found.worst_day.estimate.n) == (3, 0.2, PER_DAY)
    assert found.outages.episodes == 2
    assert found.outages.design_effect > 5
    assert found.candidate_available.value == found.candidate_available_rate == pytest.approx(1 - 10 / SIZE)
    assert found.incumbent_available.value == 1.0
    assert found.failure_kind_rates["timeout"].value == pytest.approx(1 / SIZE)
    assert found.failure_kind_rates["timeout"].high is not None
    assert found.incumbent_failure_kind_rates == {}
    assert [day.estimate.value for day in found.incumbent_by_day] == [0.0] * DAYS


def test_nothing_asked_is_nothing_known() -> None:
    seen = Seen()
    seen.counted = np.zeros(SIZE, dtype=bool)
    found = reliability_of(seen.evidence, seen.arm, seen.counted, seen.days)
    assert (found.worst_day, found.by_day, found.candidate_available.value) == (None, [], None)
    assert seen.latency().load.words == "no day is closed yet"
    assert reliability_gate(CONFIGURATION, seen.arm, seen.counted, seen.days).outcome is GateOutcome.UNKNOWN
