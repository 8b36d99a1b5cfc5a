"""Events as entries of the streams."""

import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capture.events import BODY, HEAD, UnreadableEvent, decode, encode, head_of
from app.capture.sealing import Sealer, load_sealer
from app.domain.live import ArmReplyEvent, CountEvent, ExchangeEvent, Hints, PilotCount, ReplyEvent, RequestEvent

SEALER = Sealer(bytes(32))
REQUEST = RequestEvent(
    "bot", "b1", 7, 1_700_000_000_000_000, "/chat/completions", Hints(segment="s", retry_count=1), b'{"a":1}\n\n'
)
REPLY = ReplyEvent(
    "bot", "b1", 7, 1, "/responses", Hints(content="masked"), 200, "text/event-stream", "", ((0.1, 3), (0.2, 2)), 0.25, 0.001,
    "complete", b"abcde", b"the request",
)  # fmt: skip
COUNT = CountEvent("b1", "gateway-1", "gateway", 1, 2, False, {"bot": PilotCount(9, {"shed": 1})})
EXCHANGE = ExchangeEvent(
    "bot", "b1", 7, 1, "b1-7", "captured", "c", "other", 0.5, "full", ("incumbent", "qwen"), 180.0, None, b"{}"
)
ARM_REPLY = ArmReplyEvent("bot", "b1", 7, 1, "qwen", None, False, {"status": 200}, {"text_digest": "x"}, "0.01", None)


@pytest.mark.parametrize("event", [REQUEST, REPLY, COUNT, EXCHANGE, ARM_REPLY])
@pytest.mark.parametrize("sealer", [None, SEALER])
def test_an_event_comes_back_as_it_was(event: Any, sealer: Any) -> None:
    assert decode(encode(event, sealer), sealer) == event


@given(body=st.binary(max_size=300), request=st.none() | st.binary(max_size=300))
def test_any_bytes_come_back(body: Any, request: Any) -> None:
    event = dataclasses.replace(REPLY, body=body, request=request)
    assert decode(encode(event)) == event


def test_a_sealed_event_shows_nothing_but_its_head() -> None:
    entry = encode(REQUEST, SEALER)
    assert b'"a":1' not in entry[BODY]
    assert b"segment" not in entry[BODY]
    assert head_of(entry)["number"] == 7


def test_a_sealed_event_does_not_open_with_another_key_or_under_another_head() -> None:
    entry = encode(REQUEST, SEALER)
    with pytest.raises(UnreadableEvent, match="another key"):
        decode(entry, Sealer(b"1" * 32))
    with pytest.raises(UnreadableEvent, match="no key"):
        decode(entry)
    other = encode(dataclasses.replace(REQUEST, number=8), SEALER)
    with pytest.raises(UnreadableEvent):
        decode({HEAD: other[HEAD], BODY: entry[BODY]}, SEALER)


def test_a_newer_version_is_named() -> None:
    entry = encode(REQUEST)
    head = orjson.loads(entry[HEAD]) | {"v": 2}
    with pytest.raises(UnreadableEvent, match="version 2"):
        decode({HEAD: orjson.dumps(head), BODY: entry[BODY]})


def test_a_field_of_a_later_release_is_skipped() -> None:
    entry = encode(COUNT)
    text, line, rest = entry[BODY].partition(b"\n")
    later = orjson.dumps(orjson.loads(text) | {"brand_new": 1})
    assert decode({HEAD: entry[HEAD], BODY: later + line + rest}) == COUNT


@given(st.dictionaries(st.sampled_from([HEAD, BODY, b"x"]), st.binary(max_size=80)))
def test_any_entry_is_read_or_named_unreadable(entry: Any) -> None:
    with pytest.raises(UnreadableEvent):
        decode(entry)


@given(cut=st.integers(0, 200))
def test_a_cut_event_is_named_unreadable(cut: Any) -> None:
    entry = encode(REQUEST)
    whole = entry[BODY]
    if cut < len(whole):
        with pytest.raises(UnreadableEvent):
            decode({HEAD: entry[HEAD], BODY: whole[:cut]})


def test_the_key_is_made_once_and_is_private(tmp_path: Any) -> None:
    one, two = load_sealer(tmp_path, None), load_sealer(tmp_path, None)
    assert two.open(one.seal(b"x", b"h"), b"h") == b"x"
    assert (tmp_path / "stream.key").stat().st_mode & 0o777 == 0o600


def test_a_wrong_key_is_named(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="PILOT_STREAM_KEY"):
        load_sealer(tmp_path, "not a key")
