"""Events become rows: once each, whatever is repeated or out of order."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.live import RecordEvent
from app.domain.pilot import Pilot
from app.pipeline.recording.storing import Stored, arrivals, store_batch
from app.store.live_closing import advance_watermark, close_overdue
from app.store.live_exchanges import hold_pilots
from app.store.payloads import ensure_partitions
from app.store.spend import spent
from tests.builders import a_pilot
from tests.live_events import ARRIVAL, PILOT, count, exchange, failed, received, reply, retry, skipped


@pytest.fixture
def pilot(session: Session) -> Pilot:
    return a_pilot(session)


def stored(session: Session, *events: RecordEvent) -> Stored:
    batch = received(*events)
    ensure_partitions(session, arrivals(batch))
    return store_batch(session, batch, retry_window_seconds=60)


def exchanges(session: Session) -> list[Any]:
    query = text("SELECT external_id, reason, closed_at IS NOT NULL AS closed FROM exchanges ORDER BY arrived_at")
    return [tuple(row) for row in session.execute(query)]


def replies(session: Session) -> list[Any]:
    query = text(
        "SELECT e.external_id, a.name, r.failure FROM replies r JOIN exchanges e ON e.id = r.exchange_id"
        " JOIN arms a ON a.id = r.arm_id ORDER BY e.arrived_at, a.id"
    )
    return [tuple(row) for row in session.execute(query)]


def pairs(session: Session) -> int:
    return session.scalar(text("SELECT count(*) FROM pairs")) or 0


def test_an_exchange_closes_when_all_its_replies_are_there(session: Session, pilot: Pilot) -> None:
    stored(session, exchange(1), reply(1))
    assert exchanges(session) == [("b1-1", "captured", False)]
    assert pairs(session) == 0
    stored(session, reply(1, "qwen"))
    assert exchanges(session) == [("b1-1", "captured", True)]
    assert replies(session) == [("b1-1", "incumbent", None), ("b1-1", "qwen", None)]
    assert pairs(session) == 1
    assert session.scalar(text("SELECT count(*) FROM payloads")) == 3


def test_whatever_comes_again_changes_nothing(session: Session, pilot: Pilot) -> None:
    events: list[RecordEvent] = [
        exchange(1),
        reply(1),
        reply(1, "qwen", usd="0.25"),
        exchange(2),
        reply(2),
        skipped(2),
        count(2),
    ]
    stored(session, *events)
    before = everything(session)
    for event in [*reversed(events), *events]:
        assert stored(session, event).late == 0
    stored(session, *events, *events)
    assert everything(session) == before
    assert spent(session, pilot.id, "mirror") == (1, Decimal("0.25"))


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_events_does_not_matter(session: Session, pilot: Pilot, seed: int) -> None:
    events: list[RecordEvent] = [
        exchange(1), reply(1), reply(1, "qwen"),
        exchange(2), failed(2), reply(2, "qwen"), retry(3, 2), failed(3, status=503), retry(4, 2), reply(4),
        exchange(5), reply(5, cancelled=True), reply(5, "qwen"),
        exchange(6, reason="not_sampled", awaits=(), request=None), reply(6),
        exchange(7), reply(7), skipped(7),
        count(7), count(4, at=-3),
    ]  # fmt: skip
    random.Random(seed).shuffle(events)
    cut = random.Random(seed).randrange(len(events))
    for part in (events[:cut], events[cut:]):
        if part:
            stored(session, *part)
    assert exchanges(session) == [
        ("b1-1", "captured", True),
        ("b1-2", "captured", True),
        ("b1-5", "client_cancelled", False),
        ("b1-7", "captured", True),
    ]
    assert replies(session) == [
        ("b1-1", "incumbent", None), ("b1-1", "qwen", None),
        ("b1-2", "incumbent", None), ("b1-2", "qwen", None),
        ("b1-5", "incumbent", None), ("b1-5", "qwen", None),
        ("b1-7", "incumbent", None),
    ]  # fmt: skip
    attempts = session.execute(text("SELECT external_id, first_id, failure, status FROM attempts ORDER BY external_id"))
    assert [tuple(row) for row in attempts] == [
        ("b1-2", "b1-2", "http", 500), ("b1-3", "b1-2", "http", 503), ("b1-4", "b1-2", None, None),
    ]  # fmt: skip
    assert session.scalar(text("SELECT count(*) FROM waiting_replies")) == 0
    assert session.scalar(text("SELECT count(*) FROM late_replies")) == 0


def everything(session: Session) -> dict[str, list[Any]]:
    names = (
        "exchanges",
        "replies",
        "payloads",
        "pairs",
        "boot_counts",
        "live_ledger",
        "spend",
        "skipped_replies",
        "late_replies",
    )
    return {name: [tuple(row) for row in session.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))] for name in names}


def close(session: Session, seconds: float) -> int:
    held = hold_pilots(session, [PILOT])[PILOT]
    return close_overdue(session, held, ARRIVAL + timedelta(seconds=seconds))


def test_after_its_deadline_an_exchange_waits_no_longer(session: Session, pilot: Pilot) -> None:
    stored(session, exchange(1), exchange(2), reply(2), exchange(3), reply(3, "qwen"))
    assert close(session, 180) == 0
    assert close(session, 190) == 3
    assert exchanges(session) == [("b1-1", "lost", True), ("b1-2", "captured", True), ("b1-3", "lost", True)]
    skips = session.execute(
        text("SELECT e.external_id, s.reason FROM skipped_replies s JOIN exchanges e ON e.id = s.exchange_id")
    )
    assert sorted(tuple(row) for row in skips) == [("b1-1", "not_asked"), ("b1-2", "not_asked")]


def test_requests_of_a_clock_that_was_put_back_have_as_long_as_others_to_be_answered(session: Session, pilot: Pilot) -> None:
    """All that arrived before the watermark seems to be over: what comes from there now is still under way."""
    now = ARRIVAL + timedelta(hours=1)
    assert now < datetime.now(UTC)
    advance_watermark(session, now)
    stored(session, exchange(1))
    held = hold_pilots(session, [PILOT])[PILOT]
    assert close_overdue(session, held, now + timedelta(seconds=2)) == 0
    stored(session, reply(1), reply(1, "qwen"))
    assert exchanges(session) == [("b1-1", "captured", True)]
    stored(session, exchange(2))
    assert close_overdue(session, held, now + timedelta(seconds=900)) == 1
    assert exchanges(session)[1] == ("b1-2", "lost", True)


def test_a_failure_of_a_clock_that_was_put_back_may_be_tried_again_as_long_as_others(session: Session, pilot: Pilot) -> None:
    now = ARRIVAL + timedelta(hours=1)
    advance_watermark(session, now)
    stored(session, exchange(1), failed(1), reply(1, "qwen"))
    close_overdue(session, hold_pilots(session, [PILOT])[PILOT], now + timedelta(seconds=2))
    assert exchanges(session) == [("b1-1", "captured", False)]
    stored(session, retry(2, 1), reply(2))
    assert exchanges(session) == [("b1-1", "captured", True)]
    assert replies(session)[0] == ("b1-1", "incumbent", None)


def test_a_watermark_that_was_ahead_for_a_while_keeps_nothing_open_longer(session: Session, pilot: Pilot) -> None:
    advance_watermark(session, datetime.now(UTC) + timedelta(hours=5))
    stored(session, exchange(1))
    deadline = session.execute(text("SELECT deadline_at FROM exchanges")).scalar_one()
    assert deadline <= datetime.now(UTC) + timedelta(seconds=180)


def test_a_late_reply_is_counted_and_never_merged(session: Session, pilot: Pilot) -> None:
    stored(session, exchange(1), reply(1))
    close(session, 190)
    before = replies(session)
    assert stored(session, reply(1, "qwen", usd="0.5")).late == 1
    assert stored(session, reply(1, "qwen", usd="0.5"), reply(1)).late == 0
    assert replies(session) == before
    assert spent(session, pilot.id, "mirror") == (1, Decimal("0.5"))  # it was paid for
