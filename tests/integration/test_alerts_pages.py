"""The pages of reports and alarms: what is listed, who may do what, and files with their names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.report import Provenance, ReportKind
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.pilots import start_pilot
from app.store.alerts import open_alert, resolve_alert
from app.store.messages import claim_messages, insert_messages, mark_failed
from app.store.reports import insert_report
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, Published, bearer, key_for
from tests.builders import a_pilot
from tests.unit.reports.examples import MADE_AT, a_document

HOUR = timedelta(hours=1)


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def client(session_factory: SessionFactory, published: Published) -> Iterator[TestClient]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER, publish=published))
    with TestClient(web, follow_redirects=False) as made:
        yield made


def plant(session_factory: SessionFactory) -> int:
    """A running pilot with an open alarm, one that is over, a message that nobody took, and a weekly report."""
    now = datetime.now(UTC)
    with session_scope(session_factory) as session:
        pilot = a_pilot(session, notify={"webhook_url": "http://127.0.0.1:1/hook"}, alerts={"coverage_below": 0.8})
        start_pilot(session, pilot.name, "ops", now)
        words: dict[str, Any] = {"severity": "critical", "text": "qwen failed in all of its last <b>20</b> calls", "facts": {}}
        open_alert(session, pilot.id, rule="candidate_down", subject="qwen", at=now - 3 * HOUR, **words)
        over = open_alert(session, pilot.id, rule="coverage_low", subject="", at=now - 9 * HOUR, **words)
        resolve_alert(session, over or 0, at=now - 7 * HOUR)
        document = {"title": "support-bot: A candidate is down", "text": "x", "path": "/"}
        (sent,) = insert_messages(session, pilot.id, subject="alert:1:opened", channels=["webhook"], document=document, at=now)
        claim_messages(session, now=now, lease=HOUR, limit=1)
        mark_failed(session, sent, problem="receiver answered 503", next_at=now + HOUR, at=now, taken=[])
        report = a_document("hybrid")
        origin = Provenance(kind=ReportKind.WEEKLY, period="2026-W48", expires_at=now - HOUR, by="calendar")
        content = report.model_dump(mode="json")
        return insert_report(
            session, pilot.id, made_at=MADE_AT, data_hash=report.data_hash, document=content, provenance=origin
        )


def test_open_alarms_come_first_with_rules_history_and_messages(
    client: TestClient, session_factory: SessionFactory, published: Published
) -> None:
    plant(session_factory)
    text = client.get("/pilots/support-bot/alerts", headers=bearer(key_for(Role.VIEWER, session_factory))).text
    assert text.index("qwen failed in all of its last &lt;b&gt;20&lt;/b&gt; calls") < text.index("What is watched")
    assert "for 3 hours" in text
    assert "below 80% of the last hour&#39;s requests, of at least 50; ends at 84%" in text
    assert "Alarms that are over, the newest 1" in text
    assert "2 hours" in text
    assert "receiver answered 503" in text
    assert "Send a test message" not in text
    for role, status in ((Role.LABELLER, 403), (Role.OPERATOR, 303)):
        answer = client.post("/pilots/support-bot/alerts/test", headers=bearer(key_for(role, session_factory)))
        assert answer.status_code == status
    assert published == [(Job.MESSAGES, [])]


def test_reports_are_listed_with_kind_expiry_and_files(client: TestClient, session_factory: SessionFactory) -> None:
    report = plant(session_factory)
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    page = client.get("/pilots/support-bot/reports", headers=viewer).text
    for words in (
        "weekly, 2026-W48",
        ": look again",
        "made by calendar",
        f"/reports/{report}/download?format=md",
    ):
        assert words in page
    assert "Make a report" not in page
    file = client.get(f"/reports/{report}/download?format=md", headers=viewer)
    assert file.headers["content-disposition"] == f"attachment; filename*=UTF-8''support-bot-report-{report}-day-28.md"
    assert file.text.startswith("# support-bot: can qwen replace")
    refused = client.get(f"/reports/{report}/download?format=docx", headers=viewer)
    assert (refused.status_code, "available: html" in refused.text) == (422, True)
    assert client.get("/reports/99/download", headers=viewer).status_code == 404


def test_an_operator_makes_a_report_of_a_kind(client: TestClient, session_factory: SessionFactory) -> None:
    plant(session_factory)
    operator = bearer(key_for(Role.OPERATOR, session_factory))
    made = client.post("/pilots/support-bot/reports", headers=operator, data={"kind": "on_demand"})
    assert made.status_code == 303
    assert client.get(made.headers["location"], headers=operator).status_code == 200
    assert client.post("/pilots/support-bot/reports", headers=operator, data={"kind": "yearly"}).status_code == 422
