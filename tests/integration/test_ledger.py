"""Every number that a producer issued has one place, whatever is lost, repeated, out of order or cut off."""

import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.domain.ledger import LiveLedger
from app.domain.live import DROP_REASONS, RecordEvent
from app.domain.pilot import Pilot
from app.domain.scorecard import LedgerModel, Scorecard
from app.pipeline.measured_volume import read_volume
from app.pipeline.pilots import start_pilot
from app.pipeline.recording.closing import settle_numbers
from app.pipeline.recording.storing import arrivals, store_batch
from app.pipeline.scorecard import make_scorecard
from app.pipeline.scorecard_inputs import read_stored
from app.pipeline.settlement import settle
from app.pipeline.status import status_of
from app.reports.build import build_document
from app.store.grades import BEFORE_ALL, lock_undecided, read_pairs, save_settlements
from app.store.live_closing import advance_watermark, close_overdue
from app.store.live_exchanges import hold_pilots
from app.store.live_ledger import read_ledger
from app.store.payloads import ensure_partitions
from app.store.pilots import get_pilot, insert_pilot
from app.store.spend import spent
from app.store.texts import TEXTS
from tests.builders import a_configuration
from tests.integration.scorecard_pilots import PRICED
from tests.live_events import ARRIVAL, PILOT, count, exchange, failed, received, reply, retry, skipped
from tests.text_keys import known_texts

DAY = timedelta(days=1)


@pytest.fixture
def pilot(session: Session) -> Pilot:
    return started(session)


def started(session: Session, **tables: object) -> Pilot:
    insert_pilot(session, a_configuration(pilot={"starts": ARRIVAL.date()}, **tables), source_toml="")
    return start_pilot(session, PILOT, "test", ARRIVAL - DAY).pilot


def stored(session: Session, *events: RecordEvent) -> None:
    batch = received(*events)
    ensure_partitions(session, arrivals(batch))
    store_batch(session, batch, retry_window_seconds=60)


def close(session: Session, seconds: float) -> None:
    """What the recorder does when everything until so many seconds after the first arrival is recorded."""
    watermark = ARRIVAL + timedelta(seconds=seconds)
    held = hold_pilots(session, [PILOT])[PILOT]
    close_overdue(session, held, watermark)
    settle_numbers(session, held.id, watermark)
    advance_watermark(session, watermark)


def card(session: Session, *, seconds: float = 600, as_of: datetime | None = None) -> Scorecard:
    now = ARRIVAL + timedelta(seconds=seconds)
    return make_scorecard(read_stored(session, PILOT, as_of=as_of, now=now), as_of=as_of, now=now)[0]


def reasons(session: Session) -> dict[str, int]:
    return {reason: n for reason, n in card(session).coverage.by_reason.items() if n}


def test_numbers_dropped_seen_and_missing_add_up(session: Session, pilot: Pilot) -> None:
    stored(
        session,
        exchange(1), reply(1), reply(1, "qwen"),
        exchange(2, reason="not_sampled", awaits=()), exchange(3, reason="unreadable_body", awaits=()),
        exchange(4), reply(4, cancelled=True), reply(4, "qwen"),
        exchange(5), failed(5, status=400), failed(5, "qwen", status=400),
        count(12, at=20, dropped={"opted_out": 2, "shed": 3}),
    )  # fmt: skip
    close(session, 30)
    assert reasons(session) == {
        "captured": 1, "not_sampled": 1, "unreadable_body": 1, "client_cancelled": 1, "client_error": 1, "opted_out": 2,
        "lost": 3, "pending": 2,
    }  # fmt: skip
    close(session, 100)  # the two that are missing had their time
    found = card(session).coverage
    assert found.by_reason["lost"] == 5
    assert found.by_reason["pending"] == 0
    assert found.lost_because == {"shed": 3, "missing": 2, "no_reply": 0}
    assert found.production_requests == 12
    assert [(each.hour, each.shed) for each in found.shed_by_hour] == [(ARRIVAL, 3)]
    (day,) = found.by_day  # but for the two that never came: of them nobody knows the day
    assert (day.production_requests, day.captured, day.lost, day.pending) == (10, 1, 3, 0)


