"""Reports through the API: made from what is stored, frozen, in three formats."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.pipeline.pilots import start_pilot
from app.pipeline.reporting import make_report
from app.reports.document import Document
from app.reports.rendering import FORMATS
from app.store.audit import list_actions
from app.store.pilots import get_pilot, insert_pilot
from app.store.reports import get_report
from app.store.session import SessionFactory, session_scope
from tests.api import an_api, bearer, key_for
from tests.integration.scorecard_rows import DAY, NOW, START, Row, both, store_rows
from tests.unit.reports.examples import a_full_configuration

ASSETS = ("<script", '<link rel="stylesheet"', "http://", "https://")


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as client:
        yield client


def a_history(session_factory: SessionFactory, *, conversations: int = 600) -> None:
    """A pilot with graded exchanges of 28 days: extraction good, triage bad."""
    configuration = a_full_configuration(
        pilot={"starts": "2026-09-07"},
        segment=[{"name": "extraction"}, {"name": "triage"}],
        judge={"rater": "gpt-4"},
        latency={"total_p95_seconds": 3.0, "accept_imported": True},
    )
    rows = [a_row(number, conversations) for number in range(conversations)]
    with session_scope(session_factory) as session:
        insert_pilot(session, configuration, source_toml="")
        store_rows(session, get_pilot(session, "support-bot"), rows)
    with session_scope(session_factory) as session:
        start_pilot(session, "support-bot", "ops", NOW)


def a_row(number: int, conversations: int) -> Row:
    is_good = number % 2 == 0
    value = (1.0 if number % 4 else 0.0) if is_good else (1.0 if number % 10 == 1 else 0.0)
    tokens = {"input_tokens": 900, "output_tokens": 200, "model": "gpt-5.1", "ttft_any_seconds": 0.3}
    return Row(
        at=START + number * (28 * DAY / conversations) + timedelta(minutes=1),
        segment="extraction" if is_good else "triage",
        said=both(value),
        incumbent=tokens | {"total_seconds": 1.0 + (number % 10) / 10},
        candidate=tokens | {"total_seconds": 0.8 + (number % 10) / 10} | ({"failure": "timeout"} if number % 300 == 7 else {}),
    )


def test_a_draft_without_exchanges_has_a_report_that_says_so(api: TestClient, session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        insert_pilot(session, a_full_configuration(), source_toml="")
    made = api.post("/api/v1/pilots/support-bot/reports")
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["day"], body["as_of"], body["verdicts"]) == (0, None, {"qwen": "EXTEND"})
    page = api.get(f"/api/v1/reports/{body['id']}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Not enough evidence yet" in page.text
    assert not [asset for asset in ASSETS if asset in page.text.replace("http://www.w3.org/", "")]


def test_the_three_formats_say_the_same(api: TestClient, session_factory: SessionFactory) -> None:
    a_history(session_factory)
    number = api.post("/api/v1/pilots/support-bot/reports").json()["id"]
    scorecard = api.get(f"/api/v1/reports/{number}", params={"format": "json"}).json()
    assert scorecard == api.get("/api/v1/pilots/support-bot/scorecard").json()
    page = api.get(f"/api/v1/reports/{number}?format=html").text
    markdown = api.get(f"/api/v1/reports/{number}?format=md")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    rate = scorecard["candidates"]["qwen"]["quality"]["win_rate"]["value"]
    for text in (page, markdown.text):
        assert f"{100 * rate:.1f}%" in text
        assert "extraction" in text
        assert "Time to the whole answer" in text


def test_an_old_report_never_changes(api: TestClient, session_factory: SessionFactory) -> None:
    a_history(session_factory, conversations=120)
    first = api.post("/api/v1/pilots/support-bot/reports").json()
    addresses = [f"/api/v1/reports/{first['id']}?format={name}" for name in ("html", "md", "json", "pdf")]
    assert first["formats"] == list(FORMATS)
    before = [api.get(address).content for address in addresses]
    hours = {"who": "Ada", "worked_on": "2026-09-08", "hours": 12, "kind": "tuning"}
    assert api.post("/api/v1/pilots/support-bot/hours", json=hours).status_code == 201
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, "support-bot")
        store_rows(session, pilot, [Row(at=START + 2 * DAY, said=both(1.0), name=f"late-{n}") for n in range(9)])
    second = api.post("/api/v1/pilots/support-bot/reports").json()
    assert [api.get(address).content for address in addresses] == before
    assert second["data_hash"] != first["data_hash"]
    assert "Ada" in api.get(f"/api/v1/reports/{second['id']}").text
    listed = api.get("/api/v1/pilots/support-bot/reports").json()
    assert [line["id"] for line in listed] == [second["id"], first["id"]]


def test_the_same_evidence_makes_the_same_report(session_factory: SessionFactory) -> None:
    a_history(session_factory, conversations=120)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    documents = []
    for at in (now, now + timedelta(hours=1)):
        made = make_report(session_factory, "support-bot", at, by="ops")
        with session_scope(session_factory) as session:
            documents.append(Document.model_validate(get_report(session, made).document))
    first, second = documents
    assert first.data_hash == second.data_hash
    assert first.sections == second.sections
    with session_scope(session_factory) as session:
        assert ("ops", "report.make") in list_actions(session)


@pytest.mark.parametrize("name", ["docx", "HTML", ""])
def test_a_format_that_is_not_there_is_named_with_those_that_are(
    api: TestClient, session_factory: SessionFactory, name: str
) -> None:
    with session_scope(session_factory) as session:
        insert_pilot(session, a_full_configuration(), source_toml="")
    number = api.post("/api/v1/pilots/support-bot/reports").json()["id"]
    answer = api.get(f"/api/v1/reports/{number}", params={"format": name})
    assert answer.status_code == 422
    error: dict[str, Any] = answer.json()["error"]
    assert (error["code"], error["problems"][0]["field"]) == ("invalid_input", "format")
    assert error["facts"] == {"available": list(FORMATS)}


def test_what_is_not_there_is_404(api: TestClient) -> None:
    assert api.get("/api/v1/reports/1").json()["error"]["message"] == "there is no report 1"
    assert api.get(f"/api/v1/reports/{2**80}").status_code == 422
    for call in (api.get, api.post):
        assert call("/api/v1/pilots/nobody/reports").json()["error"]["code"] == "not_found"


def test_a_viewer_reads_reports_and_makes_none(api: TestClient, session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        insert_pilot(session, a_full_configuration(), source_toml="")
    number = api.post("/api/v1/pilots/support-bot/reports").json()["id"]
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    assert api.post("/api/v1/pilots/support-bot/reports", headers=viewer).status_code == 403
    assert json.loads(api.get(f"/api/v1/reports/{number}?format=json", headers=viewer).text)["pilot"] == "support-bot"
