"""Parsers of what is handed in: masking, import lines, hours, invoices, labels, events of the streams, ingest batches."""

import dataclasses
import gzip
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson

from app.capture.batches import TooLarge, read_batch, unpack
from app.capture.conversation import conversation_of
from app.capture.events import BODY, HEAD, UnreadableEvent, decode, encode
from app.capture.foreign import READERS
from app.capture.hours.kinds import KindRules
from app.capture.hours.reading import read_hours
from app.capture.invoices.reading import read_invoice
from app.capture.lines import LineReader, ReadLines
from app.capture.masking.bodies import mask_request, without_files
from app.capture.masking.masker import PLACEHOLDER, ROUNDS, Masker
from app.capture.sealing import Sealer
from app.domain.exchange import Reply, ToolCall
from app.domain.imports import ImportFormat
from app.domain.live import ArmReplyEvent, CountEvent, ExchangeEvent, Hints, PilotCount, ReplyEvent, RequestEvent
from app.domain.requests import ROUTES
from app.errors import InvalidInput
from app.graders.checks.catalogue import checks_of, look_at
from app.pipeline.labelling.lines import LabelFormat, read_lines
from app.pipeline.mirroring.requests import read_request
from tests.fuzzing.running import Target, named
from tests.fuzzing.seeds import seeds, words
from tests.unit.capture import invoice_files as files
from tests.unit.capture.lines import a_judgement, a_label, a_layout, a_line, text_of
from tests.unit.capture.test_hours_files import CLOCKIFY, TEMPO, TOGGL, WORKLOG
from tests.unit.masking.corpus import cases

MASKER = Masker(b"a key of the fuzzer")
SEALER = Sealer(bytes(32))
LINE_BYTES = 64 * 1024
MOST_BYTES = 256 * 1024
LAYOUT = a_layout()
CHECKS = checks_of(())
SAMPLES = Path(__file__).parents[1] / "unit" / "capture" / "samples"
MOMENT = datetime(2026, 11, 2, tzinfo=UTC)


def check_masking(data: bytes, random: Random) -> None:
    """A masked text has nothing left to mask; JSON stays JSON."""
    text = data.decode("utf-8", random.choice(("replace", "surrogateescape")))
    label = random.choice(("", "phone", "id", "password"))
    masked = MASKER.text(text, label)
    # Values that stand one behind the other without a gap are found one a round.
    assert MASKER.text(masked, label) == masked or PLACEHOLDER.subn("", masked)[1] >= ROUNDS
    try:
        document = orjson.loads(data)
    except ValueError:
        return
    orjson.loads(MASKER.text(data.decode()))
    if isinstance(document, dict):
        once = mask_request(MASKER, document)
        without_files(once)
        assert mask_request(MASKER, once) == once or "user" in document or "safety_identifier" in document


def check_request(data: bytes, random: Random) -> None:
    """Every request that is JSON has a conversation, whatever the order of its keys, and its reply can be looked at."""
    try:
        request = orjson.loads(data)
    except ValueError:
        return
    if not isinstance(request, dict):
        return
    assert conversation_of(request, MOMENT) == conversation_of(_reordered(request), MOMENT)
    for path in ROUTES:
        read_request(path, data)
    text = data[random.randrange(len(data)) :].decode("utf-8", "replace")
    look_at(CHECKS, request, Reply(random.choice((text, None, "I cannot help.")), (ToolCall("f", text),)))


def _reordered(value: Any, depth: int = 0) -> Any:
    """Keys backwards; deeper than that they stay."""
    if depth > 100:
        return value
    if isinstance(value, dict):
        return {key: _reordered(value[key], depth + 1) for key in reversed(value)}
    return [_reordered(each, depth + 1) for each in value] if isinstance(value, list) else value


def check_lines(data: bytes, random: Random) -> None:
    """Lines are right or named wrong; a right one stays so with its keys in another order, and in another part of the file."""
    format_ = random.choice(list(ImportFormat))
    reader = LineReader(LAYOUT, line_bytes=LINE_BYTES, from_record=READERS[format_])
    found = reader.read(data, after=0)
    at = data.find(b"\n", random.randrange(len(data) + 1)) + 1
    first, second = reader.read(data[:at], after=0), None
    second = reader.read(data[at:], after=first.read) if at else found
    if at:
        assert _verdicts(found) == [a + b for a, b in zip(_verdicts(first), _verdicts(second), strict=True)]
    for line in data.split(b"\n"):
        if len(reader.read(line + b"\n", after=1).good) == 1:
            turned = json.dumps(_reordered(orjson.loads(line))).encode()
            assert len(reader.read(turned + b"\n", after=1).good) == 1 or len(turned) > LINE_BYTES


