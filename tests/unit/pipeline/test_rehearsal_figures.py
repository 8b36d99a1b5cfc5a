"""What a step showed: counted from when requests were due, never blamed on the candidate where it was our doing."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from app.domain.rehearsal import ObjectiveModel, StepModel, StepOutcome
from app.pipeline.rehearsal_figures import Call, Offer, figures_of, throughput
from tests.unit.pipeline.rehearsal_server import AT, served

OBJECTIVE = ObjectiveModel(total_p95_seconds=1.0, ttft_any_p95_seconds=0.5, max_failure_rate=0.02)
OFFER = Offer(seconds=100.0)


def calls_of(n: int = 100, *, total: float = 0.8, first: float | None = 0.3, waited: float = 0.0) -> list[Call]:
    """One a second; `waited` is how long after its moment each was sent."""
    return [
        Call(float(at), at + waited, at + waited + total, None if first is None else at + waited + first, output_tokens=10)
        for at in range(n)
    ]


def step(calls: list[Call], offer: Offer = OFFER, objective: ObjectiveModel = OBJECTIVE) -> StepModel:
    begun = {"kind": "speed", "started_at": AT, "speed": 1.0, "seconds": offer.seconds}
    return StepModel.model_validate(begun | figures_of(calls, offer, objective))


GOOD = calls_of()
FAILED = [replace(call, failure="http", first=None) for call in calls_of()]
SLOW = calls_of(total=1.2)
LATE_FIRST = calls_of(first=0.6)
REFUSED = [replace(call, sent=None, ended=call.due, first=None) for call in calls_of()]
UNFINISHED = [replace(call, ended=call.due + 50, first=None, is_unfinished=True) for call in calls_of()]
LAGGING = [replace(call, lag=0.006) for call in calls_of()]
MET, MISSED, INVALID, MEASURED = StepOutcome.MET, StepOutcome.MISSED, StepOutcome.NOT_VALID, StepOutcome.MEASURED


@pytest.mark.parametrize(
    ("calls", "offer", "objective", "outcome", "word"),
    [
        (GOOD, OFFER, OBJECTIVE, MET, ""),
        (GOOD[:95] + SLOW[95:], OFFER, OBJECTIVE, MET, ""),
        (GOOD[:94] + SLOW[94:], OFFER, OBJECTIVE, MISSED, "total time"),
        (GOOD[:94] + LATE_FIRST[94:], OFFER, OBJECTIVE, MISSED, "first token"),
        (calls_of(first=None), OFFER, OBJECTIVE, MET, ""),  # in one piece: only the total is limited
        # A server that was slow to take the connection made them wait, however fast it was then.
        (calls_of(total=0.1, first=0.05, waited=1.0), OFFER, OBJECTIVE, MISSED, "total time"),
        (GOOD[:98] + FAILED[98:], OFFER, OBJECTIVE, MET, ""),
        (GOOD[:97] + FAILED[97:], OFFER, OBJECTIVE, MISSED, "failed"),
        (GOOD[:95] + FAILED[95:], OFFER, ObjectiveModel(total_p95_seconds=1.0), MET, ""),
        (GOOD[:94] + FAILED[94:], OFFER, ObjectiveModel(total_p95_seconds=1.0), MISSED, "failed"),
        (GOOD, OFFER, ObjectiveModel(), MEASURED, "no [latency]"),
        (GOOD[:94] + UNFINISHED[94:], OFFER, ObjectiveModel(ttft_any_p95_seconds=0.5), MISSED, "no end"),
        # Ours.
        (GOOD[:98] + LAGGING[98:], OFFER, OBJECTIVE, INVALID, "6 ms"),
        (GOOD[:99] + LAGGING[99:], OFFER, OBJECTIVE, MET, ""),
        # Lag is part of the measured times: 1 % of the least limit decides nothing.
        (LAGGING, OFFER, ObjectiveModel(total_p95_seconds=1.0), MET, ""),
        (LAGGING, OFFER, ObjectiveModel(total_p95_seconds=9.0, ttft_any_p95_seconds=0.59), INVALID, "at most 6 ms"),
        (LAGGING, OFFER, ObjectiveModel(), INVALID, "at most 5 ms"),
        (GOOD, Offer(100.0, processor_share=0.95), OBJECTIVE, INVALID, "processor"),
        (GOOD, Offer(100.0, not_sent=1), OBJECTIVE, INVALID, "money"),
        (GOOD[:19], OFFER, OBJECTIVE, INVALID, "too few"),
        (GOOD[:99] + REFUSED[99:], OFFER, OBJECTIVE, INVALID, "PILOT_REHEARSAL_CONCURRENCY"),
        # So many were late among those that were sent that the refused ones could not have saved it.
        (SLOW[:50] + REFUSED[50:], OFFER, OBJECTIVE, MISSED, "total time"),
    ],
)  # fmt: skip
def test_the_outcome_of_a_step(
    calls: list[Call], offer: Offer, objective: ObjectiveModel, outcome: StepOutcome, word: str
) -> None:
    found = step(calls, offer, objective)
    assert (found.outcome, word in found.reason) == (outcome, True), found.reason


def test_a_queue_that_grows_is_not_kept_up_with_even_if_it_is_short_yet() -> None:
    due = np.arange(0, 20, 1 / 44).tolist()  # 44 a second where 40 can be answered
    growing = step(served(due, slots=8, service=0.2, until=60), Offer(20.0), ObjectiveModel(total_p95_seconds=3.0))
    assert growing.outcome is MISSED
    assert growing.total_seconds.p95.value == pytest.approx(2.0, abs=0.3)
    assert "keep up" in growing.reason
    assert growing.answered_requests_per_second.value == pytest.approx(40, rel=0.01)
    due = np.arange(0, 20, 1 / 39).tolist()
    assert step(served(due, slots=8, service=0.2, until=60), Offer(20.0), OBJECTIVE).outcome is MET


def test_what_is_counted() -> None:
    mixed = GOOD[:80] + SLOW[80:85] + FAILED[85:90] + UNFINISHED[90:93] + REFUSED[93:98]
    found = step(mixed, Offer(100.0, not_sent=2))
    assert (found.offered, found.answered, found.refused, found.not_sent, found.unfinished) == (100, 85, 5, 2, 3)
    assert found.failures == {"http": 5}
    assert found.offered == found.answered + sum(found.failures.values()) + found.unfinished + found.refused + found.not_sent
    assert found.offered_requests_per_second == 1.0
    assert found.goodput_requests_per_second.value == pytest.approx(0.8)
    assert found.within_share.value == pytest.approx(0.8)
    assert found.within_share.n == 100
    low, high = found.goodput_requests_per_second.low or 0, found.goodput_requests_per_second.high or 0
    assert 0.7 < low < 0.8 < high < 0.9
    assert found.output_tokens_per_second == pytest.approx(8.5)
    assert found.total_seconds.p50.value == pytest.approx(0.8)
    assert found.ttft_any_seconds.p50.n == 85


def test_calls_at_once_are_counted_directly_and_by_littles_law() -> None:
    found = step(calls_of(100, total=3.0))
    assert found.concurrency_littles == pytest.approx(3.0)
    assert found.concurrency_mean == pytest.approx(3.0, abs=0.1)
    assert found.concurrency_peak == 3
    assert found.service_seconds_mean == pytest.approx(3.0)


@pytest.mark.parametrize("wave", [1, 8, 32])
def test_answers_that_end_in_waves_do_not_bias_their_rate(wave: int) -> None:
    ended = [number // wave * wave / 40 for number in range(800)]
    found = throughput(ended, 20.0)
    assert found.value == pytest.approx(40, rel=0.02)
    assert (found.low or 0) <= 40.01
    assert (found.high or 0) >= 39.99


def test_money_that_is_known_and_money_that_is_held() -> None:
    paid = [replace(call, usd=Decimal("0.01")) for call in GOOD[:98]]
    unknown = [replace(call, usd=None, held_usd=Decimal("0.5")) for call in GOOD[98:]]
    found = step(paid + unknown)
    assert (found.usd, found.held_usd, found.unpriced) == (Decimal("0.98"), Decimal("1.0"), 2)
