"""Parsers of what model servers answer: server-sent events, replies of three routes, HTTP itself, lists and metrics."""

import asyncio
import gzip
import json
import zlib
from random import Random
from typing import Any, cast

import brotli  # type: ignore[import-untyped]
from backports import zstd

from app.domain.exchange import Json
from app.domain.live import Hints, ReplyEvent
from app.gateway.routes import leaves_the_base, target_of
from app.gateway.upstream.connection import Connection
from app.gateway.upstream.errors import UpstreamBroken
from app.gateway.upstream.response import UpstreamResponse
from app.providers.captured import read_captured
from app.providers.draft import MalformedReply, parse_json
from app.providers.model_list import _models
from app.providers.reading import retry_after
from app.providers.server_metrics import readings_of
from app.providers.sse import Event, EventParser
from tests.fuzzing.mutation import cuts
from tests.fuzzing.running import Target
from tests.fuzzing.seeds import seeds, words

REPLY_BYTES = 256 * 1024
HEAD_BYTES = 64 * 1024
PATHS = ("/chat/completions", "/completions", "/responses")
ENDS = ("complete", "client_cancelled", "connection", "timeout", "too_large")


def _sse(*documents: Json | str, names: bool = False) -> bytes:
    lines = []
    for each in documents:
        text = each if isinstance(each, str) else json.dumps(each)
        name = f"event: {each['type']}\n" if names and isinstance(each, dict) else ""
        lines.append(f"{name}data: {text}\n\n")
    return "".join(lines).encode()


def _chunk(**delta: Any) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


