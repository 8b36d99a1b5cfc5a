"""The steps of a rehearsal find what a server of known capacity carries."""

from collections import Counter

import pytest

from app.domain.estimate_models import EstimateModel
from app.domain.rehearsal import ObjectiveModel, RehearsalTerms, StepKind, StepModel, StepOutcome
from app.pipeline.rehearsal_search import next_step
from app.pipeline.rehearsal_summary import at_least, capacity_of, rate_of
from tests.unit.pipeline.rehearsal_server import AT, poisson, rehearsed

TWO_SECONDS = ObjectiveModel(total_p95_seconds=2.0)
TERMS = RehearsalTerms(minutes=10.0, find_capacity=True)


@pytest.mark.parametrize(
    ("slots", "service", "production_rate"),
    [(8, 0.5, 2.0), (8, 0.2, 5.0), (32, 0.5, 10.0), (4, 1.0, 3.0), (4, 1.0, 12.0)],
)
def test_a_known_capacity_is_found_within_five_percent_in_whatever_traffic(
    slots: int, service: float, production_rate: float
) -> None:
    steps = rehearsed(poisson(production_rate, 1500), TERMS, TWO_SECONDS, slots=slots, service=service)
    known = slots / service
    assert capacity_of(steps).value == pytest.approx(known, rel=0.05)
    rate = rate_of(steps, replicas=1)
    assert rate is not None
    assert 0.75 * known < (rate.requests_per_second_per_replica.value or 0) < 1.05 * known
    assert (rate.slots_per_replica.value or 0) == pytest.approx(
        (rate.requests_per_second_per_replica.value or 0) * rate.service_seconds_p50, rel=0.35
    )
    assert (rate.slots_per_replica.value or 0) > 0.8 * slots
    assert rate.service_seconds_p95 <= 2.0
    assert sum(step.seconds for step in steps) <= 600 * 1.15
    kinds = Counter(step.kind for step in steps)
    assert (kinds[StepKind.SPEED], kinds[StepKind.REPEAT]) == (3, 3)
    assert kinds[StepKind.SEARCH] <= 8


def test_the_rate_of_two_replicas_is_halved_and_the_capacity_is_that_of_both() -> None:
    steps = rehearsed(poisson(5, 1500), TERMS, TWO_SECONDS, slots=8, service=0.2)
    one, two = rate_of(steps, replicas=1), rate_of(steps, replicas=2)
    assert one is not None
    assert two is not None
    assert two.slots_per_replica.value == pytest.approx((one.slots_per_replica.value or 0) / 2)
    assert two.requests_per_second_per_replica.value == pytest.approx((one.requests_per_second_per_replica.value or 0) / 2)
    assert two.service_seconds_p50 == one.service_seconds_p50


def test_without_an_objective_only_the_most_that_is_answered_is_looked_for() -> None:
    steps = rehearsed(poisson(2, 1500), TERMS, ObjectiveModel(), slots=8, service=0.5)
    assert [step.kind for step in steps] == [StepKind.SPEED] * 3 + [StepKind.SATURATION] * (len(steps) - 3)
    assert {step.outcome for step in steps} == {StepOutcome.MEASURED}
    assert capacity_of(steps).value == pytest.approx(16, rel=0.05)
    assert rate_of(steps, replicas=1) is None


def test_where_nothing_was_too_much_the_capacity_is_only_known_to_be_at_least_that() -> None:
    steps = rehearsed(poisson(2, 1500), RehearsalTerms(minutes=10, find_capacity=False), TWO_SECONDS, slots=800, service=0.5)
    found = capacity_of(steps)
    assert (found.value, found.high, found.method) == (None, None, "at_least")
    assert 3 < (found.low or 0) < 7


def a_step(outcome: StepOutcome, rate: float, kind: StepKind = StepKind.SPEED, answered: float | None = None) -> StepModel:
    return StepModel(
        kind=kind, outcome=outcome, started_at=AT, speed=rate / 10, seconds=60.0, offered_requests_per_second=rate,
        answered_requests_per_second=EstimateModel(value=answered),
    )  # fmt: skip


MET, MISSED, INVALID, LOST = StepOutcome.MET, StepOutcome.MISSED, StepOutcome.NOT_VALID, StepOutcome.LOST
SEARCH, REPEAT, SATURATION = StepKind.SEARCH, StepKind.REPEAT, StepKind.SATURATION
SHORT = 240 / 14
THREE_REPEATS = [a_step(MET, 10, REPEAT)] * 3


