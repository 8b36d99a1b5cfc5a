"""Every route and every page, asked by every role: let in and refused exactly as declared."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import create_engine
from starlette.testclient import TestClient

from app.api.application import make_api
from app.api.dependencies import Services
from app.api.roles import describe_roles
from app.dashboard.page_roles import ANYBODY, ROLES, addresses_of, check_roles
from app.dashboard.pages import make_pages_router
from app.dashboard.sessions import Signer
from app.domain.words import Role
from app.pipeline.access import revoke_key
from app.store.session import SessionFactory, make_session_factory, session_scope
from tests.api import PEPPER, bearer, key_for, services_for
from tests.contract.authorization import HOLDERS, Route, api_routes, page_routes, table_of
from tests.integration.labelling import CANDIDATE, INCUMBENT, LABELS, NAME, a_labelled_pilot, a_line

TABLE = Path(__file__).parents[2] / "docs" / "authorization.md"
WRITE = "PILOT_TEST_WRITE"
PUBLIC_ROUTES = {"GET /health/live", "GET /health/ready", "GET /health/parts"}
NOBODY = ("no key", "a revoked key", "an unknown key", "another scheme", "a session's cookie")
REFUSED = {401, 403}
Described: TypeAlias = tuple[list[Route], list[Route]]


@dataclass
class House:
    """One web process, API and pages, and what each caller sends."""

    client: TestClient
    routes: list[Route]
    pages: list[Route]
    callers: dict[str, dict[str, str]]
    signer: Signer

    def ask(self, route: Route, headers: dict[str, str], **form: str) -> int:
        self.client.cookies.clear()
        more: dict[str, Any] = {"data": form} if form else {}
        if route.body is not None:
            media, value = route.body
            more = (
                {"json": value} if media == "application/json" else {"content": str(value), "headers": {"Content-Type": media}}
            )
        answer = self.client.request(route.method, route.address, **{**more, "headers": more.get("headers", {}) | headers})
        return answer.status_code

    def session(self, name: str) -> tuple[dict[str, str], str]:
        """The cookie of a key's session, and the token of its forms."""
        made = self.signer.new_session(name, time.time())
        return {"Cookie": f"{self.signer.session_cookie}={self.signer.write(made)}"}, self.signer.form_token(made.nonce)


def web_of(services: Services) -> tuple[FastAPI, APIRouter]:
    """API and pages as the web process composes them."""
    web = make_api(services)
    pages = make_pages_router(session_factory=services.session_factory, pepper=PEPPER, publish=services.publish)
    web.include_router(pages)
    return web, pages


