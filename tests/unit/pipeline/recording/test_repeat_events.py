"""Repeats on their way through the stream: read as they were told, put aside where they cannot be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.capture.events import Entry, decode, encode
from app.capture.sealing import Sealer
from app.domain.live import RepeatEvent
from app.pipeline.recording.checking import read_entries

SEALER = Sealer(bytes(32))
NOW = datetime(2026, 9, 8, tzinfo=UTC)
TOLD = RepeatEvent("support-bot", "b1", 7, 1_788_000_000_000_000, "qwen", True, True, None, 0.25, "0.01")


def test_a_repeat_comes_out_as_it_went_in() -> None:
    failed = replace(TOLD, is_equal=None, failure="timeout", is_deterministic=False, usd=None)
    assert [decode(encode(each)) for each in (TOLD, failed)] == [TOLD, failed]
    assert decode(encode(TOLD, SEALER), SEALER) == TOLD


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (replace(TOLD, is_equal=None), "is_equal"),
        (replace(TOLD, failure="timeout"), "is_equal"),
        (replace(TOLD, is_equal=None, failure="tired"), "failure"),
        (replace(TOLD, number=0), "number"),
        (replace(TOLD, at_us=5), "at_us"),
        (replace(TOLD, arm="qw\x00en"), "NUL"),
    ],
)
def test_a_repeat_that_says_nothing_sensible_is_put_aside(event: RepeatEvent, says: str) -> None:
    entries: list[tuple[str, Entry]] = [("1-0", encode(event)), ("2-0", encode(TOLD))]
    good, (bad,) = read_entries(entries, SEALER, NOW)
    assert [each.event for each in good] == [TOLD]
    assert (bad.reason, says in bad.problem) == ("wrong_value", True)
