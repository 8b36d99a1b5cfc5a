"""Texts past their pilot's retention: whole weeks are dropped, the rest goes row by row, and nobody waits for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.erasure import ErasureKind
from app.domain.exchange import Reply
from app.domain.grading import PairKey
from app.domain.pilot import Pilot
from app.pipeline.grading import settle_without_model
from app.pipeline.pair_texts import pair_texts
from app.pipeline.recording.storing import store_batch
from app.pipeline.retention import remove_old_texts
from app.pipeline.scorecard import compute_scorecard
from app.store.erasures import list_receipts
from app.store.payloads import ensure_partitions, is_partition_missing
from app.store.retention import Week, drop_week, retention_days, weeks_of_texts
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.integration.erasing import KEY, NOW, SENTENCE, USER, a_known_pilot, tables_with
from tests.live_events import ARRIVAL_US, exchange, received, reply
from tests.stored_pairs import StoredPair, a_request, store_pairs

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
DAY = timedelta(days=1)
JUDGE = {
    "base_url": "http://127.0.0.1:1/v1", "model": "judge-1", "family": "other",
    "input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0,
}  # fmt: skip
RUN = MONDAY + 60 * DAY


def keeping(session: Session, name: str, days: int | None, **tables: Any) -> Pilot:
    """A pilot that keeps texts so long, with an exchange on each of 21 days."""
    content = {"retention_days": days} if days else {}
    pilot = a_pilot(session, **{"pilot": {"name": name, "starts": MONDAY.date()}, "content": content} | tables)
    pairs = [
        StoredPair(f"{name}-{day}", Reply(f"{name} yes"), Reply(f"{name} no"), a_request(name), arrived_at=MONDAY + day * DAY)
        for day in range(21)
    ]
    store_pairs(session, pilot, pairs)
    return pilot


def kept(factory: SessionFactory) -> dict[str, int]:
    """How many exchanges of each pilot have texts."""
    query = "SELECT p.name, count(DISTINCT x.exchange_id) FROM payloads x JOIN pilots p ON p.id = x.pilot_id GROUP BY 1"
    with factory() as session:
        return {row[0]: row[1] for row in session.execute(text(query))}


def tables(factory: SessionFactory) -> list[str]:
    with factory() as session:
        return [week.table for week in weeks_of_texts(session)]


def test_a_week_is_dropped_when_no_pilot_keeps_it_and_else_emptied_by_rows(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        short, long = keeping(session, "short", 30), keeping(session, "long", 40)
        keeping(session, "ever", None)
    turn = MONDAY + 50 * DAY  # `short` keeps since day 20, `long` since day 10
    assert remove_old_texts(session_factory, KEY, turn).weeks == ()
    assert kept(session_factory) == {"short": 1, "long": 11, "ever": 21}
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE pilots SET configuration = jsonb_set(configuration, '{content,retention_days}', '44')"
                             " WHERE name = 'ever'"))  # fmt: skip
    done = remove_old_texts(session_factory, KEY, turn + DAY)
    assert done.weeks == ("payloads_2026w41",), "of the week after it somebody keeps something"
    assert tables(session_factory) == ["payloads_2026w42", "payloads_2026w43"]
    assert kept(session_factory) == {"long": 10, "ever": 14}
    assert remove_old_texts(session_factory, KEY, turn + DAY + timedelta(hours=1)).exchanges == 0, "daily is enough"
    with session_factory() as session:
        said = [each.counts for each in list_receipts(session, short.id)]
        assert [counts["exchanges"] for counts in said] == [1, 20]
        assert all(each.is_genuine(KEY) and each.kind is ErasureKind.RETENTION for each in list_receipts(session, long.id))


def test_what_a_refused_import_quoted_goes_too_although_it_left_no_exchange(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = a_pilot(session, content={"retention_days": 30})
        session.execute(
            text(
                "INSERT INTO imports (pilot_id, file_key, format, state, layout, by, problems, finished_at)"
                " SELECT :pilot, 'k' || days, 'pilot', 'refused', 'l', 'ops', CAST(:problems AS jsonb),"
                " :now - days * interval '1 day' FROM unnest(ARRAY[29, 31]) AS of(days)"
            ),
            {"pilot": pilot.id, "problems": f'[{{"line": 3, "message": "{SENTENCE}"}}]', "now": RUN},
        )
    assert remove_old_texts(session_factory, KEY, RUN).exchanges == 0
    with session_factory() as session:
        left = session.scalars(text("SELECT file_key FROM imports WHERE problems::text LIKE :said"), {"said": f"%{SENTENCE}%"})
        assert list(left) == ["k29"]
        (receipt,) = list_receipts(session, pilot.id)
        assert (receipt.kind, receipt.counts["import_problems"]) == (ErasureKind.RETENTION, 1)


def test_figures_and_their_hash_are_those_of_before(session_factory: SessionFactory) -> None:
    pilot = a_known_pilot(session_factory)
    before = compute_scorecard(session_factory, pilot.name, now=NOW)
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE pilots SET configuration = jsonb_set(configuration, '{content,retention_days}', '1')"))
        in_force = compute_scorecard(session_factory, pilot.name, now=NOW)
    removed = remove_old_texts(session_factory, KEY, NOW + 10 * DAY)
    assert (removed.exchanges, kept(session_factory)) == (40, {})
    settle_without_model(session_factory, pilot)
    after = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert after.candidates == in_force.candidates == before.candidates
    with session_factory() as session:
        assert tables_with(session, SENTENCE) == []
        first = session.scalar(text("SELECT min(id) FROM exchanges WHERE pilot_id = :pilot"), {"pilot": pilot.id}) or 0
        key = PairKey(first, pilot.arm_named("qwen").id)
        day = f"{NOW + 10 * DAY:%Y-%m-%d}"
        assert pair_texts(session, pilot, [key])[key].removed == f"Text removed on {day} (retention)."
        assert session.scalar(text("SELECT count(*) FROM pairs WHERE ungraded IS NOT NULL")) == 0


def test_pairs_that_wait_for_a_judge_are_settled_without_a_text(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = keeping(session, "short", 10, judge=JUDGE)
    settle_without_model(session_factory, pilot)
    with session_factory() as session:
        assert session.scalar(text("SELECT count(*) FROM pairs WHERE state = 'pending' AND rule = 'grader'")) == 21
    remove_old_texts(session_factory, KEY, RUN)
    settle_without_model(session_factory, pilot)
    with session_factory() as session:
        assert session.execute(text("SELECT DISTINCT state, ungraded FROM pairs")).all() == [("settled", "no_text")]


@contextmanager
def reading(factory: SessionFactory) -> Iterator[None]:
    """Somebody who has looked at texts and not ended the transaction, as a long export."""
    with factory() as session:
        session.execute(text("SELECT count(*) FROM payloads"))
        yield


def test_nobody_who_stores_texts_waits_for_a_week_to_be_dropped(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = keeping(session, "short", 10)
        ensure_partitions(session, [RUN])
        cuts = dict.fromkeys(retention_days(session), RUN - 10 * DAY)
    week = Week("payloads_2026w41", MONDAY)
    waited: list[float] = []
    done = threading.Event()

    def store() -> None:
        number = 1_000_000
        while not done.is_set():
            number, begun = number + 1, time.monotonic()
            with session_scope(session_factory) as session:
                session.execute(
                    text("INSERT INTO payloads VALUES (:id, 0, :at, :pilot, 'x')"), {"id": number, "at": RUN, "pilot": pilot.id}
                )
            waited.append(time.monotonic() - begun)

    with reading(session_factory):
        storing = threading.Thread(target=store)
        storing.start()
        try:
            begun = time.monotonic()
            assert not drop_week(session_factory, week, cuts, RUN)
            tried = time.monotonic() - begun
        finally:
            done.set()
            storing.join()
    assert waited, "texts were stored meanwhile"
    assert max(waited) < max(tried, 0.1) + 5, "whoever stores goes on as soon as the attempt is given up"
    assert drop_week(session_factory, week, cuts, RUN), "as soon as nobody reads"


def test_a_text_whose_week_was_dropped_is_told_from_one_that_cannot_be_stored(session: Session) -> None:
    pilot = a_pilot(session)
    insert = "INSERT INTO payloads VALUES (1, 0, '2020-01-06T00:00:00Z', :pilot, 'x')"
    with pytest.raises(IntegrityError) as missing:
        session.execute(text(insert), {"pilot": pilot.id})
    assert is_partition_missing(missing.value)


def test_events_that_come_after_a_removal_bring_no_text_back(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_pilot(session, content={"retention_days": 3650})
        ensure_partitions(session, [datetime.fromtimestamp(ARRIVAL_US / 1e6, UTC)])
        store_batch(session, received(exchange(1), reply(1)), retry_window_seconds=1.0)
        session.execute(text("UPDATE pilots SET configuration = jsonb_set(configuration, '{content,retention_days}', '1')"))
    remove_old_texts(session_factory, KEY, datetime.now(UTC))
    with session_scope(session_factory) as session:
        ensure_partitions(session, [datetime.fromtimestamp(ARRIVAL_US / 1e6, UTC)])
        said = {"parameter": "user", "action": "dropped", "from": USER, "to": None, "why": "unknown"}
        beside = {"adaptation": [said], "usage": {"prompt_tokens": 3, "said": SENTENCE}}
        late = received(reply(1, "qwen", columns=beside), exchange(2), reply(2), reply(2, "qwen"))
        store_batch(session, late, retry_window_seconds=1.0)
    assert kept(session_factory) == {}
    with session_factory() as session:
        rows = session.execute(text("SELECT count(*), count(text_erased_at) FROM exchanges")).one()
        assert (tuple(rows), session.scalar(text("SELECT count(*) FROM replies"))) == ((2, 2), 4)
        assert [tables_with(session, words) for words in (USER, SENTENCE)] == [[], []], "nor what stands beside it"
