"""A line as its content: what was given, in one canonical form, and its records for the store; and back.

Absent and null are the same, `tool_calls: []` and no tool calls too; preferences have no order. A reply without content and
tool calls is the failure `empty`. Numbers that have a default are in a document only if they were given.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from app.capture.conversation import conversation_of
from app.capture.line_format import GivenLine, GivenReply
from app.capture.segments import SegmentOf, segment_finder
from app.costs.arm_prices import PriceBook
from app.domain.content import FULL
from app.domain.exchange import Json
from app.domain.imports import ExchangeRecord, GradeRecord, LabelRecord, LineRecords, ReplyRecord
from app.domain.pilot import Pilot
from app.domain.sampling import sample_point
from app.domain.words import OTHER_SEGMENT, ArmRole, FailureKind
from app.providers.usage import usage_of, usage_text

Document: TypeAlias = dict[str, Any]
OPTIONAL = ("conversation_id", "turn", "segment", "inclusion_probability")
_TIMES = ("ttft_any_seconds", "ttft_visible_seconds", "total_seconds")
_COLUMNS = ("failure", "status", "finish_reason", "model", *_TIMES)
_BODY = ("content", "tool_calls", "message", "reasoning", "usage", "service_tier")


@dataclass(frozen=True, slots=True)
class Layout:
    """What of a pilot decides whether a line is right, and what it says: its arms, segments and content levels.

    `book` prices the replies of its lines; `keeps_text` False = no usage object is stored with words that could be text.
    """

    arms: Mapping[str, int]
    compared: frozenset[str]
    segments: frozenset[str]
    segment_of: SegmentOf
    digest: str
    book: PriceBook
    keeps_text: bool

    @property
    def arm_names(self) -> dict[int, str]:
        """The arms' names by number."""
        return {number: name for name, number in self.arms.items()}


def layout_of(pilot: Pilot) -> Layout:
    """The layout of a pilot as it is configured now."""
    tables = pilot.configuration.segment
    arms = {arm.name: arm.id for arm in pilot.arms}
    matched = [table.model_dump(mode="json", include={"name", "match", "content"}) for table in tables]
    said = [sorted(arms.items()), matched, pilot.configuration.content.model_dump(mode="json")]
    return Layout(
        arms=arms,
        compared=frozenset(arm.name for arm in pilot.arms if arm.role is not ArmRole.INCUMBENT),
        segments=frozenset({OTHER_SEGMENT, *(table.name for table in tables)}),
        segment_of=segment_finder(tables),
        digest=hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        book=PriceBook(pilot.configuration),
        keeps_text={pilot.configuration.content.level, *(table.content for table in tables)} <= {FULL, None},
    )


def document_from(line: GivenLine) -> Document:
    """The content of a line that the types let pass, without its id."""
    document: Document = {key: value for key, value in line.items() if value is not None}
    document.pop("exchange_id", None)
    document["replies"] = {arm: _reply(reply) for arm, reply in line["replies"].items()}
    document.pop("preferences", None)
    preferences = preferences_of(line)
    if preferences:
        document["preferences"] = sorted(preferences, key=preference_key)
    return document


def preferences_of(line: GivenLine) -> list[Json]:
    """The preferences of a line in the order in which they were given."""
    return [{key: value for key, value in given.items() if value is not None} for given in line.get("preferences") or ()]


