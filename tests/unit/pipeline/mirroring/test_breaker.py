"""The circuit breaker against a plain description of it, with a clock of the test's own."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Failure, Reply
from app.domain.words import FailureKind
from app.pipeline.mirroring.breaker import Breaker, BreakerState, Ticket, shows_breakage
from app.pipeline.mirroring.breakers_seen import breakers_of

OPEN_SECONDS = 10.0
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def a_breaker(failures: int = 3) -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker(failures=failures, open_seconds=OPEN_SECONDS, clock=clock), clock


def asked(breaker: Breaker) -> Ticket:
    ticket = breaker.ask()
    assert ticket is not None
    return ticket


def opened(failures: int = 3) -> tuple[Breaker, Clock]:
    breaker, clock = a_breaker(failures)
    for _ in range(failures):
        breaker.failed(asked(breaker))
    assert breaker.state is OPEN
    return breaker, clock


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker, _ = a_breaker(3)
    for fails in (True, True, False, True, True):
        (breaker.failed if fails else breaker.worked)(asked(breaker))
    assert breaker.state is CLOSED
    breaker.failed(asked(breaker))
    assert (breaker.state, breaker.refuses, breaker.ask()) == (OPEN, True, None)


def test_half_open_lets_one_call_through() -> None:
    breaker, clock = opened()
    clock.now += OPEN_SECONDS - 0.001
    assert breaker.ask() is None
    clock.now += 0.001
    ticket = asked(breaker)
    assert (breaker.state, breaker.refuses, breaker.ask()) == (HALF_OPEN, True, None)
    breaker.worked(ticket)
    assert (breaker.state, breaker.refuses) == (CLOSED, False)


def test_a_trial_that_fails_opens_it_for_the_whole_time_again() -> None:
    breaker, clock = opened()
    clock.now += OPEN_SECONDS
    breaker.failed(asked(breaker))
    clock.now += OPEN_SECONDS - 0.001
    assert breaker.state is OPEN
    clock.now += 0.001
    assert breaker.state is HALF_OPEN


def test_a_trial_that_is_abandoned_leaves_room_for_another() -> None:
    breaker, clock = opened()
    clock.now += OPEN_SECONDS
    breaker.abandoned(asked(breaker))
    breaker.worked(asked(breaker))
    assert breaker.state is CLOSED


def test_calls_begun_before_it_opened_say_nothing_afterwards() -> None:
    breaker, clock = a_breaker(3)
    early = [asked(breaker) for _ in range(6)]
    for ticket in early[:3]:
        breaker.failed(ticket)
    breaker.worked(early[3])
    assert breaker.state is OPEN
    clock.now += OPEN_SECONDS
    assert breaker.state is HALF_OPEN
    breaker.worked(early[4])
    breaker.failed(early[5])
    assert breaker.state is HALF_OPEN


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.just(0.0)),
        st.tuples(st.sampled_from(["worked", "failed", "abandoned"]), st.floats(0, 1, exclude_max=True)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 4.0, OPEN_SECONDS])),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 4))
def test_whatever_happens_it_obeys_its_description(steps: list[tuple[str, float]], failures: int) -> None:
    breaker, clock = a_breaker(failures)
    under_way: list[Ticket] = []
    opened_at: float | None = None
    for step, value in steps:
        before = breaker.state
        if step == "wait":
            clock.now += value
        elif step == "ask":
            trials = [ticket for ticket in under_way if ticket.generation == breaker._generation]
            ticket = breaker.ask()
            assert (ticket is None) == (before is OPEN or (before is HALF_OPEN and bool(trials)))
            under_way += [ticket] if ticket is not None else []
        elif under_way:
            getattr(breaker, step)(under_way.pop(int(value * len(under_way))))
        after = breaker.state
        if after is OPEN and before is not OPEN:
            assert step == "failed"
            opened_at = clock.now
        if before is OPEN and after is HALF_OPEN:
            assert opened_at is not None
            assert clock.now - opened_at >= OPEN_SECONDS
        if after is CLOSED and before is not CLOSED:
            assert (step, before) == ("worked", HALF_OPEN)
    clock.now += OPEN_SECONDS
    assert breaker.state is not OPEN


@pytest.mark.parametrize(
    ("reply", "breaks"),
    [
        (Reply("Hi."), False),
        (Failure(FailureKind.CONNECTION), True),
        (Failure(FailureKind.TIMEOUT), True),
        (Failure(FailureKind.MALFORMED), True),
        (Failure(FailureKind.HTTP, 500), True),
        (Failure(FailureKind.HTTP, 429), True),
        (Failure(FailureKind.HTTP, None), True),
        (Failure(FailureKind.HTTP, 400), False),
        (Failure(FailureKind.HTTP, 404), False),
        (Failure(FailureKind.EMPTY), False),
        (Failure(FailureKind.TOO_LARGE), False),
    ],
)
def test_only_what_speaks_against_the_whole_arm_counts(reply: Reply | Failure, breaks: bool) -> None:
    assert shows_breakage(reply) is breaks


def test_of_several_mirrors_the_open_breaker_is_seen_and_none_that_a_dead_mirror_left() -> Any:
    def said(arm: str, slot: str, state: str, at: float, pilot: str = "p") -> tuple[bytes, bytes]:
        return orjson.dumps([pilot, arm, slot]), orjson.dumps([state, 50.0, at])

    fields = [
        said("qwen", "mirror-1", "half_open", 100), said("qwen", "mirror-2", "open", 100),
        said("qwen", "mirror-3", "half_open", 100), said("phi", "mirror-1", "open", 100 - 31),
        said("x", "mirror-1", "open", 100, "q"),
    ]  # fmt: skip
    (seen,) = breakers_of(fields, "p", now=100.0)
    assert (seen.arm, seen.state, seen.since.timestamp()) == ("qwen", OPEN, 50.0)
