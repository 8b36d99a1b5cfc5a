"""Puts exchanges with both replies straight into the store, for tests and benches of what comes after an import."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.domain.exchange import Failure, Reply
from app.domain.grading import IMPORTED
from app.domain.payload import reply_body
from app.domain.pilot import Pilot
from app.store.pairs import touch_pairs
from app.store.payloads import REQUEST_ARM, ensure_partitions
from app.store.tables import ExchangeRow, GradeRow, PayloadRow, ReplyRow

ARRIVED = datetime(2026, 10, 5, 12, tzinfo=UTC)


def a_request(text: str = "Hello?", **more: Any) -> dict[str, Any]:
    """A request of Chat Completions."""
    return {"model": "gpt-5.1", "messages": [{"role": "user", "content": text}], **more}


@dataclass(frozen=True, slots=True)
class StoredPair:
    """One exchange with its incumbent's and its candidate's reply."""

    external_id: str
    incumbent: Reply | Failure
    other: Reply | Failure
    request: dict[str, Any] | None = field(default_factory=a_request)
    segment: str = "other"
    arrived_at: datetime = ARRIVED
    sample_point: float = 0.0
    reason: str = "captured"


def store_pairs(session: Session, pilot: Pilot, pairs: Sequence[StoredPair], *, arm: str = "qwen") -> dict[str, int]:
    """Stores exchanges, replies and texts, and opens the pairs; gives the number of each exchange."""
    ensure_partitions(session, {pair.arrived_at for pair in pairs})
    rows = [
        {
            "pilot_id": pilot.id, "external_id": pair.external_id, "arrived_at": pair.arrived_at,
            "conversation_id": pair.external_id, "segment": pair.segment, "sample_point": pair.sample_point,
            "reason": pair.reason, "source": "imported", "closed_at": pair.arrived_at + timedelta(seconds=1),
        }
        for pair in pairs
    ]  # fmt: skip
    returning = insert(ExchangeRow).returning(ExchangeRow.external_id, ExchangeRow.id)
    ids: dict[str, int] = {row.external_id: row.id for row in session.execute(returning, rows)}
    arms = (pilot.incumbent.id, pilot.arm_named(arm).id)
    replies = [
        _reply_row(pilot.id, ids[pair.external_id], arm_id, reply)
        for pair in pairs
        for arm_id, reply in zip(arms, (pair.incumbent, pair.other), strict=True)
    ]
    session.execute(insert(ReplyRow), replies)
    payloads = []
    for pair in pairs:
        texts = [(arm_id, reply_body(reply)) for arm_id, reply in zip(arms, (pair.incumbent, pair.other), strict=True)]
        if pair.request is not None:
            texts.append((REQUEST_ARM, pair.request))
        place = {"pilot_id": pilot.id, "exchange_id": ids[pair.external_id], "arrived_at": pair.arrived_at}
        payloads += [place | {"arm_id": arm_id, "body": orjson.dumps(body)} for arm_id, body in texts]
    session.execute(insert(PayloadRow), payloads)
    touch_pairs(session, sorted(ids.values()))
    return ids


def store_imported_grade(
    session: Session, pilot: Pilot, exchange_id: int, *, rater: str, value: float | None, shown_first: str | None = None,
    ungraded: str | None = None, arm: str = "qwen",
) -> None:  # fmt: skip
    """A judge's preference as an import brings it."""
    session.execute(
        insert(GradeRow).values(
            pilot_id=pilot.id, exchange_id=exchange_id, arm_id=pilot.arm_named(arm).id, grader="judge", rater=rater,
            version=IMPORTED, shown_first=shown_first, value=value, ungraded=ungraded, source="imported", at=ARRIVED,
        )
    )  # fmt: skip
    touch_pairs(session, [exchange_id])


def _reply_row(pilot_id: int, exchange_id: int, arm_id: int, reply: Reply | Failure) -> dict[str, Any]:
    failure = reply if isinstance(reply, Failure) else None
    return {
        "pilot_id": pilot_id,
        "exchange_id": exchange_id,
        "arm_id": arm_id,
        "source": "imported",
        "failure": failure.kind.value if failure else None,
        "status": failure.status if failure else None,
        "caused_by_adaptation": failure.adaptation if failure else False,
    }
