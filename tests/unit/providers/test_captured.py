"""The incumbent's relayed bytes: the same reply and times as a call of our own, whatever the bytes and their cutting."""

import gzip
import json
import zlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Failure, Reply, Timing
from app.domain.live import End, Hints, ReplyEvent
from app.domain.words import FailureKind
from app.providers.captured import Captured, read_captured

LIMIT = 1024 * 1024


def chunk(delta: dict[str, Any] | None = None, **frame: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": frame.pop("finish_reason", None)}]
    return b"data: " + json.dumps({"id": "chatcmpl-1", "model": "gpt", "choices": choices} | frame).encode() + b"\n\n"


USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
DONE = b"data: [DONE]\n\n"
STREAM = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "hm"}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, finish_reason="stop") + chunk(usage=USAGE),
    DONE,
)
WHOLE = json.dumps(
    {
        "id": "chatcmpl-1", "model": "gpt", "usage": USAGE,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    }
).encode()  # fmt: skip


def relayed(*pieces: bytes, path: str = "/chat/completions", **changes: Any) -> ReplyEvent:
    """One socket read a piece, every 0.1 s from 0.5 s on; the connection ended at 9 s."""
    chunks = tuple((0.5 + 0.1 * number, len(piece)) for number, piece in enumerate(pieces))
    event = ReplyEvent(
        "p", "boot", 1, 0, path, Hints(), 200, "text/event-stream; charset=utf-8", "", chunks, 9.0, 0.001, "complete",
        b"".join(pieces),
    )  # fmt: skip
    return replace(event, **changes)


def read(event: ReplyEvent) -> Captured:
    return read_captured(event, reply_bytes=LIMIT)


def reply_of(event: ReplyEvent) -> Reply:
    reply = read(event).answer.reply
    assert isinstance(reply, Reply), reply
    return reply


def failure_of(event: ReplyEvent) -> Failure:
    failure = read(event).answer.reply
    assert isinstance(failure, Failure), failure
    return failure


def times(first: float | None, visible: float | None, total: float) -> Any:
    return pytest.approx((first, visible, total))


def seen(timing: Timing) -> tuple[float | None, float | None, float | None]:
    return timing.ttft_any_seconds, timing.ttft_visible_seconds, timing.total_seconds


def test_a_stream_is_timed_by_the_reads_that_completed_its_deltas() -> None:
    found = read(relayed(*STREAM))
    reply = found.answer.reply
    assert isinstance(reply, Reply)
    assert (reply.content, reply.reasoning, reply.finish_reason) == ("Hello", "hm", "stop")
    assert seen(reply.timing) == times(0.6, 0.7, 1.0)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens, reply.usage.output_tokens) == (9, 4, 3)
    assert (found.answer.model, found.answer.lag_seconds, found.response_id) == ("gpt", 0.001, "chatcmpl-1")
    assert (found.is_complete, found.is_cancelled) == (True, False)


def test_an_event_counts_when_its_last_byte_came() -> None:
    body = b"".join(STREAM)
    cut = body.index(b"Hel") + 1
    reply = reply_of(relayed(body[:cut], body[cut:-1], body[-1:]))
    assert seen(reply.timing) == times(0.5, 0.6, 0.7)


def test_a_whole_reply_has_a_total_time_only() -> None:
    event = relayed(WHOLE[:20], WHOLE[20:], content_type="application/json")
    assert seen(reply_of(event).timing) == times(None, None, 0.6)


def test_a_relayed_done_is_complete_whatever_the_client_does_afterwards() -> None:
    ends: tuple[End, ...] = ("client_cancelled", "connection", "timeout", "too_large")
    for end in ends:
        found = read(relayed(*STREAM, end=end))
        assert isinstance(found.answer.reply, Reply)
        assert (found.is_complete, found.is_cancelled) == (True, False)
        assert found.answer.reply.timing.total_seconds == pytest.approx(1.0)