def preference_key(preference: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes two preferences the same one: a judge has one for each order, a person one."""
    by = preference["by"]
    return preference["arm"], by, preference["rater"], (preference.get("shown_first") or "") if by == "judge" else ""


def canonical(value: Any) -> bytes:
    """A value as JSON in the one form that is hashed and compared: sorted keys, no white space, times in UTC."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def records_of(document: Document, *, external_id: str, content: bytes, line: int, layout: Layout) -> LineRecords:
    """The rows that a document becomes; `content` is its hash."""
    request, arrived_at = document["request"], document["arrived_at"]
    conversation = document.get("conversation_id") or conversation_of(request, arrived_at)
    exchange = ExchangeRecord(
        external_id,
        arrived_at,
        conversation,
        document.get("turn"),
        document.get("segment") or layout.segment_of(request),
        document.get("inclusion_probability", 1.0),
        sample_point(conversation),
        [key for key in OPTIONAL if key in document],
        content,
        orjson.dumps(request),
        orjson.dumps(document["reference"]) if "reference" in document else None,
    )
    preferences = document.get("preferences", ())
    return LineRecords(
        line,
        exchange,
        [_reply_record(layout, arm, reply, arrived_at) for arm, reply in document["replies"].items()],
        [_grade(layout, given, arrived_at) for given in preferences if given["by"] == "judge"],
        [_label(layout, given, arrived_at) for given in preferences if given["by"] == "person"],
    )


def document_of(records: LineRecords, arm_names: Mapping[int, str]) -> Document:
    """The document that became these rows."""
    exchange = records.exchange
    document: Document = {"arrived_at": exchange.arrived_at, "request": orjson.loads(exchange.body)}
    document |= {key: getattr(exchange, key) for key in exchange.given}
    if exchange.reference is not None:
        document["reference"] = orjson.loads(exchange.reference)
    document["replies"] = {arm_names[record.arm_id]: _reply_of(record) for record in records.replies}
    preferences = [_given(record, "judge", arm_names) for record in records.grades]
    preferences += [_given(record, "person", arm_names) for record in records.labels]
    if preferences:
        document["preferences"] = sorted(preferences, key=preference_key)
    return document


def _reply(given: GivenReply) -> Json:
    reply: Json = {key: value for key, value in given.items() if value is not None}
    if "tool_calls" in reply:
        reply["tool_calls"] = [_called(call) for call in reply["tool_calls"]]
    if not reply.get("tool_calls"):
        reply.pop("tool_calls", None)
    # A user sees nothing of white space alone.
    if not (reply.get("content") or "").strip():
        reply.pop("content", None)
    if "failure" not in reply and "content" not in reply and "tool_calls" not in reply:
        reply["failure"] = FailureKind.EMPTY.value
    return reply


def _called(call: Json) -> Json:
    """A tool call as `app.domain.payload` writes it."""
    named = {"type": "function", "function": {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}}
    return {"id": call["id"], **named} if call.get("id") else named


def _reply_record(layout: Layout, arm: str, reply: Json, arrived_at: datetime) -> ReplyRecord:
    get = reply.get
    usage = usage_of(get("usage"))
    if usage.service_tier is None and "service_tier" in reply:
        usage = replace(usage, service_tier=reply["service_tier"])
    cost = layout.book.cost(arm, usage, get("model"), arrived_at)
    content = get("content")
    body = {key: reply[key] for key in _BODY if key in reply}
    if "failure" not in reply:
        body = {"content": content} | body
    return ReplyRecord(
        layout.arms[arm],
        get("failure"),
        get("status"),
        get("finish_reason"),
        get("model"),
        len(content) if content is not None else None,
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        usage.service_tier,
        usage_text(usage.raw, keeps_text=layout.keeps_text),
        cost.usd,
        cost.price_version,
        get("ttft_any_seconds"),
        get("ttft_visible_seconds"),
        get("total_seconds"),
        orjson.dumps(body),
    )


def _reply_of(record: ReplyRecord) -> Json:
    columns = {key: getattr(record, key) for key in _COLUMNS}
    return {key: value for key, value in (columns | orjson.loads(record.body)).items() if value is not None}


def _grade(layout: Layout, given: Json, arrived_at: Any) -> GradeRecord:
    get: Callable[[str], Any] = given.get
    at = get("at")
    return GradeRecord(
        layout.arms[given["arm"]], given["rater"], get("shown_first"), get("value"), get("ungraded"), get("reason"),
        at or arrived_at, at is not None,
    )  # fmt: skip


def _label(layout: Layout, given: Json, arrived_at: Any) -> LabelRecord:
    get: Callable[[str], Any] = given.get
    at = get("at")
    return LabelRecord(
        layout.arms[given["arm"]], given["rater"], get("value"), get("skipped"), get("critical"), get("draw_probability"),
        at or arrived_at, at is not None,
    )  # fmt: skip


def _given(record: GradeRecord | LabelRecord, by: str, arm_names: Mapping[int, str]) -> Json:
    values = record._asdict()
    arm, at, at_given = arm_names[values.pop("arm_id")], values.pop("at"), values.pop("at_given")
    values |= {"arm": arm, "by": by, "at": at if at_given else None}
    return {key: value for key, value in values.items() if value is not None}
