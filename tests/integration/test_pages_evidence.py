"""The overview and the pages of evidence: what stands on them, for whom, and where nothing is computed yet."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.pilot import Pilot
from app.domain.scorecard import Scorecard
from app.domain.words import Role
from app.store.alerts import open_alert
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.unit.reports.days_example import with_days
from tests.unit.reports.examples import two_candidates

PAGE = "/pilots/support-bot"
EVIDENCE = {
    "quality": ("Win rate corrected by people, all days up to each one", "Labels done against needed", "The judge is"),
    "segments": ("Win rate by kind of work", "790 (1,185)", "Win rate by turn of the conversation"),
    "reliability": ("Share of each day&#39;s requests that failed", "Did they fail together?"),
    "coverage": ("both answered and graded", "For 41 seconds nobody counted", "Raise sampling.rate"),
}


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with TestClient(web, follow_redirects=False) as made:
        yield made


def stored(session_factory: SessionFactory, card: Scorecard | None, **tables: Any) -> Pilot:
    """A running pilot (a draft without figures) with these figures."""
    with session_scope(session_factory) as session:
        pilot = a_pilot(session, **tables)
        if card is not None:
            began = datetime.now(UTC) - timedelta(days=3)
            running = "UPDATE pilots SET state = 'running', starts_at = :began, started_at = :began WHERE id = :pilot"
            session.execute(text(running), {"began": began, "pilot": pilot.id})
            content = card.model_dump_json(by_alias=True)
            keep_scorecard(session, pilot.id, as_of=card.as_of, data_hash=card.data_hash, content=content)
        return pilot


def live_requests(session_factory: SessionFactory, pilot: Pilot, *, answered: bool = True) -> None:
    """Four requests of the last minutes, all answered by production; one by nobody else because it was not sampled."""
    candidate = pilot.candidates[0].id
    statements = (
        """INSERT INTO exchanges (pilot_id, external_id, arrived_at, conversation_id, segment, sample_point, source, reason,
            closed_at, awaits)
        SELECT :pilot, 'b-' || n, now() - n * interval '1 minute', 'c-' || n, 'other', 0.1, 'live',
            CASE WHEN n = 4 THEN 'not_sampled' ELSE 'captured' END, now(),
            CASE WHEN n < 4 THEN ARRAY[:incumbent, :candidate]::bigint[] END
        FROM generate_series(1, 4) AS n""",
        """INSERT INTO replies (exchange_id, arm_id, pilot_id, source, failure)
        SELECT e.id, a, :pilot, 'live', CASE WHEN a = :candidate AND NOT :answered THEN 'timeout' END
        FROM exchanges e CROSS JOIN unnest(e.awaits) AS a""",
        "INSERT INTO producer_boots VALUES ('b', 'gateway-1', 'gateway', now(), now(), false)",
        "INSERT INTO boot_counts (pilot_id, boot, issued, seen, last_seen_at) VALUES (:pilot, 'b', 4, 4, now())",
        "INSERT INTO recorder_state VALUES (1, now(), now())",
    )
    facts = {"pilot": pilot.id, "incumbent": pilot.incumbent.id, "candidate": candidate, "answered": answered}
    with session_scope(session_factory) as session:
        for statement in statements:
            session.execute(text(statement), facts)


def test_the_overview_shows_the_answer_the_conditions_and_what_is_missing(
    client: TestClient, session_factory: SessionFactory
) -> None:
    tables: dict[str, Any] = {"mirror": {"budget_usd": 20}, "judge": {"rater": "gpt-4"}}
    pilot = stored(session_factory, with_days(), **tables)
    with session_scope(session_factory) as session:
        spent = "INSERT INTO spend (pilot_id, purpose, model, calls, usd) VALUES (:pilot, :what, 'm', 9, :usd)"
        session.execute(text(spent), [{"pilot": pilot.id, "what": what, "usd": 5} for what in ("judge", "mirror")])
    page = client.get(PAGE, headers=bearer(key_for(Role.VIEWER, session_factory))).text
    for said in (
        "Move these kinds of work, keep the rest",
        "win rate 45.4%",
        "needed: above 45.0%",
        "95% interval 40.4 to 50.4%; n = 1,840 conversations; corrected by people.",
        "0.57% of requests fail",
        "25% of its budget of $20.",
        "10% of its budget of $50.",
        "25 days left",
        "31 of 412 drawn pairs wait.",
        "If multi-step support rose above 45.0%, everything could move.",
        "No load test",
        "No request ever came live; what is stored was imported.",
        "No alarm is open.",
    ):
        assert said in page, said
    for link in ("quality", "latency", "reliability", "money", "coverage"):
        assert f'href="{PAGE}/{link}"' in page
    assert f'href="{PAGE}/label"' not in page  # a viewer labels nothing
    assert "Make a report now" not in page


@pytest.mark.parametrize(
    ("answered", "says"),
    [(True, "every candidate answers them"), (False, "of qwen there is no answer that can be used")],
)
def test_the_part_that_changes_says_whether_the_mirror_lives(
    client: TestClient, session_factory: SessionFactory, *, answered: bool, says: str
) -> None:
    pilot = stored(session_factory, with_days())
    live_requests(session_factory, pilot, answered=answered)
    with session_scope(session_factory) as session:
        now = datetime.now(UTC)
        open_alert(
            session, pilot.id, rule="budget", subject="judge", severity="warning", text="80% is <spent>", facts={}, at=now
        )
    headers = bearer(key_for(Role.VIEWER, session_factory))
    part = client.get(f"{PAGE}/now", headers=headers)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert says in part.text
    assert "3 of 4 finished requests; left out by sampling: 1." in part.text
    assert "80% is &lt;spent&gt;" in part.text
    listed = client.get("/", headers=headers).text
    assert ("Mirror: alive" if answered else "Mirror: silent") in listed
    assert "1 open alarm" in listed
    assert client.get(f"{PAGE}/now").status_code == 401


def test_where_nothing_is_computed_every_page_says_what_to_do(client: TestClient, session_factory: SessionFactory) -> None:
    stored(session_factory, None)
    headers = bearer(key_for(Role.VIEWER, session_factory))
    for address in (PAGE, *(f"{PAGE}/{place}" for place in EVIDENCE)):
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200
        assert "There are no figures yet" in answer.text
        assert "Start it: pilot start support-bot." in answer.text


def test_the_pages_of_evidence_hold_their_sections_and_lead_operators_to_the_pairs(
    client: TestClient, session_factory: SessionFactory
) -> None:
    stored(session_factory, with_days(), judge={"rater": "gpt-4"})
    headers = bearer(key_for(Role.VIEWER, session_factory))
    for place, says in EVIDENCE.items():
        page = client.get(f"{PAGE}/{place}", headers=headers).text
        for each in says:
            assert each in page, each
        assert "pairs?segment=" not in page
    operator = bearer(key_for(Role.OPERATOR, session_factory))
    assert "pairs?segment=multi-step+support" in client.get(f"{PAGE}/segments", headers=operator).text


def test_two_candidates_stand_under_their_names(client: TestClient, session_factory: SessionFactory) -> None:
    stored(session_factory, two_candidates())
    headers = bearer(key_for(Role.VIEWER, session_factory))
    page = client.get(f"{PAGE}/quality", headers=headers).text
    assert page.index("qwen against gpt-5.1") < page.index("llama-70b against gpt-5.1")
    listed = client.get("/", headers=headers).text
    assert "qwen: Move these kinds of work, keep the rest" in listed
    assert "llama-70b: Not enough evidence yet" in listed
    assert "3,140 of 3,581 requests compared (87.7%), up to day 28 of 35" in listed
    assert "No report yet." in listed