_END = {**_chunk(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "completion_tokens_details": {"reasoning_tokens": 1}}
_CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
CHAT_STREAM = _sse(
    _chunk(role="assistant", content=""), _chunk(reasoning_content="I think"), _chunk(content="Hel"),
    _chunk(content="lo <think>"),
    _chunk(tool_calls=[_CALL]), _END, {**_chunk(), "choices": [], "usage": USAGE}, "[DONE]",
)  # fmt: skip
CHAT_WHOLE = json.dumps(
    {
        "id": "c-1", "object": "chat.completion", "model": "m", "system_fingerprint": "fp", "usage": USAGE,
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Hi",
                     "refusal": None,
                     "tool_calls": [_CALL], "reasoning": "because"}}],
    }
).encode()  # fmt: skip
COMPLETION = _sse({"id": "x", "choices": [{"index": 0, "text": "four", "finish_reason": "length"}], "usage": USAGE}, "[DONE]")
_OUTPUT: list[Json] = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}]},
    {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"},
]
_RESPONSE = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": _OUTPUT,
    "usage": {"input_tokens": 5, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 0}},
}  # fmt: skip
RESPONSES_WHOLE = json.dumps(_RESPONSE).encode()
RESPONSES_STREAM = _sse(
    {"type": "response.created", "response": {**_RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**_OUTPUT[1], "content": []}},
    {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hel"},
    {"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "text": "Hello"},
    {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 2, "delta": "{}"},
    {"type": "response.output_item.done", "output_index": 2, "item": _OUTPUT[2]},
    {"type": "response.completed", "response": _RESPONSE},
    names=True,
)
REFUSED = b'{"error": {"message": "no such model", "type": "invalid_request_error", "code": 404, "param": null}}'
ENDLESS = b': ping\r\n\r\ndata: {"error": {"message": "overloaded", "code": 529}}\r\n\r\ndata: [DONE]\r\n\r\n'
REPLIES = (CHAT_STREAM, CHAT_WHOLE, COMPLETION, RESPONSES_STREAM, RESPONSES_WHOLE, REFUSED, ENDLESS)
REPLY_WORDS = words(
    """choices delta message content tool_calls function arguments name index id usage output type text reasoning finish_reason
    error code response.output_text.delta response.failed refusal prompt_tokens input_tokens timings model custom item summary
    output_index status incomplete"""
)


def _packed(data: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(data, 1)
    if coding == "deflate":
        return zlib.compress(data, 1)
    if coding == "br":
        return bytes(brotli.compress(data, quality=1))
    return zstd.compress(data) if coding == "zstd" else data


def _events(pieces: list[bytes]) -> tuple[list[Event], bool]:
    parser, found = EventParser(), list[Event]()
    try:
        for piece in pieces:
            found += parser.feed(piece)
        found += parser.finish()
    except UnicodeDecodeError:
        return [], False
    return found, True


def check_sse(data: bytes, random: Random) -> None:
    """However the bytes are cut, the events are the same; only bytes that are no UTF-8 are refused."""
    assert _events([data]) == _events(cuts(data, random))


def check_reply(data: bytes, random: Random) -> None:
    """A relayed reply is read whatever it is, and the same however it came in pieces."""
    coding = random.choice(("", "", "", "", "gzip", "deflate", "br", "zstd", "gzip, br", "x"))
    packed = data
    for each in coding.split(", "):
        packed = _packed(packed, each)
    is_damaged = coding == "x" or (coding != "" and random.random() < 0.3)
    if is_damaged:
        packed = packed[: random.randrange(len(packed) + 1)] + random.choice((b"", b"\0\1", packed[:5]))
    status = random.choice((200, 200, 200, 200, 429, 500, 99, 777, None))
    kind = random.choice(("text/event-stream", "text/event-stream; charset=utf-8", "application/json", "", "text/html"))
    said = (random.choice(PATHS), status, kind, coding, random.choice((*("complete",) * 4, *ENDS)))
    whole = read_captured(_event(said, [packed], packed), reply_bytes=REPLY_BYTES)
    in_pieces = read_captured(_event(said, cuts(packed, random), packed), reply_bytes=REPLY_BYTES)
    # How much of a damaged body can be opened depends on where it was cut.
    assert is_damaged or whole == in_pieces


def _event(said: tuple[str, int | None, str, str, str], pieces: list[bytes], body: bytes) -> ReplyEvent:
    path, status, kind, coding, end = said
    chunks = tuple((0.5, len(piece)) for piece in pieces)
    ours = cast("Any", end)
    return ReplyEvent("p", "b", 1, 1, path, Hints(), status, kind, coding, chunks, 0.5, None, ours, body, None)


class Wire:
    """As much of a transport as a connection needs."""

    def __init__(self) -> None:
        self.is_over = False

    def write(self, data: bytes) -> None:
        """Goes nowhere."""

    def is_closing(self) -> bool:
        """After the first abort."""
        return self.is_over

    def abort(self) -> None:
        """Ends it."""
        self.is_over = True

    def pause_reading(self) -> None:
        """Nothing is waiting."""

    def resume_reading(self) -> None:
        """Nothing was waiting."""


_LOOP = asyncio.new_event_loop()


def check_http(data: bytes, random: Random) -> None:
    """An answer on the wire is the same however it is cut; what is no HTTP/1.1 breaks, and raises nothing."""
    is_head = random.random() < 0.1
    pieces = cuts(data, random)
    assert _LOOP.run_until_complete(_answered([data], is_head=is_head)) == _LOOP.run_until_complete(
        _answered(pieces, is_head=is_head)
    )


async def _answered(pieces: list[bytes], *, is_head: bool) -> tuple[Any, ...]:
    connection = Connection(HEAD_BYTES, 1 << 30, lambda _: None, lambda _: None)
    wire = Wire()
    connection._transport = cast("asyncio.Transport", wire)
    response = connection.begin(b"", is_head=is_head)
    assert response is not None
    for piece in pieces:
        if piece and not wire.is_over:
            connection.data_received(piece)
    if not wire.is_over:
        connection.eof_received()
    return await _seen(response)


async def _seen(response: UpstreamResponse) -> tuple[Any, ...]:
    try:
        await response.head()
    except UpstreamBroken as error:
        return (error.reason,)
    body = b""
    try:
        while piece := await response.read():
            body += piece
    except UpstreamBroken as error:
        return response.status, response.headers, body, error.reason
    return response.status, response.reason, response.headers, body


def check_model_list(data: bytes, _: Random) -> None:
    """What a server says it serves; only `MalformedReply` is refused."""
    try:
        _models(parse_json(data.decode("utf-8", "replace")))
    except MalformedReply:
        return


def check_metrics(data: bytes, _: Random) -> None:
    """A server's metrics page is read as far as it can be."""
    readings_of(data.decode("utf-8", "replace"), "m")


def check_addresses(data: bytes, _: Random) -> None:
    """Paths, and the header that says when to come again."""
    found = target_of(data)
    leaves_the_base(data if found is None else found.rest)
    retry_after(data.decode("latin-1"))


_OK = b"HTTP/1.1 200 OK\r\n"
HTTP = (
    _OK + b"Content-Type: application/json\r\nContent-Length: 5\r\nKeep-Alive: timeout=5\r\n\r\nhello",
    _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0;x=1\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
)  # fmt: skip
HTTP_WORDS = words("Content-Length: 3\r\n|Transfer-Encoding: chunked\r\n|\r\n\r\n|HTTP/1.1 |ffffffff|0\r\n\r\n|chunked", "|")
ADDRESSES = words("/v1/chat/completions|/p/my%20pilot/v1/files/../x|Wed, 21 Oct 2026 07:28:00 GMT|120|1.5", "|")
TARGETS = (
    Target("sse", check_sse, REPLIES, REPLY_WORDS, 4.0),
    Target("reply", check_reply, REPLIES, REPLY_WORDS, 6.0),
    Target("http", check_http, HTTP, HTTP_WORDS, 4.0),
    Target("model_list", check_model_list, seeds("model_list"), words("data id root"), 1.0),
    Target("metrics", check_metrics, seeds("metrics"), words("vllm:|{|} |NaN|+Inf|# TYPE ", "|"), 1.0),
    Target("addresses", check_addresses, ADDRESSES, words("/..;x/ %2e%2e /v1 /p/ \\"), 2.0),
)