def _verdicts(found: ReadLines) -> list[int]:
    return [found.read, len(found.good), len(found.bad), found.skipped]


def check_hours(data: bytes, random: Random) -> None:
    """Files of hours are read, or every wrong line is named."""
    rules = random.choice((KindRules(), KindRules.of(("setup=set-up", "on*=incident"), None), KindRules.of((), "incident")))
    dates = random.choice((None, "dmy", "mdy"))
    try:
        read_hours(data, rules, dates=dates, timezone=random.choice(("UTC", "Europe/Berlin", "Pacific/Apia")))  # type: ignore[arg-type]
    except InvalidInput as error:
        named(error)


def check_invoices(data: bytes, _: Random) -> None:
    """Exports of vendors are read, or what is wrong is named."""
    try:
        read_invoice(data)
    except InvalidInput as error:
        named(error)


def check_labels(data: bytes, random: Random) -> None:
    """Files of labels: each line is right or its problems are named."""
    try:
        good, bad = read_lines(data, random.choice(list(LabelFormat)))
    except InvalidInput as error:
        named(error)
        return
    assert all(bad)
    assert isinstance(good, list)


EVENTS = (
    RequestEvent("bot", "b1", 7, 1_700_000_000_000_000, "/chat/completions", Hints(segment="s", retry_count=1), b'{"a":1}\n'),
    ReplyEvent("bot", "b1", 7, 1, "/responses", Hints(content="masked"), 200, "text/event-stream", "", ((0.1, 3), (0.2, 2)),
               0.25, 0.001, "complete", b"abcde", b"the request"),
    CountEvent("b1", "gateway-1", "gateway", 1, 2, False, {"bot": PilotCount(9, {"shed": 1})}),
    ExchangeEvent("bot", "b1", 7, 1, "b1-7", "captured", "c", "other", 0.5, "full", ("incumbent", "qwen"), 180.0, None, b"{}"),
    ArmReplyEvent("bot", "b1", 7, 1, "qwen", None, False, {"status": 200}, {"text_digest": "x"}, "0.01", None),
)  # fmt: skip


def check_events(data: bytes, random: Random) -> None:
    """An entry is read or named unreadable, sealed or not; an event comes back as it was, whatever bytes it carries."""
    head, separator, body = data.partition(b"\n")
    for sealer in (None, SEALER):
        with suppress(UnreadableEvent):
            decode({HEAD: head, BODY: body if separator else data}, sealer)
    event = random.choice(EVENTS[:2])
    carried = dataclasses.replace(event, body=data, hints=Hints(segment=head.decode("utf-8", "replace")[:80]))
    sealer = random.choice((None, SEALER))
    entry = encode(carried, sealer)
    assert decode(entry, sealer) == carried
    damaged = {HEAD: entry[HEAD], BODY: entry[BODY][: random.randrange(len(entry[BODY]))]}
    try:
        decode(damaged, sealer)
    except UnreadableEvent:
        return
    message = "a cut entry was read as if it were whole"
    raise AssertionError(message)


def check_batches(data: bytes, random: Random) -> None:
    """A batch is read or refused as a whole; of one that is read every event is taken or refused."""
    if random.random() < 0.2:
        packed = gzip.compress(data, 1) if random.random() < 0.7 else data
        with suppress(TooLarge, InvalidInput):
            assert unpack(packed, MOST_BYTES) == data
    try:
        found = read_batch(data)
    except InvalidInput as error:
        named(error)
        return
    said = orjson.loads(data.partition(b"\n")[0])["events"]
    assert len(found.events) + len(found.refused) == len(said)


def batch() -> bytes:
    reply = {
        "kind": "reply", "pilot": "bot", "number": 2, "at_us": 1, "path": "/responses", "hints": {"content": "full"},
        "status": 200, "content_type": "application/json", "content_encoding": "", "chunks": [[0.1, 3]], "total_seconds": 0.2,
        "lag_seconds": None, "end": "complete", "parts": [3, None],
    }  # fmt: skip
    request = {
        "kind": "request",
        "pilot": "bot",
        "number": 1,
        "at_us": 1,
        "path": "/chat/completions",
        "hints": {},
        "parts": [2],
    }
    count = {"kind": "count", "at_us": 1, "is_final": False, "pilots": {"bot": {"issued": 2, "dropped": {"shed": 1}}}}
    head = {"version": 1, "boot": "abcdefgh12", "started_us": 1, "sent_us": 2, "events": [request, reply, count]}
    return json.dumps(head).encode() + b"\n{}{1}"


def _entries() -> tuple[bytes, ...]:
    entries = [encode(event, sealer) for event in EVENTS for sealer in (None, SEALER)]
    return tuple(entry[HEAD] + b"\n" + entry[BODY] for entry in entries)


