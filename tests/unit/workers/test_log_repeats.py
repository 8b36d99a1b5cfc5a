"""Equal warnings are written once a while, with how many were left out."""

import logging
from typing import Any

import pytest

from workers.log_repeats import MOST_KNOWN, MOST_OF_A_KIND, Repeats


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(message: Any, *values: object, level: int = logging.WARNING, name: str = "app.capture") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, values, None)


def admitted(repeats: Repeats, *records: logging.LogRecord) -> list[int]:
    """`repeated` of those that are written."""
    return [getattr(record, "repeated", 0) for record in records if repeats.filter(record)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repeats(clock: Clock) -> Repeats:
    return Repeats(seconds=10.0, clock=clock)


def test_equal_warnings_are_one_line_and_the_next_one_says_how_many_were_left_out(repeats: Repeats, clock: Clock) -> None:
    assert admitted(repeats, *(line("Redis does not answer: %s", "ConnectionError") for _ in range(50))) == [0]
    clock.now += 10.0
    assert admitted(repeats, *(line("Redis does not answer: %s", "ConnectionError") for _ in range(3))) == [49]
    clock.now += 10.0
    assert admitted(repeats, line("Redis does not answer: %s", "ConnectionError")) == [2]


def test_different_warnings_are_lines_of_their_own(repeats: Repeats) -> None:
    different = (
        line("Redis does not answer: %s", "ConnectionError"), line("Redis does not answer: %s", "TimeoutError"),
        line("nothing was closed"), line("nothing was closed", level=logging.ERROR),
        line("nothing was closed", name="app.jobs"),
    )  # fmt: skip
    assert admitted(repeats, *different) == [0] * 5


def test_the_exchange_does_not_make_a_trouble_another_one_but_the_arm_does(repeats: Repeats) -> None:
    said = [
        {"event": "not asked", "pilot": "p", "arm": "qwen", "exchange": f"b-{number}", "timestamp": str(number)}
        for number in range(20)
    ]
    assert admitted(repeats, *map(line, said), line({"event": "not asked", "pilot": "p", "arm": "phi"})) == [0, 0]


def test_lines_of_one_kind_are_bounded_whatever_differs_in_them(repeats: Repeats, clock: Clock) -> None:
    assert len(admitted(repeats, *(line("entry %s cannot be read", number) for number in range(500)))) == MOST_OF_A_KIND
    clock.now += 10.0
    assert admitted(repeats, line("entry %s cannot be read", 501)) == [500 - MOST_OF_A_KIND]


def test_what_is_no_warning_is_never_left_out(repeats: Repeats) -> None:
    assert admitted(repeats, *(line("answered", level=logging.INFO) for _ in range(5))) == [0] * 5


def test_what_is_remembered_is_bounded(repeats: Repeats) -> None:
    for number in range(MOST_KNOWN + 100):
        repeats.filter(line(f"trouble {number}"))
    assert len(repeats._windows) == MOST_KNOWN
