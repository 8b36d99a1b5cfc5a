"""Which headers pass the gateway (RFC 9110 section 7.6.1) and what the client's hints say."""

from collections.abc import Iterable
from typing import NamedTuple

from app.domain.content import strictest
from app.domain.live import Hints
from app.domain.toml_table import ContentLevel
from app.traces.spans import plain_traceparent

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade"}
)  # fmt: skip
# The body is read here before it is sent on, so the client's question whether to send it is answered here.
_NOT_TO_THE_INCUMBENT = _HOP_BY_HOP | {b"host", b"content-length", b"expect"}
OURS = b"x-pilot-"
_RETRY_COUNT = b"x-stainless-retry-count"
_TRACEPARENT = b"traceparent"
_NOTED = frozenset({_RETRY_COUNT, _TRACEPARENT})  # they go on to the incumbent
_LEVELS: dict[bytes, ContentLevel] = {b"full": "full", b"masked": "masked", b"metadata": "metadata"}
_LONGEST_HINT = 300
_OVERHEAD = b"x-pilot-overhead"
_NO = frozenset({b"", b"0", b"off", b"false", b"no"})
_NOTHING = Hints()


class Asked(NamedTuple):
    """A request's headers, read once.

    Attributes:
        passed: Those for the incumbent, in order.
        content_length: As the client said it; `None` = chunked or no body.
        opted_out: `X-Pilot-Mirror: off`.
        has_bad_content: `X-Pilot-Content` says something that is no level; it counts as the strictest.
        wants_socket: It asks for a WebSocket.
        wants_overhead: `X-Pilot-Overhead` says a word of yes: the answer tells the gateway's own time.
        traceparent: Its place in production's own trace, if it says one.
    """

    passed: Headers
    content_length: int | None
    hints: Hints
    opted_out: bool = False
    has_bad_content: bool = False
    wants_socket: bool = False
    wants_overhead: bool = False
    traceparent: str | None = None


def read_request_headers(headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    """Headers of a request, names in lower case."""
    passed: Headers = []
    aside: Headers = []
    ours: dict[bytes, bytes] = {}
    for pair in headers:
        name = pair[0]
        if name in _NOT_TO_THE_INCUMBENT:
            aside.append(pair)
        elif name.startswith(OURS):
            ours[name] = ours[name] + b"," + pair[1] if name in ours else pair[1]
        else:
            if name in _NOTED:
                ours[name] = pair[1]
            passed.append(pair)
    length, nominated, wants_socket = _of_this_hop(aside)
    if nominated:
        passed = [pair for pair in passed if pair[0] not in nominated]
    if wants_socket or not ours:
        return Asked(passed, length, _NOTHING, wants_socket=wants_socket)
    return _with_hints(passed, length, ours)


def _of_this_hop(headers: Headers) -> tuple[int | None, set[bytes], bool]:
    """Length of the body, headers that are for this hop only, and whether a WebSocket is wanted."""
    length: int | None = None
    nominated: set[bytes] = set()
    wants_socket = False
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"connection":
            nominated |= tokens(value)
        elif name == b"upgrade":
            wants_socket = value.lower() == b"websocket"
    return length, nominated, wants_socket


def pass_response_headers(headers: Headers) -> Headers:
    """Headers of an answer that go on to the client, in order."""
    nominated: set[bytes] = set()
    for name, value in headers:
        if len(name) == 10 and name.lower() == b"connection":  # noqa: PLR2004 - the length of that name
            nominated |= tokens(value)
    passed = []
    for pair in headers:
        name = pair[0].lower()
        if name not in _HOP_BY_HOP and name not in nominated:
            passed.append((name, pair[1]))
    return passed


def _with_hints(passed: Headers, length: int | None, ours: dict[bytes, bytes]) -> Asked:
    said, retry = ours.get(b"x-pilot-content"), ours.get(_RETRY_COUNT)
    levels = tokens(said) if said is not None else set()
    hints = Hints(
        segment=_hint(ours.get(b"x-pilot-segment")),
        conversation=_hint(ours.get(b"x-pilot-conversation")),
        content=strictest(*(_LEVELS.get(level, "metadata") for level in levels)) if levels else None,
        retry_count=int(retry) if retry is not None and retry.isdigit() and len(retry) < 6 else None,  # noqa: PLR2004 - digits
    )
    return Asked(
        passed,
        length,
        hints,
        opted_out=b"off" in tokens(ours.get(b"x-pilot-mirror", b"")),
        has_bad_content=not levels <= _LEVELS.keys(),
        traceparent=plain_traceparent(ours.get(_TRACEPARENT)),
        wants_overhead=_OVERHEAD in ours and is_yes(ours[_OVERHEAD]),
    )


def asks_for_overhead(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """The same of a request that is not forwarded."""
    return any(name == _OVERHEAD and is_yes(value) for name, value in headers)


def is_yes(value: bytes) -> bool:
    """Any word but those that say no."""
    return value.strip().lower() not in _NO


def _hint(value: bytes | None) -> str | None:
    text = value.decode("utf-8", "replace").strip().replace("\0", "")[:_LONGEST_HINT] if value is not None else ""
    return text or None


def tokens(value: bytes) -> set[bytes]:
    """The words of a list, in lower case."""
    return {token.strip().lower() for token in value.split(b",")}
