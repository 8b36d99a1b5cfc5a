"""Reading a scorecard again costs one look while nothing changed; whatever changes, it is made anew."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.pipeline.hours import log_hours
from app.pipeline.pilots import stop_pilot
from app.pipeline.scorecard import compute_scorecard
from app.store.session import SessionFactory, session_scope
from app.store.spend import book_spend
from app.store.tables import ExchangeRow, GradeRow, LabelRow, PairRow, PilotRow, ReplyRow, ScorecardRow
from app.store.touched import fold_marks, is_touched, read_marks
from app.store.touched_tables import TouchedRow
from tests.integration.scorecard_pilots import spread
from tests.integration.scorecard_rows import DAY, NOW, START, Row, both, store_rows
from tests.integration.test_scorecard_days import a_running_pilot

MARKED = "this document was read and not computed"


def mark_kept(factory: SessionFactory) -> None:
    """Makes it visible whether what is read was stored."""
    with session_scope(factory) as session:
        marked = func.replace(ScorecardRow.content, '"warnings":[]', f'"warnings":["{MARKED}"]')
        session.execute(update(ScorecardRow).values(content=marked))


def is_kept(factory: SessionFactory, pilot: Pilot, now: object = NOW) -> bool:
    return compute_scorecard(factory, pilot.name, now=now).warnings == [MARKED]  # type: ignore[arg-type]


def first_exchange(session: Session) -> int:
    return session.scalars(select(ExchangeRow.id).order_by(ExchangeRow.arrived_at)).first() or 0


def add_exchange(session: Session, pilot: Pilot) -> None:
    store_rows(session, pilot, [Row(START + 2 * DAY, name="late", said=both(1.0))])


def add_label(session: Session, pilot: Pilot) -> None:
    arm = pilot.arm_named("qwen").id
    told = {"rater": "r9", "value": 1.0, "source": "page", "at": START}
    session.execute(insert(LabelRow).values(pilot_id=pilot.id, exchange_id=first_exchange(session), arm_id=arm, **told))


def take_a_grade(session: Session, _: Pilot) -> None:
    session.execute(delete(GradeRow).where(GradeRow.exchange_id == first_exchange(session)))


def reopen_a_pair(session: Session, _: Pilot) -> None:
    session.execute(update(PairRow).where(PairRow.exchange_id == first_exchange(session)).values(state="pending", rule=None))


def change_a_reply(session: Session, _: Pilot) -> None:
    session.execute(update(ReplyRow).where(ReplyRow.exchange_id == first_exchange(session)).values(output_tokens=9))


def open_an_exchange(session: Session, _: Pilot) -> None:
    session.execute(update(ExchangeRow).where(ExchangeRow.id == first_exchange(session)).values(closed_at=None))


def work_an_hour(session: Session, pilot: Pilot) -> None:
    log_hours(
        session,
        pilot.name,
        {"who": "Ada", "worked_on": "2026-09-08", "hours": "1", "kind": "set-up", "recurring": "no"},
        "test",
    )


def spend_money(session: Session, pilot: Pilot) -> None:
    book_spend(session, pilot.id, purpose="judge", model="m", calls=1, usd=None)


def change_the_plan(session: Session, pilot: Pilot) -> None:
    name = text("""'{"quality": {"margin": 0.1}}'::jsonb""")
    session.execute(update(PilotRow).where(PilotRow.id == pilot.id).values(configuration=PilotRow.configuration.op("||")(name)))


def stop_it(session: Session, pilot: Pilot) -> None:
    stop_pilot(session, pilot.name, "test", START + 20 * DAY)


CHANGES: list[Callable[[Session, Pilot], None]] = [
    add_exchange, add_label, take_a_grade, reopen_a_pair, change_a_reply, open_an_exchange, work_an_hour, spend_money,
    change_the_plan, stop_it,
]  # fmt: skip


def test_whatever_changes_is_in_the_next_scorecard(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    for change in CHANGES:
        first = compute_scorecard(session_factory, pilot.name, now=NOW)
        assert compute_scorecard(session_factory, pilot.name, now=NOW) == first
        mark_kept(session_factory)
        assert is_kept(session_factory, pilot), change
        with session_scope(session_factory) as session:
            change(session, pilot)
        assert not is_kept(session_factory, pilot), change


def test_a_day_that_ends_is_closed_though_nothing_came(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    half = START + 10 * DAY + timedelta(hours=12)
    assert compute_scorecard(session_factory, pilot.name, now=half).day == 10
    mark_kept(session_factory)
    assert is_kept(session_factory, pilot, half + timedelta(hours=11))
    assert compute_scorecard(session_factory, pilot.name, now=half + timedelta(hours=12)).day == 11


def test_what_is_committed_after_the_reading_is_seen_by_the_next_one(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    with session_scope(session_factory) as slow:
        add_exchange(slow, pilot)
        before = compute_scorecard(session_factory, pilot.name, now=NOW)
        assert compute_scorecard(session_factory, pilot.name, now=NOW) == before
    after = compute_scorecard(session_factory, pilot.name, now=NOW)
    rates = [card.candidates["qwen"].quality.win_rate.n for card in (before, after)]
    assert rates == [28, 29]


def test_a_pilot_that_is_touched_again_and_again_keeps_few_marks(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    for _ in range(5):
        with session_scope(session_factory) as session:
            change_a_reply(session, pilot)
    with session_scope(session_factory) as session:
        session.add(TouchedRow(pilot_id=10**9, hour=START))
    with session_scope(session_factory) as session:
        before = {mark.hour for mark in read_marks(session, pilot.id)}
        fold_marks(session, most=2)
    with session_factory() as session:
        marks = read_marks(session, pilot.id)
        assert {mark.hour for mark in marks} == before
        assert len(marks) <= len(before) + 1
        assert not is_touched(session, 10**9)
    compute_scorecard(session_factory, pilot.name, now=NOW)
    with session_factory() as session:
        assert not is_touched(session, pilot.id)
