"""Decisions: signed by API and page, chained, never changed, said in the report's view."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.access import Principal
from app.domain.report import Provenance, ReportKind
from app.domain.words import Role
from app.pipeline.decisions import read_record
from app.pipeline.reporting import view_report
from app.store.audit import list_actions
from app.store.pilots import get_pilot
from app.store.reports import insert_report
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, an_api, bearer, key_for
from tests.builders import a_pilot
from tests.unit.reports.examples import MADE_AT, a_document

SOON = datetime.now(UTC) + timedelta(days=30)
PERSON = {"name": "Ada Lovelace", "role": "Head of Platform"}
PATH = "/api/v1/pilots/support-bot/decisions"


def a_report(factory: SessionFactory, *, ended: bool = False) -> int:
    document = a_document("migrate")
    until = datetime.now(UTC) + timedelta(days=-1 if ended else 60)
    with session_scope(factory) as session:
        pilot = get_pilot(session, "support-bot")
        content, origin = document.model_dump(mode="json"), Provenance(ReportKind.FINAL, expires_at=until)
        return insert_report(
            session, pilot.id, made_at=MADE_AT, data_hash=document.data_hash, document=content, provenance=origin
        )


@pytest.fixture
def report(session_factory: SessionFactory) -> int:
    with session_scope(session_factory) as session:
        a_pilot(session)
    return a_report(session_factory)


@pytest.fixture
def api(session_factory: SessionFactory, report: int, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        yield made


def sign(api: TestClient, **fields: Any) -> Any:
    answer = api.post(PATH, json=PERSON | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_decisions_are_a_chain_and_the_last_one_holds(api: TestClient, session_factory: SessionFactory, report: int) -> None:
    verdict = a_document("migrate").summary.answers[0].outcome.value
    first = sign(api, outcome=verdict)["decision"]
    assert (first["is_override"], first["report"], first["by"], first["standing"]) == (False, report, "test-operator", "holds")
    assert first["expires_at"] is not None  # as long as the verdict
    newer = a_report(session_factory, ended=True)
    other = sign(api, outcome="EXTEND", reason="Two more weeks: the launch.", expires_at=SOON.isoformat(), report=newer)
    assert [word in " ".join(other["warnings"]) for word in ("expired", "newest")] == [True, False]
    assert "is not the newest" in sign(api, outcome=verdict, report=report)["warnings"][0]
    found = api.get(PATH).json()
    assert [each["standing"] for each in found["decisions"]] == ["superseded", "superseded", "holds"]
    assert found["broken_at"] is None
    view = view_report(session_factory, newer, Principal("x", Role.VIEWER))
    assert [each.reason for each in view.decisions] == ["Two more weeks: the launch."]
    _check_kept(session_factory)


def _check_kept(session_factory: SessionFactory) -> None:
    """Nobody can change it; whoever switches the trigger off is found out by the chain."""
    for statement in ("UPDATE decisions SET outcome = 'HYBRID'", "DELETE FROM decisions"):
        with session_factory() as session, pytest.raises(DatabaseError, match="neither changed nor removed"):
            session.execute(text(statement))
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, "support-bot")
        assert [action for _, action in list_actions(session, pilot.id)] == ["decision.sign"] * 3
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE decisions SET reason = 'I never said that.' WHERE id = 2"))
        assert read_record(session, pilot, datetime.now(UTC)).broken == 2


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"outcome": "EXTEND", "expires_at": SOON.isoformat()}, "reason"),
    ({"outcome": "EXTEND", "reason": "why"}, "expires_at"),
    ({"outcome": "EXTEND", "reason": "why", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"outcome": "EXTEND", "reason": "why", "expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
    ({"outcome": "MIGRATE", "name": " "}, "name"),
    ({"outcome": "MIGRATE", "role": "two\nlines"}, "role"),
    ({"outcome": "MIGRATE", "candidate": "llama"}, "candidate"),
    ({"outcome": "SLEEP"}, "outcome"),
    ({"outcome": "MIGRATE", "until": "2027"}, "until"),
]


def test_what_cannot_be_signed_is_named(api: TestClient, session_factory: SessionFactory) -> None:
    for fields, field in REFUSED:
        answer = api.post(PATH, json=PERSON | fields)
        assert answer.status_code == 422, fields
        assert field in answer.json()["error"]["problems"][0]["field"]
    assert api.post(PATH, json=PERSON | {"outcome": "MIGRATE", "report": 99}).status_code == 404
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    assert api.post(PATH, json=PERSON | {"outcome": "MIGRATE"}, headers=viewer).status_code == 403
    assert api.get(PATH, headers=viewer).json()["decisions"] == []


def test_the_page_signs_for_operators_and_shows_viewers_what_holds(session_factory: SessionFactory, report: int) -> None:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    operator, viewer = (bearer(key_for(role, session_factory)) for role in (Role.OPERATOR, Role.VIEWER))
    form = {"report": str(report), "outcome": "EXTEND", "name": "Ada <b>", "role": "CFO", "until": SOON.date().isoformat()}
    with TestClient(web, follow_redirects=False) as pages:
        path = "/pilots/support-bot/decision"
        refused = pages.post(path, data=form, headers=operator)
        assert (refused.status_code, "say why" in refused.text, 'value="Ada &lt;b&gt;"' in refused.text) == (422, True, True)
        assert pages.post(path, data=form | {"reason": "The launch."}, headers=operator).status_code == 303
        assert pages.post(path, data=form, headers=viewer).status_code == 403
        shown = pages.get(path, headers=viewer).text
        assert pages.get(f"{path}?report=99", headers=viewer).status_code == 404
        assert pages.get("/pilots/nobody/decision", headers=viewer).status_code == 404
    assert re.search(r"Decided: Go on measuring.*against the report", shown)
    assert "Ada &lt;b&gt;, CFO" in shown
    assert "<form" not in shown.split("<main")[1]
