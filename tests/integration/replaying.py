"""Pilots with stored exchanges, ready to be replayed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.orm import Session

from app.domain.exchange import Json
from app.domain.pilot import Pilot
from app.store.pairs import touch_pairs
from app.store.payloads import REQUEST_ARM, ensure_partitions
from app.store.tables import ExchangeRow, PayloadRow, ReplyRow
from tests.builders import a_pilot

FIRST = datetime(2026, 11, 2, 10, tzinfo=UTC)


def a_request(number: int = 0, **more: Any) -> Json:
    return {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"question {number}"}]} | more


def a_candidate(url: str, name: str = "qwen", **more: Any) -> Json:
    return {"name": name, "base_url": url, "model": f"{name}-model", "license": "Apache-2.0", "timeout_seconds": 5.0} | more


def a_replayable_pilot(session: Session, *candidates: Json, exchanges: int, **tables: Any) -> Pilot:
    """A draft with exchanges that only the incumbent has answered."""
    pilot = a_pilot(session, candidate=list(candidates), **tables)
    add_exchanges(session, pilot, [a_request(number) for number in range(exchanges)])
    return pilot


def add_exchanges(session: Session, pilot: Pilot, requests: list[Json | None], **columns: Any) -> list[int]:
    """Stores one exchange a request (None = its text is not stored), a minute apart; gives the ids."""
    moments = [FIRST + timedelta(minutes=number) for number in range(len(requests))]
    ensure_partitions(session, moments)
    ids = []
    for number, (request, moment) in enumerate(zip(requests, moments, strict=True)):
        given = {"sample_point": number / len(requests), "reason": "captured"} | columns
        row = ExchangeRow(
            pilot_id=pilot.id, external_id=f"e-{columns.get('prefix', '')}{number}", arrived_at=moment,
            conversation_id=f"c-{number}", segment="other", source="imported",
            **{key: value for key, value in given.items() if key != "prefix"},
        )  # fmt: skip
        session.add(row)
        session.flush()
        ids.append(row.id)
        session.add(ReplyRow(exchange_id=row.id, arm_id=pilot.incumbent.id, pilot_id=pilot.id, source="imported"))
        if request is not None:
            session.add(
                PayloadRow(
                    arrived_at=moment, exchange_id=row.id, arm_id=REQUEST_ARM, pilot_id=pilot.id, body=orjson.dumps(request)
                )
            )
    session.flush()
    touch_pairs(session, ids)
    return ids