def test_a_client_that_leaves_before_the_end_cancelled() -> None:
    found = read(relayed(*STREAM[:-1], end="client_cancelled"))
    assert (found.is_complete, found.is_cancelled) == (False, True)
    found = read(relayed(WHOLE[:30], content_type="application/json", end="client_cancelled"))
    assert (found.is_complete, found.is_cancelled) == (False, True)
    found = read(relayed(status=None, end="client_cancelled"))
    assert (found.is_complete, found.is_cancelled) == (False, True)


def test_a_client_that_leaves_with_all_of_a_whole_reply_got_it() -> None:
    found = read(relayed(WHOLE, content_type="application/json", end="client_cancelled"))
    assert (found.is_complete, found.is_cancelled) == (True, False)
    assert isinstance(found.answer.reply, Reply)


@pytest.mark.parametrize(
    ("changes", "kind", "status"),
    [
        ({"end": "connection"}, FailureKind.CONNECTION, None),
        ({"end": "timeout"}, FailureKind.TIMEOUT, None),
        ({"end": "too_large"}, FailureKind.TOO_LARGE, None),
        ({"status": None, "end": "connection"}, FailureKind.CONNECTION, None),
        ({"status": None, "end": "timeout"}, FailureKind.TIMEOUT, None),
        ({"status": 500}, FailureKind.HTTP, 500),
        ({"status": 302}, FailureKind.HTTP, 302),
        ({"content_encoding": "rot13"}, FailureKind.MALFORMED, None),
        ({"content_encoding": "gzip"}, FailureKind.MALFORMED, None),
    ],
)
def test_what_broke_off_failed(changes: dict[str, Any], kind: FailureKind, status: int | None) -> None:
    failure = failure_of(relayed(*STREAM[:3], **changes))
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.timing.total_seconds is not None


def test_what_was_cut_for_our_own_bound_was_relayed_whole() -> None:
    found = read(relayed(*STREAM[:3], end="too_large"))
    assert (found.is_complete, found.is_cancelled) == (True, False)


def test_a_refusal_says_the_servers_words() -> None:
    body = json.dumps({"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded"}}).encode()
    for encoding, sent in (("", body), ("gzip", gzip.compress(body)), ("br", brotli.compress(body))):
        event = relayed(sent, status=429, content_type="application/json", content_encoding=encoding)
        failure = failure_of(event)
        assert (failure.kind, failure.status, failure.message) == (FailureKind.HTTP, 429, "Rate limit reached")
        assert failure.timing.total_seconds == pytest.approx(0.5)
    assert not read(relayed(body, status=429, end="client_cancelled")).is_cancelled


def test_a_client_that_leaves_because_of_an_error_event_did_not_cancel() -> None:
    error = b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'
    found = read(relayed(STREAM[0], error, end="client_cancelled"))
    assert found.answer.reply == Failure(FailureKind.HTTP, 503, "overloaded", Timing(total_seconds=0.6))
    assert (found.is_complete, found.is_cancelled) == (True, False)


ENCODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
    "GZIP, br": lambda data: brotli.compress(gzip.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
def test_compressed_replies_are_read_as_plain_ones(encoding: str, piece_bytes: int) -> None:
    packed = ENCODINGS[encoding](b"".join(STREAM))
    pieces = [packed[start : start + piece_bytes] for start in range(0, len(packed), piece_bytes)]
    reply = reply_of(relayed(*pieces, content_encoding=encoding))
    assert (reply.content, reply.usage.output_tokens) == ("Hello", 3)


def test_each_flushed_piece_of_a_compressed_stream_has_its_own_time() -> None:
    for packer in (zlib.compressobj(wbits=31), zlib.compressobj(wbits=-15)):
        pieces = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in STREAM]
        encoding = "gzip" if pieces[0].startswith(b"\x1f\x8b") else "deflate"
        reply = reply_of(relayed(*pieces, content_encoding=encoding))
        assert seen(reply.timing) == times(0.6, 0.7, 1.0)


