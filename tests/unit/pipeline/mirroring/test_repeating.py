"""Which calls are made twice, and what is told of them."""

from typing import Any

import pytest

from app.domain.exchange import Failure, Reply
from app.domain.live import Hints, RequestEvent
from app.domain.words import FailureKind
from app.pipeline.mirroring.repeating import compared, is_deterministic, is_repeated
from app.providers.model_server import Adaptation, Answer


def an_event(number: int, boot: str = "b") -> RequestEvent:
    return RequestEvent("support-bot", boot, number, 1, "/chat/completions", Hints(), b"{}")


def test_a_share_of_the_calls_is_repeated_whoever_asks() -> None:
    chosen = [number for number in range(1, 5_001) if is_repeated(an_event(number), "qwen", 0.01)]
    assert 30 <= len(chosen) <= 75
    assert chosen == [number for number in range(1, 5_001) if is_repeated(an_event(number), "qwen", 0.01)]
    more = {number for number in range(1, 5_001) if is_repeated(an_event(number), "qwen", 0.1)}
    assert set(chosen) < more
    other = {number for number in range(1, 5_001) if is_repeated(an_event(number), "phi", 0.01)}
    assert len(other & set(chosen)) < 6  # each arm has calls of its own
    assert not any(is_repeated(an_event(number), "qwen", 0.0) for number in range(1, 1000))
    assert all(is_repeated(an_event(number), "qwen", 1.0) for number in range(1, 1000))


def an_answer(content: str | None = "Yes.", *changed: str, **more: Any) -> Answer:
    log = tuple(Adaptation(name, "dropped", 0, None, "the server refused it") for name in changed)
    return Answer(Reply(content=content, **more), adaptations=log)


@pytest.mark.parametrize(
    ("request_", "changed", "expected"),
    [
        ({"temperature": 0}, (), True),
        ({"temperature": 0.0}, (), True),
        ({"temperature": 0.2}, (), False),
        ({"temperature": False}, (), False),
        ({}, (), False),
        ({"seed": 0}, (), True),
        ({"seed": None}, (), False),
        ({"temperature": 1, "seed": 5}, (), True),
        ({"temperature": 0}, ("temperature",), False),  # the server never heard of it
        ({"temperature": 0, "seed": 5}, ("seed",), True),
        ({"temperature": 0}, ("model",), True),
    ],
)
def test_the_same_answer_is_asked_for_by_temperature_0_or_a_seed(
    request_: dict[str, Any], changed: tuple[str, ...], expected: bool
) -> None:
    assert is_deterministic(request_, an_answer("Yes.", *changed)) is expected


@pytest.mark.parametrize(
    ("again", "equal", "failure"),
    [
        (an_answer("Yes."), True, None),
        (an_answer("  yes. "), True, None),
        (an_answer("No."), False, None),
        (an_answer(""), False, None),
        (Answer(Failure(FailureKind.TIMEOUT)), None, "timeout"),
    ],
)
def test_answers_are_compared_as_the_graders_do(again: Answer, equal: bool | None, failure: str | None) -> None:
    found = compared(an_event(4), "qwen", {"temperature": 0}, an_answer("Yes."), again, "0.1")
    assert (found.is_equal, found.failure, found.usd, found.is_deterministic) == (equal, failure, "0.1", True)
    assert (found.pilot, found.boot, found.number, found.at_us, found.arm) == ("support-bot", "b", 4, 1, "qwen")
