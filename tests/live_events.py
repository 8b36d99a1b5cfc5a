"""Events of the stream `record`: a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

import orjson

from app.domain.ledger import LiveLedger
from app.domain.live import ArmReplyEvent, CountEvent, ExchangeEvent, PilotCount, RecordEvent, external_id
from app.domain.sampling import sample_point
from app.pipeline.recording.checking import Received

PILOT = "support-bot"
ARRIVAL = datetime(2026, 9, 7, 12, tzinfo=UTC)
ARRIVAL_US = int(ARRIVAL.timestamp() * 1_000_000)
SECOND_US = 1_000_000
DEADLINE_SECONDS = 180.0
BOTH = ("incumbent", "qwen")


def exchange(number: int, *, boot: str = "b1", at_us: int | None = None, **facts: Any) -> ExchangeEvent:
    """A captured request that awaits both arms; a second apart from its neighbours."""
    conversation = facts.pop("conversation", f"c-{boot}-{number}")
    values: dict[str, Any] = {
        "pilot": PILOT,
        "reason": "captured",
        "segment": "other",
        "level": "full",
        "awaits": BOTH,
        "deadline_seconds": DEADLINE_SECONDS,
        "request": orjson.dumps({"model": "gpt-5.1", "messages": [{"role": "user", "content": f"question {number}"}]}),
        "sample_point": sample_point(conversation),
        "facts": {"route": "/chat/completions"},
    } | facts
    return ExchangeEvent(
        boot=boot, number=number, at_us=at_us or _at(number), external_id=external_id(boot, number), conversation=conversation,
        **values,
    )  # fmt: skip


def retry(number: int, of: int, *, boot: str = "b1", **facts: Any) -> ExchangeEvent:
    """Another attempt of an earlier request."""
    return exchange(number, boot=boot, retry_of=external_id(boot, of), awaits=("incumbent",), **facts)


def reply(number: int, arm: str = "incumbent", *, boot: str = "b1", text: str = "an answer", **facts: Any) -> ArmReplyEvent:
    """An answer of an arm."""
    columns = {
        "model": "m", "content_chars": len(text), "input_tokens": 10, "output_tokens": 5, "ttft_any_seconds": 0.2,
        "total_seconds": 1.0, "lag_seconds": 0.001,
    } | facts.pop("columns", {})  # fmt: skip
    values: dict[str, Any] = {"pilot": PILOT, "body": orjson.dumps({"content": text})} | facts
    return ArmReplyEvent(boot=boot, number=number, at_us=values.pop("at_us", _at(number)), arm=arm, columns=columns, **values)


def failed(number: int, arm: str = "incumbent", *, kind: str = "http", status: int | None = 500, **facts: Any) -> ArmReplyEvent:
    """A failure of an arm."""
    columns = {"failure": kind, "status": status, "content_chars": None, "output_tokens": None}
    return reply(number, arm, columns=columns, body=b"{}", **facts)


def skipped(number: int, arm: str = "qwen", reason: str = "shed", *, boot: str = "b1") -> ArmReplyEvent:
    """An arm that was not asked."""
    return ArmReplyEvent(pilot=PILOT, boot=boot, number=number, at_us=_at(number), arm=arm, skipped=reason)  # type: ignore[arg-type]


def count(
    issued: int, *, boot: str = "b1", slot: str = "gateway-1", at: float = 0.0, started: float = 0.0, **facts: Any
) -> CountEvent:
    """A producer's count, so many seconds after the first arrival; `dropped` by reason."""
    pilots = {facts.pop("pilot", PILOT): PilotCount(issued, facts.pop("dropped", {}))}
    values: dict[str, Any] = {"source": "gateway", "is_final": False} | facts
    at_us, started_us = ARRIVAL_US + int(at * SECOND_US), ARRIVAL_US + int(started * SECOND_US)
    return CountEvent(boot=boot, slot=slot, started_us=started_us, at_us=at_us, pilots=pilots, **values)


def received(*events: RecordEvent) -> list[Received]:
    """Events with the ids of a stream."""
    return [Received(f"{number}-0", event) for number, event in enumerate(events, start=1)]


def _at(number: int) -> int:
    return ARRIVAL_US + number * SECOND_US


def total(ledger: LiveLedger, own: int) -> int:
    """Every number that the ledger accounts for, with `own` exchanges."""
    return own + sum(line.requests for line in ledger.lines) + ledger.missing_lost + ledger.missing_pending
