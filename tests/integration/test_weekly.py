"""Weekly and final reports against a real database: each once, whoever else is at it, and told of in the same transaction."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.domain.report import ReportKind, StoredReport
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.pilots import start_pilot, stop_pilot
from app.pipeline.weekly import make_weekly_reports
from app.reports.document import Document
from app.store.messages import list_messages
from app.store.pilots import get_pilot, insert_pilot
from app.store.reports import get_report, list_reports
from app.store.session import SessionFactory, session_scope
from tests.api import Published, an_api
from tests.integration.scorecard_rows import Row, both, store_rows
from tests.unit.reports.examples import a_full_configuration

MONDAY = datetime(2026, 11, 16, 6, tzinfo=UTC)
STARTS = datetime(2026, 11, 13, tzinfo=UTC)
WEEK = timedelta(days=7)


def a_running_pilot(session_factory: SessionFactory, **tables: Any) -> None:
    configuration = a_full_configuration(
        pilot={"starts": "2026-11-13", "timezone": "UTC", "days": 14},
        segment=[{"name": "extraction"}],
        judge={"rater": "gpt-4"},
        **tables,
    )
    rows = [
        Row(at=STARTS + number * timedelta(hours=2), segment="extraction", said=both(float(number % 2))) for number in range(30)
    ]
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        start_pilot(session, pilot.name, "ops", STARTS - timedelta(hours=1))
        store_rows(session, get_pilot(session, pilot.name), rows)


def reports_of(session_factory: SessionFactory) -> list[StoredReport]:
    with session_factory() as session:
        return list_reports(session, get_pilot(session, "support-bot").id)


def top_of(session_factory: SessionFactory, report: int) -> str:
    with session_factory() as session:
        document = Document.model_validate(get_report(session, report).document)
    assert document.sections[0].slug == "week"
    return document.sections[0].model_dump_json()


def test_a_week_has_one_report_and_one_message_though_two_workers_see_that_it_is_due(session_factory: SessionFactory) -> None:
    a_running_pilot(session_factory, notify={"webhook_url": "http://127.0.0.1:1/hook"})
    assert make_weekly_reports(session_factory, MONDAY - timedelta(minutes=1)) == 0
    published = Published()
    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(make_weekly_reports, session_factory, MONDAY, publish=published) for _ in range(2)]
    assert sum(each.result() for each in work) == 1
    assert published == [(Job.MESSAGES, [])]
    assert make_weekly_reports(session_factory, MONDAY + timedelta(days=3)) == 0
    (first,) = reports_of(session_factory)
    assert (first.provenance.kind, first.provenance.period, first.provenance.by) == (ReportKind.WEEKLY, "2026-W47", "calendar")
    assert first.provenance.expires_at == MONDAY + timedelta(days=90)
    assert "This is the first weekly report" in top_of(session_factory, first.id)
    assert make_weekly_reports(session_factory, MONDAY + WEEK + timedelta(hours=30)) == 1  # the worker was down on Monday
    second = reports_of(session_factory)[0]
    assert second.provenance.period == "2026-W48"
    assert f"Compared with report {first.id} of 16 Nov 2026, 06:00" in top_of(session_factory, second.id)
    with session_factory() as session:
        messages = list_messages(session, get_pilot(session, "support-bot").id)
    assert [message.subject for message in messages] == [f"report:{each.id}:weekly" for each in (second, first)]
    assert messages[0].document["path"] == f"/reports/{second.id}"
    assert "qwen" not in str(messages[0].document)


def test_a_stopped_pilot_has_one_final_report_and_no_weekly_one(session_factory: SessionFactory) -> None:
    a_running_pilot(session_factory, report={"weekly": "never"}, notify={"webhook_url": "http://x.example", "figures": True})
    assert make_weekly_reports(session_factory, MONDAY) == 0
    with session_scope(session_factory) as session:
        stop_pilot(session, "support-bot", "ops", MONDAY)
    made = [make_weekly_reports(session_factory, MONDAY + timedelta(minutes=minutes)) for minutes in (10, 20)]
    assert made == [1, 0]
    (final,) = reports_of(session_factory)
    assert final.provenance.kind is ReportKind.FINAL
    with session_factory() as session:
        (message,) = list_messages(session, get_pilot(session, "support-bot").id)
    assert message.document["figures"]["verdicts"] == {"qwen": "EXTEND"}
    assert "Day 3 of 14" in message.document["text"]


def test_reports_of_each_kind_can_be_asked_for(session_factory: SessionFactory, tmp_path: Path) -> None:
    a_running_pilot(session_factory)
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as api:
        assert asked(api, {}) == (201, "on_demand")
        assert asked(api, {"kind": "weekly"}) == (201, "weekly")
        again = api.post("/api/v1/pilots/support-bot/reports", json={"kind": "weekly"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
        assert "has its weekly report already" in again.json()["error"]["message"]
        assert api.post("/api/v1/pilots/support-bot/reports", json={"kind": "yearly"}).status_code == 422


def asked(api: TestClient, body: dict[str, str]) -> tuple[int, str]:
    answer = api.post("/api/v1/pilots/support-bot/reports", json=body)
    return answer.status_code, answer.json()["kind"]