def described_by(web: FastAPI, pages: APIRouter) -> Described:
    return list(api_routes(web.openapi())), list(page_routes(addresses_of(pages)))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    """Routes and pages as they declare themselves; no database is asked."""
    nowhere = make_session_factory(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    return described_by(*web_of(services_for(nowhere, tmp_path_factory.mktemp("home"))))


@pytest.fixture
def house(session_factory: SessionFactory, tmp_path: Path) -> Iterator[House]:
    web, pages = web_of(services_for(session_factory, tmp_path))
    keys = {role.value: key_for(role, session_factory) for role in Role}
    revoked = key_for(Role.ADMIN, session_factory, "revoked")
    with session_scope(session_factory) as session:
        revoke_key(session, "revoked")
    callers = {name: bearer(key) for name, key in keys.items()}
    callers |= {"no key": {}, "a revoked key": bearer(revoked), "an unknown key": bearer("pp_unknown")}
    callers |= {"another scheme": {"Authorization": f"Basic {keys['admin']}"}}
    with TestClient(web, follow_redirects=False, raise_server_exceptions=False) as client:
        made = House(client, *described_by(web, pages), callers, Signer(PEPPER))
        made.callers["a session's cookie"] = made.session("admin")[0]
        yield made


def wrong_answers(house: House, route: Route, callers: list[str], *, below_viewer: int) -> Iterator[str]:
    """Where an answer is not what the declaration says; `below_viewer` is what a key gets that no page knows."""
    holders = HOLDERS[route.role or ""]
    for caller in callers:
        status = house.ask(route, house.callers[caller])
        is_let_in = caller in holders or "nobody" in holders
        expected = 401 if caller in NOBODY else below_viewer if caller == "ingest" else 403
        if (status >= 500 and status != 503) or (status in REFUSED if is_let_in else status != expected):
            yield f"{route.name} declares {route.role}, {caller} got {status}"


def test_every_route_answers_every_role_as_it_declares(house: House) -> None:
    made = Route("GET", "/api/v1/pilots/{name}/labels/export?queue=made", "operator")  # the route's own role is labeller
    wrong = [
        line
        for route in [*house.routes, made]
        for line in wrong_answers(house, route, [*(role.value for role in Role), *NOBODY], below_viewer=403)
    ]
    assert wrong == []
    assert len(house.routes) > 60


def test_every_page_and_form_answers_every_role_as_it_declares(house: House) -> None:
    callers = [*(role.value for role in Role), *(name for name in NOBODY if "cookie" not in name)]
    forms = [page for page in house.pages if page.name != "POST /sign-in"]  # without its token it refuses everybody
    wrong = [line for page in forms for line in wrong_answers(house, page, callers, below_viewer=401)]
    assert wrong == []
    assert len(house.pages) > 45


def test_a_form_without_its_sessions_token_is_refused_whoever_sends_it(house: House) -> None:
    cookie, token = house.session("admin")
    _, foreign = house.session("admin")
    forms = [page for page in house.pages if page.method == "POST"]
    wrong = [
        f"{form.name} took {given!r}: {status}"
        for form in forms
        for given in ("", "x", foreign)
        if (status := house.ask(form, cookie, token=given, role="viewer", name="x")) != 403
    ]
    assert wrong == []
    refused = [form.name for form in forms if house.ask(form, cookie, token=token, next="/") in REFUSED]
    assert refused == ["POST /sign-in"]  # its token is the visitor's before there is a session
    assert len(forms) > 15


def test_a_viewer_never_sees_a_text_on_any_page_or_route(house: House, session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, *(a_line(number) for number in (1, 2))) as api:
        made = api.post(f"/api/v1/pilots/{NAME}/reports", json={"examples": True})
        assert made.status_code == 201, made.text
        assert INCUMBENT in api.get(f"{LABELS}/next").text
    seen = []
    for route in [*house.routes, *house.pages]:
        if route.method == "GET":
            address = route.address.replace("pilots/4242424", f"pilots/{NAME}").replace("4242424", "1")
            answer = house.client.get(address, headers=house.callers["viewer"])
            assert answer.status_code < 500 or "/health/" in address, (address, answer.text)
            seen += (
                [route.name] if any(text in unescape(answer.text) for text in (INCUMBENT, CANDIDATE, "question 1.1")) else []
            )
    assert seen == []
    assert "question 1.1" in house.client.get(f"/pilots/{NAME}/pairs", headers=house.callers["operator"]).text


def test_only_these_routes_ask_for_no_key(described: Described) -> None:
    routes, pages = described
    assert {route.name for route in routes if route.role == "none"} <= PUBLIC_ROUTES
    assert [route.name for route in [*routes, *pages] if route.role not in HOLDERS] == []
    assert set(ROLES) | ANYBODY == {page.name for page in pages}


def test_a_route_without_a_declared_role_is_not_served() -> None:
    router = APIRouter()
    router.add_api_route("/things", lambda: None, methods=["GET"])
    with pytest.raises(RuntimeError, match="GET /things has no role"):
        describe_roles(router)
    with pytest.raises(RuntimeError, match="no role is declared for GET /things"):
        check_roles(router)


def test_the_table_in_the_documentation_is_the_present_one(described: Described) -> None:
    routes, pages = described
    text = TABLE.read_text()
    head, _, _ = text.partition("## The API\n")
    made = f"{head}## The API\n\n{table_of(routes)}\n\n## Pages and forms\n\n{table_of(pages)}\n"
    if os.environ.get(WRITE):
        TABLE.write_text(made)
    assert TABLE.read_text() == made, f"{WRITE}=1 ./run test tests/contract/test_authorization.py writes it anew"
