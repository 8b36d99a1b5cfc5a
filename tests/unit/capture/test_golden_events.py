"""Entries and batches of earlier versions are read for ever, as they were meant; those of later ones are not taken wrongly."""

import dataclasses
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest

from app.capture.batches import CountItem, ReplyItem, RequestItem, read_batch
from app.capture.events import HEAD, VERSION, NewerEvent, decode, encode
from app.capture.newer import is_newer
from app.capture.sealing import Sealer
from app.domain.ledger import BootCounts
from app.domain.live import CountEvent, End, PilotCount, Skipped
from app.domain.words import FailureKind
from app.pipeline.recording.checking import LINES, read_entries
from app.pipeline.recording.counting import Lines, with_count
from tests.unit.capture.golden_values import AT_US, EVENTS

FOLDER = Path(__file__).parent / "golden"
SEALER = Sealer(bytes(range(32)))
ENTRIES = [orjson.loads(line) for line in (FOLDER / "events-v1.jsonl").read_bytes().splitlines()]
NOW = datetime.fromtimestamp(AT_US / 1e6, UTC) + timedelta(seconds=5)
# A word that an older reader does not know makes it put the event aside: add it here, and raise `app.capture.events.VERSION`.
WORDS_OF_VERSION_1 = {
    "reasons of exchanges": {"captured", "unreadable_body", "outside_window", "not_sampled"},
    "skipped": {"shed", "over_budget", "not_asked"},
    "end": {"complete", "client_cancelled", "connection", "timeout", "too_large"},
    "failures": {"timeout", "http", "connection", "empty", "malformed", "too_large", "unavailable"},
}


def entry_of(line: dict[str, Any]) -> dict[bytes, bytes]:
    return {name.encode(): b64decode(line[name]) for name in ("h", "b")}


@pytest.mark.parametrize("line", ENTRIES, ids=lambda line: f"{line['name']}-{'sealed' if line['sealed'] else 'plain'}")
def test_an_entry_of_version_1_says_what_it_said_when_it_was_written(line: dict[str, Any]) -> None:
    assert decode(entry_of(line), SEALER) == EVENTS[line["name"]]


def test_each_kind_of_event_is_among_the_old_entries() -> None:
    assert {line["name"] for line in ENTRIES} == set(EVENTS)
    kinds = {orjson.loads(entry_of(line)[HEAD])["kind"] for line in ENTRIES}
    assert kinds == {"request", "reply", "count", "exchange", "arm_reply", "repeat"}


def test_the_words_of_a_version_are_fixed() -> None:
    assert VERSION == 1
    assert {
        "reasons of exchanges": set(LINES),
        "skipped": set(get_args(Skipped)),
        "end": set(get_args(End)),
        "failures": {kind.value for kind in FailureKind},
    } == WORDS_OF_VERSION_1


def test_a_batch_of_a_client_of_version_1_says_what_it_said() -> None:
    batch = read_batch((FOLDER / "batch-v1.bin").read_bytes())
    assert (batch.boot, batch.refused) == ("a1b2c3d4", ())
    request, reply, count = batch.events
    assert isinstance(request.item, RequestItem)
    assert isinstance(reply.item, ReplyItem)
    assert isinstance(count.item, CountItem)
    assert (request.item.pilot, request.item.number, request.item.hints.segment) == ("support-bot", 1, "extraction")
    assert request.parts == (b'{"model":"gpt-5.1","messages":[]}',)
    assert (reply.item.end, list(reply.item.chunks)) == ("complete", [(0.25, 22), (0.5, 14)])
    assert reply.parts == (b'data: {"choices":[]}\n\ndata: [DONE]\n\n', request.parts[0])
    assert (count.item.pilots["support-bot"].issued, count.item.pilots["support-bot"].dropped) == (
        4,
        {"mirroring_off": 1, "shed": 2},
    )


@pytest.mark.parametrize("change", [{"v": VERSION + 1}, {"kind": "brand_new"}])
def test_an_entry_of_a_later_version_is_known_as_such_and_damage_is_not(change: dict[str, Any]) -> None:
    entry = encode(EVENTS["request"])
    newer = entry | {HEAD: orjson.dumps(orjson.loads(entry[HEAD]) | change)}
    assert is_newer(newer)
    with pytest.raises(NewerEvent, match="reads up to version 1"):
        decode(newer)
    assert not is_newer(entry)
    assert not is_newer(entry | {HEAD: b"{}"})
    assert not is_newer(entry | {HEAD: orjson.dumps(orjson.loads(entry[HEAD]) | {"v": 0})})


def test_a_drop_of_a_later_version_is_lost_until_a_reader_knows_it_and_the_ledger_adds_up() -> None:
    count = EVENTS["count"]
    assert isinstance(count, CountEvent)
    later = dataclasses.replace(count, pilots={"support-bot": PilotCount(10, {"shed": 3, "brand_new": 2})})
    (received,), bad = read_entries([("1-0", encode(later))], None, NOW)
    assert bad == []
    assert isinstance(received.event, CountEvent)
    said = received.event.pilots["support-bot"]
    assert said == PilotCount(10, {"shed": 3})
    lines: Lines = Lines()
    now = with_count(BootCounts(seen=5), said, count.at_us, lines)
    assert now.seen + sum(now.dropped.values()) + now.missing == 10
    # The newer reader takes the same cumulative count for what it is.
    known = with_count(now, later.pilots["support-bot"], count.at_us, lines)
    assert known.missing == 0
    assert sum(lines.values()) == 5


def test_a_clients_unknown_reason_refuses_nothing() -> None:
    head = {"version": 1, "boot": "a1b2c3d4", "started_us": 1, "sent_us": 2}
    count = {"kind": "count", "at_us": 2, "is_final": False, "pilots": {"bot": {"issued": 3, "dropped": {"brand_new": 1}}}}
    batch = read_batch(orjson.dumps(head | {"events": [count]}) + b"\n")
    assert batch.refused == ()
    assert len(batch.events) == 1