def test_what_bypasses_mirroring_counts_as_production_and_is_priced(session: Session) -> None:
    """Volume, tokens and money of a month are those of all requests; the answers that were copied stand for the others."""
    started(session, **PRICED)
    events = [event for number in (1, 2, 3, 4) for event in (exchange(number), reply(number), reply(number, "qwen"))]
    stored(session, *events, exchange(5, reason="not_sampled", awaits=()), count(5, at=20))
    close(session, DAY.total_seconds())
    without = card(session, seconds=DAY.total_seconds())
    assert without.candidates["qwen"].cost.requests_per_month is not None
    stored(session, count(7, at=30, dropped={"not_sampled": 1}), count(8, at=40, dropped={"not_sampled": 2}))
    found = card(session, seconds=DAY.total_seconds())
    assert found.coverage.by_reason | {"captured": 4, "not_sampled": 3, "pending": 1} == found.coverage.by_reason
    assert found.coverage.production_requests == 8
    (day,) = found.coverage.by_day
    assert day.production_requests == 7
    was, now = (read_volume(each) for each in (without, found))
    # Five left a copy, of which the mirror sampled one out; two bypassed: each of the five stands for 7 / 5.
    for name in ("requests", "input_tokens", "output_tokens"):
        assert getattr(now, name) == pytest.approx(getattr(was, name) * 7 / 5), name
    before, after = (each.candidates["qwen"].cost.incumbent_usd_per_month for each in (without, found))
    assert before.value is not None
    assert after.value == pytest.approx(before.value * 7 / 5)


def test_counts_repeated_lost_or_out_of_order_change_nothing(session: Session, pilot: Pilot) -> None:
    counts = [count(n * 10, at=n, dropped={"shed": n}) for n in range(1, 9)]
    random.Random(3).shuffle(counts)
    stored(session, *counts[:3], *counts[:2])
    stored(session, *counts[3:], *counts)
    found = card(session).coverage
    assert (found.production_requests, found.lost_because["shed"], found.by_reason["pending"]) == (80, 8, 72)


def test_a_number_above_the_last_count_was_issued(session: Session, pilot: Pilot) -> None:
    stored(session, count(2, at=1), exchange(9), reply(9), reply(9, "qwen"))
    assert reasons(session) == {"captured": 1, "pending": 8}


def test_the_time_of_a_producer_that_ended_without_a_word_is_unknown_until_the_next_one(session: Session, pilot: Pilot) -> None:
    stored(session, count(5, at=10, dropped={"opted_out": 5}))
    assert card(session, seconds=60).coverage.unknown_seconds == 0
    assert card(session, seconds=100).coverage.unknown_seconds == 90
    stored(session, count(0, boot="b2", at=18, started=17.5))
    assert card(session, seconds=60).coverage.unknown_seconds == 7.5
    stored(session, count(5, at=10.5, is_final=True, dropped={"opted_out": 5}))
    assert card(session, seconds=60).coverage.unknown_seconds == 0


def test_a_days_end_waits_until_it_is_recorded(session: Session, pilot: Pilot) -> None:
    stored(session, exchange(1), reply(1), reply(1, "qwen"), count(1, at=2))
    later = (2 * DAY).total_seconds()
    close(session, 600)
    assert card(session, seconds=later).days_closed == []
    close(session, later)
    assert card(session, seconds=later).days_closed == [1, 2]


def test_what_we_left_out_above_a_twentieth_makes_quality_unknown(session: Session, pilot: Pilot) -> None:
    events: list[RecordEvent] = []
    for number in range(1, 101):
        left = skipped(number, reason="over_budget") if number <= 3 else reply(number, "qwen")
        events += [exchange(number), reply(number), left]
    stored(session, *events, count(102, at=200, dropped={"shed": 2}))
    end = DAY.total_seconds()
    close(session, end)
    fine = card(session, seconds=end)
    assert "not asked" not in fine.candidates["qwen"].gates[0].reason
    assert fine.candidates["qwen"].coverage.over_budget == 3
    assert [(each.over_budget, each.hour) for each in fine.candidates["qwen"].left_out_by_hour] == [(3, ARRIVAL)]
    stored(session, count(110, at=201, dropped={"shed": 10}))
    gate = card(session, seconds=end).candidates["qwen"].gates[0]
    assert gate.outcome == "unknown"
    assert "(day 1): 10 shed by our own bounds, 3 beyond the budget" in gate.reason


