"""Pilots with recorded traffic, and rehearsals as the tests start and work on them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.domain.access import Principal
from app.domain.exchange import Json
from app.domain.pilot import Pilot
from app.domain.rehearsal import Rehearsal, RehearsalTerms
from app.domain.replay import ReplayState
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.rehearsal import create_rehearsal
from app.pipeline.rehearsal_step import Bounds
from app.pipeline.rehearsal_work import work_on_rehearsal
from app.store.payloads import REQUEST_ARM, ensure_partitions
from app.store.rehearsals import get_rehearsal
from app.store.session import SessionFactory, session_scope
from app.store.tables import ExchangeRow, PayloadRow
from tests.builders import a_pilot

FIRST = datetime(2026, 11, 2, 10, tzinfo=UTC)
OPERATOR = Principal("ada", Role.OPERATOR)
# These tests run beside others: what is late there is the machine, and what they assert does not rest on it.
BOUNDS = Bounds(concurrency=500, lag_seconds=5.0)


def a_recorded_pilot(session: Session, url: str, seconds: list[float], *, request: Json | None = None, **tables: Any) -> Pilot:
    """A draft whose production asked at these moments (seconds since the first)."""
    candidate: Json = {"name": "qwen", "base_url": url, "model": "m", "license": "Apache-2.0", "gpu_usd_per_hour": 3}
    tables = {"candidate": [candidate], "latency": {"total_p95_seconds": 1.0}} | tables
    pilot = a_pilot(session, **tables)
    record_requests(session, pilot, seconds, request or a_question())
    return pilot


def a_question(**more: Any) -> Json:
    return {"model": "gpt-5.1", "stream": True, "messages": [{"role": "user", "content": "Hello"}]} | more


def record_requests(
    session: Session, pilot: Pilot, seconds: list[float], request: Json | None, *, prefix: int = 0, **columns: Any
) -> None:
    """Stores exchanges at these moments; without a request their text is not kept."""
    moments = [FIRST + timedelta(seconds=second) for second in seconds]
    ensure_partitions(session, moments)
    if not moments:
        return
    own = {"pilot_id": pilot.id, "segment": "other", "source": "imported", "sample_point": 0.0, "reason": "captured"}
    rows = [
        own | {"external_id": f"e-{prefix}-{number}", "arrived_at": moment, "conversation_id": f"c-{prefix}-{number}"} | columns
        for number, moment in enumerate(moments)
    ]
    ids = list(session.scalars(insert(ExchangeRow).returning(ExchangeRow.id), rows))
    if request is not None:
        body = orjson.dumps(request)
        texts = [
            {"exchange_id": number, "arm_id": REQUEST_ARM, "arrived_at": moment, "pilot_id": pilot.id, "body": body}
            for number, moment in zip(ids, moments, strict=True)
        ]
        session.execute(insert(PayloadRow), texts)


def start(sessions: SessionFactory, terms: RehearsalTerms, candidate: str | None = None) -> int:
    def published(_: Job, __: list[Any]) -> None:
        """The tests do the work themselves."""

    with session_scope(sessions, published) as session:
        return create_rehearsal(session, "support-bot", candidate=candidate, terms=terms, by=OPERATOR).id


def turn(sessions: SessionFactory, rehearsal_id: int, bounds: Bounds = BOUNDS, **options: Any) -> ReplayState | None:
    given: dict[str, Any] = {"lease_seconds": 30.0, "bounds": bounds, "digest_key": b"the key of these tests"}
    return work_on_rehearsal(sessions, rehearsal_id, **(given | options))


def rehearse(sessions: SessionFactory, terms: RehearsalTerms, **options: Any) -> Rehearsal:
    """From its request to its end."""
    rehearsal_id = start(sessions, terms)
    while turn(sessions, rehearsal_id, **options) is ReplayState.RUNNING:
        continue
    return read(sessions, rehearsal_id)


def read(sessions: SessionFactory, rehearsal_id: int) -> Rehearsal:
    with sessions() as session:
        return get_rehearsal(session, rehearsal_id)