def test_members_and_frames_follow_each_other() -> None:
    body = b"".join(STREAM)
    half = len(body) // 2
    for encoding, pack in (("gzip", gzip.compress), ("zstd", zstd.compress)):
        assert reply_of(relayed(pack(body[:half]) + pack(body[half:]), content_encoding=encoding)).content == "Hello"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_opened_no_further_than_the_bound(encoding: str) -> None:
    bomb = ENCODINGS[encoding](b" " * (64 * LIMIT))
    failure = failure_of(relayed(bomb, content_encoding=encoding, content_type="application/json"))
    assert failure.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("", b"".join(STREAM)), ("text/plain", b": ping\n\n" + b"".join(STREAM)), ("", WHOLE), ("text/html", WHOLE)],
)
def test_the_kind_of_body_is_seen_where_the_content_type_does_not_say_it(content_type: str, body: bytes) -> None:
    assert reply_of(relayed(body, content_type=content_type)).content == "Hello"


PATHS = st.sampled_from(["/chat/completions", "/completions", "/responses", "/other"])
WORDS = st.sampled_from(
    [
        "response.completed", "response.output_item.added", "response.output_item.done", "response.output_text.delta",
        "response.function_call_arguments.done", "response.failed", "error", "message", "function_call", "reasoning", "failed",
        "queued", "<think>", "stop",
    ]
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "type", "response", "output", "item", "output_index", "content_index", "delta", "text", "content", "choices", "index",
        "message", "tool_calls", "function", "name", "arguments", "call_id", "id", "usage", "error", "code", "status", "model",
        "finish_reason", "refusal", "summary", "incomplete_details", "reason", "custom", "input", "completion_tokens",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
EVENTS = st.lists(
    VALUES.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n") | st.binary(max_size=20), max_size=5
)
BODIES = EVENTS.map(b"".join) | VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)


@given(
    path=PATHS,
    body=BODIES,
    sizes=st.lists(st.tuples(st.floats(), st.integers(-5, 80)), max_size=4),
    status=st.none() | st.sampled_from([200, 200, 204, 429, 999, -1]),
    kind=st.sampled_from(["text/event-stream", "application/json", ""]) | st.text(max_size=5),
    encoding=st.sampled_from(["", "", "gzip", "deflate", "br", "zstd", "gzip, zstd", "?"]),
    end=st.sampled_from(["complete", "client_cancelled", "connection", "timeout", "too_large"]),
    total=st.none() | st.floats(allow_nan=False),
)
def test_no_bytes_make_it_raise(
    path: str, body: bytes, sizes: list[tuple[float, int]], status: int | None, kind: str, encoding: str, end: End,
    total: float | None,
) -> None:  # fmt: skip
    reads = tuple(sizes)
    event = relayed(body, path=path, chunks=reads, status=status, content_type=kind, end=end, total_seconds=total)
    event = replace(event, content_encoding=encoding)
    found = read_captured(event, reply_bytes=200)
    assert not (found.is_complete and found.is_cancelled)
    json.dumps(found.answer.usage.raw)


@given(cuts=st.lists(st.integers(0, 800), max_size=10))
def test_any_cutting_gives_the_same_reply(cuts: list[int]) -> None:
    body = b"".join(STREAM)
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    found, expected = reply_of(relayed(*pieces)), reply_of(relayed(*STREAM))
    assert replace(found, timing=Timing()) == replace(expected, timing=Timing())


def test_documents_that_are_nested_too_deeply_are_malformed() -> None:
    for body in (
        b'{"choices":' * 50_000,
        b'data: {"choices":[{"delta":{"content":' + b'[{"text":' * 900 + b"0" + b"}]" * 900 + b"}}]}\n\n",
    ):
        assert failure_of(relayed(body)).kind is FailureKind.MALFORMED