def test_attempts_of_an_sdk_are_one_request(session: Session, pilot: Pilot) -> None:
    stored(
        session,
        exchange(1), failed(1), reply(1, "qwen"), retry(2, 1), failed(2, status=503), retry(3, 1), reply(3), count(3, at=5),
    )  # fmt: skip
    end = DAY.total_seconds()
    close(session, end)
    found = card(session, seconds=end)
    assert (found.coverage.production_requests, found.coverage.retries_folded) == (1, 2)
    assert found.candidates["qwen"].coverage.both_ok == 1
    reliability = found.candidates["qwen"].reliability
    assert (reliability.incumbent_attempts_folded, reliability.incumbent_failed_attempts) == (2, 2)
    assert reliability.incumbent_failure_rate.value == 0


def test_requests_outside_the_window_or_of_a_stopped_pilot(session: Session, pilot: Pilot) -> None:
    early, late = -2 * DAY, timedelta(days=3)
    at = {name: int((ARRIVAL + moved).timestamp() * 1e6) for name, moved in (("early", early), ("late", late))}
    stored(session, exchange(1, at_us=at["early"]), exchange(2, at_us=at["late"]))
    session.execute(text("UPDATE pilots SET stopped_at = :at, state = 'stopped'"), {"at": ARRIVAL + 2 * DAY})
    assert reasons(session) == {"mirroring_off": 2}
    session.execute(text("UPDATE pilots SET started_at = :at, stopped_at = NULL"), {"at": ARRIVAL - 5 * DAY})
    assert reasons(session) == {"outside_window": 1, "pending": 1}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_issued_number_has_exactly_one_place(engine: Engine, database_url: str, data: st.DataObject) -> None:
    """Any interleaving, loss, repetition and cut into transactions, of two boots of one slot."""
    events, issued = data.draw(stories())
    with engine.connect() as connection:
        outer = connection.begin()
        session = Session(connection, join_transaction_mode="create_savepoint", info={TEXTS: known_texts()})
        pilot = started(session)
        while events:
            cut = data.draw(st.integers(1, len(events)))
            now, events = events[:cut], events[cut:]
            stored(session, *now)
            if data.draw(st.booleans()):  # delivered once more
                stored(session, *now)
            close(session, data.draw(st.sampled_from([0.0, 30.0, 250.0])))
        found = card(session, seconds=5000).coverage
        for seconds in (250.0, 5000.0):
            close(session, seconds)
            found = card(session, seconds=5000).coverage
            assert found.production_requests + found.retries_folded == issued
            assert sum(found.by_reason.values()) == found.production_requests
            assert sum(found.lost_because.values()) == found.by_reason["lost"]
        assert found.by_reason["pending"] == 0
        assert rows(session) == exchanges_of(found)
        assert isinstance(read_ledger(session, get_pilot(session, pilot.name), now=ARRIVAL), LiveLedger)
        session.close()
        outer.rollback()


def rows(session: Session) -> int:
    return session.scalar(text("SELECT count(*) FROM exchanges")) or 0


def exchanges_of(found: LedgerModel) -> int:
    kinds = Counter(found.by_reason)
    return kinds["captured"] + kinds["client_cancelled"] + kinds["client_error"] + found.lost_because["no_reply"]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[RecordEvent], int]:
    """Events of two boots in any order, some lost, and how many numbers were issued as far as anybody can know."""
    events: list[RecordEvent] = []
    issued = 0
    for boot, started_at in (("b1", 0.0), ("b2", 50.0)):
        last = draw(st.integers(1, 12))
        dropped: Counter[str] = Counter()
        for number in range(1, last + 1):
            kind = draw(st.sampled_from(["captured", "captured", "not_sampled", "drop", "lost", "retry"]))
            if kind == "drop":
                dropped[draw(st.sampled_from(DROP_REASONS))] += 1
            elif kind == "not_sampled":
                events += [exchange(number, boot=boot, reason="not_sampled", awaits=()), reply(number, boot=boot)]
            elif kind == "retry" and number > 1:
                events += [retry(number, draw(st.integers(1, number - 1)), boot=boot), reply(number, boot=boot)]
            elif kind != "lost":
                events += draw(captured(number, boot))
        events.append(count(last, boot=boot, at=started_at + 20, started=started_at, dropped=dict(dropped)))
        events += [
            count(n, boot=boot, at=started_at + n, started=started_at) for n in draw(st.lists(st.integers(0, last), max_size=3))
        ]
        issued += last
    return draw(st.permutations(events)), issued


@st.composite
def captured(draw: st.DrawFn, number: int, boot: str) -> list[RecordEvent]:
    own = draw(
        st.sampled_from([reply(number, boot=boot), failed(number, boot=boot), failed(number, boot=boot, status=400), None])
    )
    other = draw(st.sampled_from([reply(number, "qwen", boot=boot), skipped(number, boot=boot), None]))
    return [event for event in (exchange(number, boot=boot), own, other) if event is not None]


