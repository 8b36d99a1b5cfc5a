"""Events come out the same however their bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.sse import Event, EventParser


def events_of(chunks: list[bytes]) -> list[Event]:
    parser = EventParser()
    found = [event for chunk in chunks for event in parser.feed(chunk)]
    return found + list(parser.finish())


def test_events_with_every_kind_of_line() -> None:
    stream = (
        b": a comment\r\nevent: ping\r\ndata: one\r\n\r\n"
        b"data:no space\ndata: second line\n\n"
        b"\n\n"
        b"id: 7\nretry: 10\n\n"
        b"data\n\n"
        b"data:  two spaces\r\r"
    )
    assert events_of([stream]) == [
        Event("one", "ping"), Event("no space\nsecond line"), Event(""), Event(" two spaces"),
    ]  # fmt: skip


def test_an_event_without_its_empty_line_counts_at_the_end() -> None:
    assert events_of([b"data: [DONE]"]) == [Event("[DONE]")]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert events_of([b"\xef\xbb\xbfdata: a\n\n"]) == [Event("a")]


def test_an_event_is_given_as_soon_as_it_is_complete() -> None:
    parser = EventParser()
    assert list(parser.feed(b"data: a\n")) == []
    assert list(parser.feed(b"\n")) == [Event("a")]


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        events_of([b"data: \xff\xfe\n\n"])


LINES = st.sampled_from(
    ["data: {}", "data:x", "data", ": comment", "event: error", "", "", "data: ä€😀", "id: 1", "data: [DONE]", "junk"]
)


@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12),
    cuts=st.lists(st.integers(0, 200), max_size=20),
)
def test_any_cutting_of_the_bytes_gives_the_same_events(lines: list[tuple[str, str]], cuts: list[int]) -> None:
    stream = "".join(line + end for line, end in lines).encode()
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    assert events_of(pieces) == events_of([stream])
    assert events_of([stream[i : i + 1] for i in range(len(stream))]) == events_of([stream])