@pytest.mark.parametrize(
    ("find", "steps", "kind", "speed", "rate", "seconds"),
    [
        (None, [], StepKind.SPEED, 1.0, None, 180),
        (None, [a_step(LOST, 10)], StepKind.SPEED, 1.0, None, 180),  # is made again
        (None, [a_step(MET, 10)], StepKind.SPEED, 2.0, None, 180),
        (None, [a_step(MET, 10), a_step(MISSED, 20)], None, None, None, 0),  # enclosed: nobody asked for more
        (None, [a_step(MET, 10), a_step(MET, 20)], SEARCH, None, 80, SHORT),
        (None, [a_step(MISSED, 10), a_step(MISSED, 20)], SEARCH, None, 2.5, SHORT),
        (None, [a_step(MISSED, 10, answered=4.0), a_step(MISSED, 20)], SEARCH, None, 3.8, SHORT),
        (None, [a_step(MISSED, 10, answered=10.1), a_step(MISSED, 20)], SEARCH, None, 7.5, SHORT),  # it nearly kept up
        (False, [a_step(MET, 10), a_step(MET, 20)], None, None, None, 0),
        (True, [a_step(MET, 10), a_step(MISSED, 20)], SEARCH, None, 200**0.5, SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 20, answered=16)], SEARCH, None, 15.2, SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 20, answered=10.1)], SEARCH, None, 200**0.5, SHORT),  # outside of the two
        (True, [a_step(MET, 10), a_step(MISSED, 10.5)], REPEAT, None, 10, SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 20), *[a_step(MISSED, 20, SEARCH)] * 8], REPEAT, None, 10, SHORT),
        # What we could not offer says nothing of the candidate: the search ends there.
        (None, [a_step(MET, 10), a_step(MET, 20), a_step(INVALID, 80, SEARCH)], REPEAT, None, 20, SHORT),
        (None, [a_step(INVALID, 10), a_step(INVALID, 20)], None, None, None, 0),
        (True, [a_step(INVALID, 10), a_step(INVALID, 20)], None, None, None, 0),
        # Nor is more offered than we could before.
        (None, [a_step(MET, 10), a_step(MET, 20), a_step(INVALID, 80, SEARCH), *THREE_REPEATS],
         SATURATION, None, 40, 3 * SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 10.5), *THREE_REPEATS], SATURATION, None, 15.75, 3 * SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 10.5), *THREE_REPEATS, a_step(MET, 15, SATURATION, 15)],
         SATURATION, None, 30, 3 * SHORT),
        (True, [a_step(MET, 10), a_step(MISSED, 10.5), *THREE_REPEATS, a_step(MISSED, 15, SATURATION, 11)],
         None, None, None, 0),
        (True, [a_step(MET, 10), a_step(MISSED, 10.5), *THREE_REPEATS, *[a_step(MET, 15, SATURATION, 15)] * 3],
         None, None, None, 0),
    ],
)  # fmt: skip
def test_what_comes_next(
    find: bool | None, steps: list[StepModel], kind: StepKind | None, speed: float | None, rate: float | None, seconds: float
) -> None:
    found = next_step(RehearsalTerms((1.0, 2.0), 10.0, find_capacity=find), steps, has_objective=True)
    if kind is None:
        assert found is None
        return
    assert found is not None
    assert (found.kind, found.speed) == (kind, speed)
    assert found.rate == (rate if rate is None else pytest.approx(rate))
    assert found.seconds == pytest.approx(seconds)


def measured(outcome: StepOutcome, rate: float, kind: StepKind = StepKind.SPEED) -> StepModel:
    good = {"concurrency_littles": 2 * rate, "goodput_requests_per_second": {"value": rate, "n": 9}}
    times = {"total_seconds": {"p50": {"value": 0.5}, "p95": {"value": 0.9}}}
    return StepModel.model_validate(a_step(outcome, rate, kind).model_dump() | good | times)


@pytest.mark.parametrize(
    ("steps", "slots", "least"),
    [
        ([measured(MET, 4.0)], None, "4."),  # a server that carries everything: the fastest asked step is a lower bound
        ([measured(MET, 4.0), measured(MISSED, 8.0)], None, "4."),
        ([measured(MET, 4.0), measured(MISSED, 4.3)], 8.0, None),  # what was kept and what was missed are close together
        # The search ended where we could offer no more, so that its repeats are a lower bound, too.
        ([measured(MET, 4.0), measured(INVALID, 16.0, SEARCH), *[measured(MET, 4.0, REPEAT)] * 3], None, "4."),
        ([measured(MISSED, 4.2, SEARCH), *[measured(MET, 4.0, REPEAT)] * 3], 8.0, None),
        ([measured(MET, 3.0), *[measured(MISSED, 4.0, REPEAT)] * 3], None, "3."),
        ([measured(MISSED, 4.0)], None, None),
    ],
)
def test_what_a_replica_carries_is_only_said_where_it_was_enclosed(
    steps: list[StepModel], slots: float | None, least: str | None
) -> None:
    rate, words = rate_of([step for step in steps if step.is_valid], 1), at_least(steps, 1)
    assert (rate.slots_per_replica.value if rate is not None else None) == slots
    if least is not None:
        assert f"carries at least {least}" in words[0]
    assert bool(words) == (least is not None) or rate is not None


def test_repeats_that_miss_take_the_rate_from_a_slower_step() -> None:
    slower, fastest = measured(MET, 3.8, StepKind.SEARCH), measured(MET, 4.0, StepKind.SEARCH)
    good, bad = measured(MET, 4.0, StepKind.REPEAT), measured(MISSED, 4.0, StepKind.REPEAT)
    sure, unsure = rate_of([slower, fastest, good, good, bad], 1), rate_of([slower, fastest, good, bad, bad], 1)
    assert sure is not None
    assert unsure is not None
    assert (sure.slots_per_replica.value, sure.slots_per_replica.n, sure.slots_per_replica.low) == (8, 2, 8)
    assert (unsure.slots_per_replica.value, unsure.slots_per_replica.n, unsure.slots_per_replica.low) == (7.6, 1, None)