HOURS = (
    b"who,worked_on,hours,kind,is_recurring,note\nada,2026-11-02,1.5,set-up,no,x\nbob,2026-11-03,0.25,incident,yes,\n",
    f"{TOGGL}Ada L,a@x.org,Acme,P,S,vLLM,No,2026-11-02,09:05:00,2026-11-02,11:35:00,02:30:00,setup,\n".encode(),
    f"{CLOCKIFY}P,,Evals,Port,Ada,,a@x.org,,Yes,25/11/2026,09:00:00 AM,25/11/2026,02:20:00 PM,05:20:00,5.33,90\n".encode(),
    f"{TEMPO}OPS-7,GPU died,1.5,2026-11-02 08:15,ada,Ada L,Incident,Bug,OPS,restarted\n".encode(),
    b"Worklog ID;Issue Key;Author;Started;Time Spent;Comment\n77;A-1;Bob;2026-11-02T23:30:00.000+0000;1h 30m;x\n",
    ('{"total": 1, "key": "A-1", "worklogs": [%s]}' % (WORKLOG % '"v2"')).replace("\n", " ").encode(),
    *seeds("jira"),
)
INVOICES = (
    f"{files.OPENAI_USAGE_COLUMNS}\n{files.openai_usage_row()}\n{files.openai_usage_row(model='gpt-5-mini')}\n".encode(),
    f"{files.OPENAI_COST_COLUMNS}\n{files.openai_cost_row()}\n".encode(),
    f"{files.AZURE_COLUMNS}\n{files.azure_row()}\n".encode(),
    b"day,model,input_tokens,cached_input_tokens,output_tokens,usd\n2026-11-02,gpt-5.1,1000,10,300,1.25\n",
    json.dumps(files.openai_usage_page({})).encode(),
    json.dumps(files.openai_cost_page({})).encode(),
    json.dumps(files.anthropic_page(files.ANTHROPIC_RESULT)).encode(),
    *seeds("spend"),
)
_MEASURED = {"content": "x", "total_seconds": 1.5, "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
LINES = (
    text_of(a_line(), a_line(exchange_id="e-2", grades=[a_judgement(), a_label()], segment="extraction", turn=2)),
    text_of(a_line(replies={"incumbent": _MEASURED, "qwen": {"failure": "timeout", "message": "slow"}})),
    *((SAMPLES / name).read_bytes() for name in ("openai.jsonl", "litellm.jsonl", "langfuse.jsonl")),
)
REQUESTS = seeds("requests")
TEXTS = tuple(dict.fromkeys(case.text.encode("utf-8", "replace") for case in cases()))[::7]
MASK_WORDS = words(
    "anna@example.com|+49 30 23125 100|4111 1111 1111 1111|DE89 3704 0044 0532 0130 00|sk-proj-|Bearer |password=|[FILE]|tel |"
    "-----BEGIN PRIVATE KEY-----|data:image/png;base64,|eyJhbGciOi|192.0.2.1|2001:db8::1|[EMAIL:1f3a]|https://|AKIA|ghp_|(((|"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|00000000000000000000|a.b.a.b.a.b.a.b.|@@@@@@|- - - - - - - - |1-2-3-4-5-6-7-8-9-",
    "|",
)
LINE_WORDS = words(
    """exchange_id conversation_id arrived_at request replies incumbent qwen content usage grades turn segment by rater
    shown_first value messages failure tool_calls choices startTime endTime input output usageDetails modelParameters
    proxy_server_request
    response metadata"""
)
EVENT_WORDS = words('"v":1 "kind" "parts" "sealed":false hints chunks awaits pilots dropped issued number events version')
CELL_WORDS = words(',,,|;|"|2026-11-02|31/12/2026|99:99:99|1e9|-1|NaN|1h 30m|hours|usd|EUR|\t', "|")
TARGETS = (
    Target("masking", check_masking, (*TEXTS, *REQUESTS, b" ".join(TEXTS[:20])), MASK_WORDS, 3.0),
    Target("request", check_request, REQUESTS, words("content role text conversation user messages type function tools"), 2.0),
    Target("import_lines", check_lines, LINES, LINE_WORDS, 2.0),
    Target("hours", check_hours, HOURS, CELL_WORDS, 2.0),
    Target("invoices", check_invoices, INVOICES, (*CELL_WORDS, *words("results amount start_time has_more")), 2.0),
    Target("labels", check_labels, seeds("labels"), (*CELL_WORDS, *words("token answer preference first candidate")), 2.0),
    Target("events", check_events, _entries(), EVENT_WORDS, 4.0),
    Target("batches", check_batches, (batch(),), EVENT_WORDS, 3.0),
)
