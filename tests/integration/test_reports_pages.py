"""The pages without a browser: who gets in, what forms need, strict headers, errors as pages."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.dashboard.sessions import LIFETIME_SECONDS, Signer
from app.domain.words import Role
from app.pipeline.access import create_key, revoke_key
from app.store.pilots import get_pilot
from app.store.reports import get_report, insert_report, list_reports
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.unit.reports.examples import MADE_AT, a_document
from workers.web import create_app


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with TestClient(web, follow_redirects=False) as made:
        yield made


@pytest.fixture
def report(session_factory: SessionFactory) -> int:
    return stored_report(session_factory, "hybrid")


def stored_report(session_factory: SessionFactory, example: str) -> int:
    document = a_document(example)
    with session_scope(session_factory) as session:
        pilot = a_pilot(session)
        content = document.model_dump(mode="json")
        return insert_report(session, pilot.id, made_at=MADE_AT, data_hash=document.data_hash, document=content)


def token_in(html: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', html)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, key: str, goal: str = "/") -> None:
    token = token_in(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"token": token, "key": key, "next": goal})
    assert answer.status_code == 303, answer.text


@pytest.mark.parametrize("address", ["/", "/pilots/support-bot", "/reports/1"])
def test_nobody_sees_a_page_without_a_key(client: TestClient, report: int, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "support-bot</" not in answer.text
    assert f'name="next" value="{address}"' in answer.text


def test_an_applications_key_sees_no_page(client: TestClient, session_factory: SessionFactory, report: int) -> None:
    key = key_for(Role.INGEST, session_factory)
    assert client.get(f"/reports/{report}", headers=bearer(key)).status_code == 401
    token = token_in(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"token": token, "key": key, "next": "/"})
    assert answer.status_code == 401
    assert client.get(f"/reports/{report}").status_code == 401


def test_a_program_uses_the_same_header_as_for_the_api(
    client: TestClient, session_factory: SessionFactory, report: int
) -> None:
    headers = bearer(key_for(Role.VIEWER, session_factory))
    assert "Move these kinds of work, keep the rest" in client.get("/", headers=headers).text
    assert "30 Nov 2026, 08:12 (UTC)" in client.get("/pilots/support-bot", headers=headers).text
    page = client.get(f"/reports/{report}", headers=headers)
    assert page.status_code == 200
    assert "support-bot: can qwen replace gpt-5.1?" in page.text
    for wrong in (bearer("pp_wrong"), {"Authorization": "Basic eDp5"}):
        assert client.get("/", headers=wrong).status_code == 401


def test_a_person_signs_in_once_and_out_again(client: TestClient, session_factory: SessionFactory, report: int) -> None:
    sign_in(client, key_for(Role.VIEWER, session_factory))
    page = client.get("/")
    assert page.status_code == 200
    assert "viewer (viewer)" in page.text
    assert "Make a report now" not in page.text
    answer = client.post("/sign-out", data={"token": token_in(page.text)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert client.get("/").status_code == 401


def test_a_revoked_key_ends_its_sessions(client: TestClient, session_factory: SessionFactory, report: int) -> None:
    sign_in(client, key_for(Role.ADMIN, session_factory))
    assert client.get("/").status_code == 200
    with session_scope(session_factory) as session:
        revoke_key(session, "admin")
    answer = client.get("/")
    assert answer.status_code == 401
    assert "revoked" in answer.text


def test_a_wrong_key_is_said_and_gives_no_cookie(client: TestClient, session_factory: SessionFactory) -> None:
    token = token_in(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"token": token, "key": "pp_wrong"})
    assert answer.status_code == 401
    assert "unknown or revoked" in answer.text
    assert "pilot_session" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("forged", [{}, {"token": "0" * 64}])
def test_forms_of_other_sites_are_refused(
    client: TestClient, session_factory: SessionFactory, report: int, forged: dict[str, str]
) -> None:
    key = key_for(Role.OPERATOR, session_factory)
    assert client.post("/sign-in", data=forged | {"key": key}).status_code == 403
    sign_in(client, key)
    for address in ("/pilots/support-bot/reports", "/sign-out"):
        assert client.post(address, data=forged).status_code == 403
    with session_scope(session_factory) as session:
        assert len(list_reports(session, get_pilot(session, "support-bot").id)) == 1


def test_a_viewer_makes_no_reports(client: TestClient, session_factory: SessionFactory, report: int) -> None:
    answer = client.post("/pilots/support-bot/reports", headers=bearer(key_for(Role.VIEWER, session_factory)))
    assert answer.status_code == 403
    assert "needs the role operator" in answer.text


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", ""])
def test_signing_in_leads_nowhere_else(client: TestClient, session_factory: SessionFactory, goal: str) -> None:
    token = token_in(client.get("/sign-in").text)
    key = key_for(Role.VIEWER, session_factory)
    answer = client.post("/sign-in", data={"token": token, "key": key, "next": goal})
    assert answer.headers["location"] == "/"


def test_every_answer_has_strict_headers(client: TestClient, session_factory: SessionFactory, report: int) -> None:
    headers = bearer(key_for(Role.VIEWER, session_factory))
    for address in ("/", f"/reports/{report}", "/pilots/nobody", "/sign-in", "/static/look.css"):
        answer = client.get(address, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert f"/reports/{report}" != address or "script" not in policy  # a report runs nothing at all
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_what_is_missing_is_a_page_that_names_it(client: TestClient, session_factory: SessionFactory) -> None:
    headers = bearer(key_for(Role.VIEWER, session_factory))
    for address, says in (
        ("/pilots/no<b>body", "no pilot named"),
        ("/reports/77", "no report 77"),
        (f"/reports/{2**70}", "no report"),
    ):
        answer = client.get(address, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert says in answer.text
        assert "<b>" not in answer.text


def test_an_empty_house_says_how_to_begin(client: TestClient, session_factory: SessionFactory) -> None:
    page = client.get("/", headers=bearer(key_for(Role.VIEWER, session_factory)))
    assert "pilot create pilot.toml" in page.text


def test_a_cookie_holds_for_its_time_and_only_as_it_was_written() -> None:
    signer = Signer(PEPPER)
    session = signer.new_session("ops", 1000.0)
    cookie = signer.write(session)
    assert signer.read(cookie, 1000.0 + LIFETIME_SECONDS - 1) == session
    assert signer.read(cookie, 1000.0 + LIFETIME_SECONDS + 1) is None
    body, signature = cookie.split(".")
    other = signer.write(signer.new_session("admin", 1000.0)).split(".")[0]
    for forged in (f"{other}.{signature}", f"{body}.{'0' * 64}", body, "", "a.b.c", f"{body}.é", None):
        assert signer.read(forged, 1000.0) is None
    assert Signer("another pepper").read(cookie, 1000.0) is None


def test_a_stored_report_is_the_document_that_was_made(session_factory: SessionFactory, report: int) -> None:
    with session_scope(session_factory) as session:
        stored = get_report(session, report)
        listed = list_reports(session, get_pilot(session, "support-bot").id)
    document = a_document("hybrid")
    assert stored.document == document.model_dump(mode="json")
    assert (stored.pilot, stored.made_at, stored.data_hash) == ("support-bot", MADE_AT, document.data_hash)
    assert [(line.id, line.document) for line in listed] == [(report, document.summary.model_dump(mode="json"))]


def test_two_keys_do_not_share_a_form(session_factory: SessionFactory, client: TestClient, report: int) -> None:
    sign_in(client, key_for(Role.OPERATOR, session_factory))
    mine = token_in(client.get("/").text)
    client.cookies.clear()
    with session_scope(session_factory) as session:
        second = create_key(session, "second", Role.OPERATOR, PEPPER)
    sign_in(client, second)
    assert client.post("/pilots/support-bot/reports", data={"token": mine}).status_code == 403


@pytest.fixture
def own_logs() -> Iterator[None]:
    """A process sets up its logs; the run of tests gets its own back."""
    root = logging.getLogger()
    handlers, level, configuration = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


@pytest.mark.usefixtures("own_logs")
def test_the_web_process_has_pages_beside_the_api(
    fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DATABASE_URL", fresh_database_url), ("REDIS_URL", "redis://127.0.0.1:1/0"), ("HOME", str(tmp_path))):
        monkeypatch.setenv(f"PILOT_{name}", value)
    with TestClient(create_app(), follow_redirects=False) as web:
        page = web.get("/")
        assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
        assert web.get("/static/look.css").headers["content-type"] == "text/css; charset=utf-8"
        assert web.get("/api/v1/pilots").json()["error"]["code"] == "not_authenticated"
        described = web.get("/openapi.json").json()["paths"]
        assert "/api/v1/reports/{report_id}" in described
        assert all(address.startswith(("/api/v1/", "/health/", "/ingest")) for address in described)
