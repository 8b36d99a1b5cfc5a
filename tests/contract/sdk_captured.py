"""What was copied of the SDK's calls, read as the mirror reads it."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

import orjson

from app.domain.exchange import Failure, Reply
from app.domain.live import MirrorEvent, ReplyEvent, RequestEvent
from app.domain.words import FailureKind
from app.providers.captured import Captured, read_captured
from tests.contract.sdk_vendor import Heard

REPLY_BYTES = 8 * 1024 * 1024


def check_copies(events: Iterable[MirrorEvent], heard: Heard) -> None:
    """Every mirrored call has one request and one reply, whole and as the vendor and the client saw them."""
    requests, replies = _by_number(events)
    assert requests.keys() == replies.keys()
    copied = sorted((event.path, hashlib.sha256(event.body).hexdigest()) for event in requests.values())
    sent = [(found["path"].removeprefix("/v1"), found["body"]) for found in heard.requests if found["is_mirrored"]]
    assert copied == sorted(sent)
    by_script: dict[str, list[Captured]] = defaultdict(list)
    for number, request in requests.items():
        found = read_captured(replies[number], reply_bytes=REPLY_BYTES)
        by_script[orjson.loads(request.body).get("user", "")].append(found)
    for script, captured in by_script.items():
        for index, found in enumerate(captured):
            check_reply(script, index, found)


def check_reply(script: str, index: int, found: Captured) -> None:
    """What the script says is what was read."""
    reply = found.answer.reply
    name, _, argument = script.partition("-")
    if name == "status" or (name == "once" and index == 0):
        assert isinstance(reply, Failure), script
        assert (reply.kind, reply.status) == (FailureKind.HTTP, int(argument)), script
    elif name in ("endless", "hang"):
        assert (found.is_cancelled, found.is_complete) == (True, False), script
        return
    elif name == "error":
        assert isinstance(reply, Failure), script
        assert (reply.kind, reply.message) == (FailureKind.HTTP, "Overloaded"), script
    elif name == "large":
        assert isinstance(reply, Failure), script
        assert reply.kind is FailureKind.TOO_LARGE, script
    else:
        assert isinstance(reply, Reply), (script, reply)
        assert reply.content or reply.tool_calls, script
        assert reply.finish_reason in ("stop", "tool_calls"), script
        assert reply.timing.total_seconds is not None, script
    assert (found.is_cancelled, found.is_complete) == (False, True), script


def _by_number(events: Iterable[MirrorEvent]) -> tuple[dict[int, RequestEvent], dict[int, ReplyEvent]]:
    requests: dict[int, RequestEvent] = {}
    replies: dict[int, ReplyEvent] = {}
    for event in events:
        if isinstance(event, RequestEvent):
            assert event.number not in requests
            requests[event.number] = event
        else:
            assert event.number not in replies
            replies[event.number] = event
    return requests, replies
