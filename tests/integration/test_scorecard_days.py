"""Days are closed once, again when something comes for them, and an earlier verdict can be told again."""

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.pilot import Pilot
from app.domain.scorecard import Scorecard
from app.domain.words import Role
from app.errors import InvalidInput, NotFound
from app.pipeline.pilots import start_pilot, stop_pilot
from app.pipeline.scorecard import compute_scorecard
from app.store.closed_days import daily_sums, reopened_days
from app.store.pilots import insert_pilot
from app.store.scorecards import latest_scorecard
from app.store.session import SessionFactory, session_scope
from tests.api import an_api
from tests.builders import a_configuration
from tests.integration.scorecard_pilots import PRICED, spread
from tests.integration.scorecard_rows import DAY, NOW, START, Row, Said, Told, both, store_rows


def a_running_pilot(factory: SessionFactory, rows: list[Row], name: str = "support-bot") -> Pilot:
    configuration = a_configuration(**PRICED | {"pilot": {"name": name, "starts": START.date()}})
    with session_scope(factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        running = start_pilot(session, pilot.name, "test", START - DAY).pilot
        store_rows(session, running, rows)
    return running


def add(factory: SessionFactory, pilot: Pilot, rows: list[Row]) -> None:
    with session_scope(factory) as session:
        store_rows(session, pilot, rows)


def comparable(card: Scorecard, *also: str) -> dict[str, Any]:
    """The whole document but what tells one pilot from another."""
    return card.model_dump(mode="json", by_alias=True, exclude={"pilot", "registration", "data_hash", *also})


def test_the_sums_of_closed_days_are_stored_and_make_the_win_rate(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(280))
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    with session_factory() as session:
        stored = [s for s in daily_sums(session, pilot.id) if (s.segment, s.series) == ("", "value")]
        kept = latest_scorecard(session, pilot.id)
    assert [s.day for s in stored] == list(range(1, 29))
    rate = card.candidates["qwen"].quality.win_rate
    assert (sum(s.sums.n for s in stored), rate.n) == (280, 280)
    assert sum(s.sums.sum_wx for s in stored) / sum(s.sums.sum_w for s in stored) == pytest.approx(rate.value)
    assert kept == card.model_dump(mode="json", by_alias=True)


def test_a_day_is_closed_again_only_if_something_came_for_it(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(280))
    assert compute_scorecard(session_factory, pilot.name, now=NOW).days_reopened == []
    assert compute_scorecard(session_factory, pilot.name, now=NOW).days_reopened == []
    add(session_factory, pilot, [Row(START + 2 * DAY, name="late", said=both(1.0))])
    assert compute_scorecard(session_factory, pilot.name, now=NOW).days_reopened == [3]
    later = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert later.days_reopened == [3]
    assert later.candidates["qwen"].quality.win_rate.n == 281


def test_an_earlier_verdict_is_told_again_whatever_came_later(session_factory: SessionFactory) -> None:
    rows = spread(280)
    moment = START + 10 * DAY + timedelta(hours=7)
    early = [row for row in rows if row.at < moment]
    pilot = a_running_pilot(session_factory, early)
    before = compute_scorecard(session_factory, pilot.name, moment, now=moment)
    assert (before.day, before.as_of) == (10, START + 10 * DAY)

    add(session_factory, pilot, [row for row in rows if row.at >= moment])
    first = early[0]
    later = START + 20 * DAY
    with session_scope(session_factory) as session:
        again = Row(first.at, name="judged later", said=(Said("incumbent", 1.0, at=later),), told=(Told(1.0, at=later),))
        store_rows(session, pilot, [again])
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert card.candidates["qwen"].quality.win_rate.n == 281
    same = compute_scorecard(session_factory, pilot.name, moment, now=NOW)
    quality, without = same.candidates["qwen"].quality, before.candidates["qwen"].quality
    assert quality.win_rate.value == without.win_rate.value  # its grade was not there yet ...
    assert quality.ungraded == {"pending": 1}  # ... but the exchange was
    with session_factory() as session:
        assert reopened_days(session, pilot.id) == []  # nothing is stored as of an earlier moment


def test_living_a_pilot_day_by_day_ends_like_importing_it_at_once(session_factory: SessionFactory) -> None:
    rows = spread(140, labels=30)
    at_once = a_running_pilot(session_factory, rows, "at-once")
    lived = a_running_pilot(session_factory, [], "lived")
    for day in range(28):
        begin, end = START + day * DAY, START + (day + 1) * DAY
        add(session_factory, lived, [row for row in rows if begin <= row.at < end])
        today = compute_scorecard(session_factory, lived.name, now=end)
        assert (today.day, today.days_reopened) == (day + 1, [])
        replayed = compute_scorecard(session_factory, at_once.name, end, now=NOW)
        assert comparable(today) == comparable(replayed)
    assert comparable(compute_scorecard(session_factory, lived.name, now=NOW)) == comparable(
        compute_scorecard(session_factory, at_once.name, now=NOW)
    )


def test_the_order_of_import_changes_nothing(session_factory: SessionFactory) -> None:
    rows = [replace(row, conversation=f"c{number % 50}") for number, row in enumerate(spread(200, labels=40))]
    cards = []
    for number in range(3):
        pilot = a_running_pilot(session_factory, [], f"pilot-{number}")
        shuffled = random.Random(number).sample(rows, len(rows))
        add(session_factory, pilot, shuffled[:70])
        add(session_factory, pilot, shuffled[70:])
        cards.append(compute_scorecard(session_factory, pilot.name, now=NOW))
    assert comparable(cards[0]) == comparable(cards[1]) == comparable(cards[2])


def test_the_data_hash_follows_the_data(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    first = compute_scorecard(session_factory, pilot.name, now=NOW).data_hash
    assert compute_scorecard(session_factory, pilot.name, now=NOW).data_hash == first
    add(session_factory, pilot, [Row(START, name="more", said=both(1.0))])
    assert compute_scorecard(session_factory, pilot.name, now=NOW).data_hash != first


def test_a_draft_closes_nothing(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, a_configuration(**PRICED), source_toml="")
        store_rows(session, pilot, spread(28))
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    assert card.day == 28
    with session_factory() as session:
        assert daily_sums(session, pilot.id) == []
        assert latest_scorecard(session, pilot.id) is None


def test_a_stopped_pilot_has_no_more_days(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    with session_scope(session_factory) as session:
        stop_pilot(session, pilot.name, "test", START + 20 * DAY + timedelta(hours=3))
    assert compute_scorecard(session_factory, pilot.name, now=NOW).day == 20


def test_a_moment_without_a_zone_is_refused(session_factory: SessionFactory, tmp_path: Path) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    with pytest.raises(InvalidInput, match="zone"):
        compute_scorecard(session_factory, pilot.name, START.replace(tzinfo=None))
    with pytest.raises(NotFound):
        compute_scorecard(session_factory, "nobody")
    with an_api(session_factory, tmp_path, role=Role.VIEWER) as api:
        address = f"/api/v1/pilots/{pilot.name}/scorecard"
        refused = api.get(address, params={"as_of": "2026-09-20T00:00:00"})
        assert refused.status_code == 422
        assert "zone" in refused.json()["error"]["message"]
        assert refused.json()["error"]["problems"][0]["field"] == "as_of"
        assert api.get(address, params={"as_of": "soon"}).status_code == 422
        beyond = api.get(address, params={"as_of": "0001-01-01T00:00:00+12:00"})
        assert (beyond.status_code, beyond.json()["error"]["problems"][0]["code"]) == (422, "no_such_moment")
        far = [{"as_of": "2026-09-20T17:52:00+17:52"}, {"as_of": "2026-09-20T00:00:00Z"}]  # PostgreSQL knows no such zone
        assert api.get(address, params=far[0]).json() == api.get(address, params=far[1]).json()
        assert api.get("/api/v1/pilots/nobody/scorecard").status_code == 404
        found = api.get(address, params={"as_of": "2026-09-20T00:00:00Z"}).json()
        assert (found["schema_version"], found["day"], found["as_of"]) == (1, 13, "2026-09-20T00:00:00Z")
        assert found["window"]["from"] == "2026-09-07T00:00:00Z"
        whole = api.get(address).json()
        assert whole["candidates"]["qwen"]["cost"]["pilot_usd"] == "0.00"
        assert whole == compute_scorecard(session_factory, pilot.name).model_dump(mode="json", by_alias=True)