def test_the_report_says_what_was_lost_retried_late_and_left_out(session: Session, pilot: Pilot) -> None:
    stored(
        session,
        exchange(1), failed(1), reply(1, "qwen", columns={"queue_lag_seconds": 0.02}), retry(2, 1), reply(2),
        exchange(3), reply(3), skipped(3), exchange(4), count(9, at=20, dropped={"shed": 2}),
    )  # fmt: skip
    end = DAY.total_seconds()
    close(session, end)
    stored(session, reply(4, "qwen"))
    found = card(session, seconds=end)
    document = build_document(found, get_pilot(session, PILOT).configuration, [], ARRIVAL)
    words = document.model_dump_json()
    for said in (
        "Of the lost requests 2 were never taken in",
        "Of the lost requests 3 were counted where they arrived",
        "Of the lost requests 1 came, but not what the incumbent answered",
        "1 times the application's library tried a request again",
        "1 answers came after we had stopped waiting",
        "2026-09-07 12:00",
        "When qwen was not asked, by hour",
        "within 20 ms",
    ):
        assert said in words, said


def test_much_traffic_of_one_conversation_or_user_is_said(session: Session, pilot: Pilot) -> None:
    events: list[RecordEvent] = []
    for n in range(1, 301):
        facts = {"user_hash": "u1" if n % 10 == 0 else f"u{n}"}
        events += [exchange(n, facts=facts, conversation="long" if n <= 6 else f"c-{n}"), reply(n), reply(n, "qwen")]
    stored(session, *events)
    said = card(session).warnings
    assert len(said) == 2
    assert "one conversation holds more than 1% of the 300 exchanges, the largest 6 (2.0%)" in said[0]
    assert "one user holds more than 5% of the 300 exchanges, the largest 31 (10.3%)" in said[1]


def test_the_control_arm_shows_the_incumbents_own_noise(session: Session) -> None:
    incumbent = {"base_url": "https://api.example.com/v1", "model": "gpt-5.1", "api_key_env": "KEY"}
    pilot = started(session, control={"rate": 1.0}, incumbent=incumbent)
    events: list[RecordEvent] = []
    for n in range(1, 41):
        awaits = ("incumbent", "qwen", "control")
        again = reply(n, "control", text="an answer" if n % 4 else "another", columns={"total_seconds": 1.25}, usd="0.01")
        events += [exchange(n, awaits=awaits), reply(n), reply(n, "qwen"), again]
    stored(session, *events)
    for key in lock_undecided(session, pilot.id, after=BEFORE_ALL, limit=1000):
        record = read_pairs(session, pilot, [key], rater=None)[0]
        save_settlements(session, [settle(record, pilot, None)[0]])
    end = DAY.total_seconds()
    close(session, end)
    control = card(session, seconds=end).control
    assert control is not None
    assert (control.asked, control.answered, control.equal_rate.value, control.win_rate.value) == (40, 40, 0.75, 0.5)
    assert control.vantage_offset_seconds["total_seconds"].value == 0.25
    assert spent(session, pilot.id, "control") == (40, Decimal("0.40"))


def test_status_tells_a_silent_mirror_from_a_quiet_hour(session: Session, pilot: Pilot) -> None:
    stored(session, exchange(1), reply(1), exchange(2, reason="not_sampled", awaits=()), count(5, at=2, dropped={"shed": 1}))
    close(session, 30)

    def said(seconds: float) -> str:
        return " ".join(status_of(session, pilot, ARRIVAL + timedelta(seconds=seconds)).next_steps)

    live = status_of(session, pilot, ARRIVAL + timedelta(seconds=60)).live
    assert live is not None
    assert (live.by_reason, live.shed) == ({"lost": 1, "not_sampled": 1, "pending": 1}, 1)
    assert "mirrored" not in said(60)
    assert "no request was mirrored since 2026-09-07 12:00 UTC (19 minutes), and nothing is heard" in said(1200)
    assert "nothing was recorded since" in said(1200)
    stored(session, count(5, at=1190))
    assert "though requests can be counted" in said(1200)
    session.execute(text("UPDATE pilots SET state = 'stopped'"))
    stopped = get_pilot(session, PILOT)
    assert not any("mirrored" in step for step in status_of(session, stopped, ARRIVAL + timedelta(hours=2)).next_steps)
