"""People and the pages: signing in, what ends a session, who may do what, and what the audit log keeps of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.pipeline.people import NewPerson, add_person, change_role, disable_person, reset_password
from app.pipeline.people_limits import LimitTerms, SignInLimits
from app.pipeline.people_passwords import Passwords
from app.pipeline.people_sign_in import SignIns
from app.store.audit import ActionFilter, page_of_actions
from app.store.reading_tables import PersonRow
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.integration.labelling import NAME, a_labelled_pilot, a_line, made
from tests.integration.test_labelling_pages import pair_in
from tests.integration.test_reports_pages import sign_in, token_in

CHEAP = Passwords(time_cost=1, memory_kib=8, lanes=1)
PASSWORD = "seven lonely otters"
OTHER = "eight merry badgers"


def web(session_factory: SessionFactory, base_url: str = "http://testserver", passwords: Passwords = CHEAP) -> TestClient:
    """A browser before the pages; each has limits of its own."""
    served = FastAPI()
    limits = SignInLimits(LimitTerms(by_name=3, by_address=20))
    sign_ins = SignIns(session_factory, PEPPER, passwords, limits)
    served.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER, sign_ins=sign_ins))
    return TestClient(served, base_url, follow_redirects=False)


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    with web(session_factory) as made_:
        yield made_


def a_person(factory: SessionFactory, name: str = "Ada", role: Role = Role.VIEWER, *, must_change: bool = False) -> None:
    add_person(factory, CHEAP, NewPerson(name, role, PASSWORD, must_change), by="tests")


def give(client: TestClient, name: str, password: str = PASSWORD, goal: str = "/") -> tuple[int, str, str]:
    """Signs in; status, where it leads, and the page."""
    token = token_in(client.get("/sign-in").text)
    answer = client.post("/sign-in", data={"token": token, "name": name, "password": password, "next": goal})
    return answer.status_code, answer.headers.get("location", ""), answer.text


def send(client: TestClient, address: str, page: str, **fields: str) -> tuple[int, str]:
    """Sends a form of a page."""
    answer = client.post(address, data={"token": token_in(client.get(page).text)} | fields)
    return answer.status_code, answer.text


def log(factory: SessionFactory, actor: str | None = None) -> list[tuple[str, str, dict[str, object]]]:
    """The audit log, newest first."""
    with factory() as session:
        found = page_of_actions(session, ActionFilter(actor=actor), limit=100)
    return [(entry.actor, entry.action, entry.facts) for entry in found]


def test_a_person_signs_in_by_name_and_out_again(client: TestClient, session_factory: SessionFactory) -> None:
    assert "./run pilot people add NAME --role admin" in client.get("/sign-in").text
    a_person(session_factory)
    first = client.get("/sign-in").text
    assert "Use an API key instead" in first
    assert "people add" not in first
    assert give(client, " ada", goal="/account")[:2] == (303, "/account")
    page = client.get("/")
    assert page.status_code == 200
    assert "Ada (viewer)" in page.text
    assert send(client, "/sign-out", "/")[0] == 303
    assert client.get("/").status_code == 401
    assert [entry[1] for entry in log(session_factory, "Ada")] == ["page.sign_out", "page.sign_in"]


def test_a_wrong_name_and_a_wrong_password_are_told_apart_by_nobody(
    client: TestClient, session_factory: SessionFactory
) -> None:
    a_person(session_factory)
    answers = {
        re.sub(r'value="[^"]*"', "", give(client, *wrong)[2]) for wrong in (("ada", "x" * 12), ("my secret text", PASSWORD))
    }
    assert len(answers) == 1
    assert "the name or the password is wrong" in answers.pop()
    kept = [facts for _, action, facts in log(session_factory, "visitor") if action == "page.sign_in_failed"]
    assert kept == [
        {"name": None, "why": "no such name", "address": "testclient"},
        {"name": "Ada", "why": "wrong password", "address": "testclient"},
    ]


def test_a_session_is_a_new_token_of_which_only_a_digest_is_kept(session_factory: SessionFactory) -> None:
    a_person(session_factory)
    with web(session_factory, "https://testserver") as client:
        (name,) = {cookie for cookie in (give(client, "ada"), client.cookies)[1] if cookie.startswith("pilot_person")}
        first = client.cookies[name]
        token = token_in(client.get("/sign-in").text)
        again = client.post("/sign-in", data={"token": token, "name": "ada", "password": PASSWORD})
        said = next(line for line in again.headers.get_list("set-cookie") if line.startswith(name))
        assert all(word in said for word in ("HttpOnly", "SameSite=strict", "Secure", "Max-Age=43200"))
        assert client.cookies[name] != first
        assert client.get("/").status_code == 200
        client.cookies.clear()
        client.cookies.set(name, first)
        assert client.get("/").status_code == 401
    with session_factory() as session:
        kept = session.execute(text("SELECT encode(digest, 'escape'), ended_at IS NULL FROM person_sessions ORDER BY id")).all()
    assert [open_ for _, open_ in kept] == [False, True]  # who signs in again leaves the session of before
    assert first not in str(kept)


def test_what_ends_a_session(client: TestClient, session_factory: SessionFactory) -> None:
    a_person(session_factory, role=Role.OPERATOR)
    with session_scope(session_factory) as session:
        hashed = session.scalar(select(PersonRow.password_hash))

    def ended_by(statement: str) -> bool:
        with session_scope(session_factory) as session:
            session.execute(
                text("UPDATE people SET disabled_at = NULL, must_change_password = false, password_hash = :h"), {"h": hashed}
            )
        with web(session_factory) as fresh:
            give(fresh, "ada")
            assert fresh.get("/").status_code == 200
            with session_scope(session_factory) as session:
                if statement == "role":
                    change_role(session, "ada", Role.VIEWER, by="tests")
                elif statement == "disable":
                    disable_person(session, "ada", by="tests")
                elif statement != "reset":
                    session.execute(text(statement))
            if statement == "reset":
                reset_password(session_factory, CHEAP, "ada", OTHER, by="tests")
            return fresh.get("/").status_code == 401

    for what in (
        "role",
        "disable",
        "reset",
        "UPDATE person_sessions SET seen_at = now() - interval '121 minutes'",
        "UPDATE person_sessions SET expires_at = now() - interval '1 second'",
    ):
        assert ended_by(what), what
    assert not ended_by("UPDATE person_sessions SET seen_at = now() - interval '119 minutes'")


def test_a_page_that_asks_by_itself_keeps_no_session_from_being_over(
    client: TestClient, session_factory: SessionFactory
) -> None:
    a_person(session_factory)
    with session_scope(session_factory) as session:
        a_pilot(session)
    give(client, "ada")
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE person_sessions SET seen_at = now() - interval '90 minutes'"))
    for page, is_noted in (("/pilots/support-bot/now", False), ("/pilots/support-bot", True)):
        assert client.get(page).status_code == 200
        with session_factory() as session:
            assert session.scalar(text("SELECT seen_at > now() - interval '1 minute' FROM person_sessions")) is is_noted


def test_a_password_of_an_admins_has_to_be_changed_first(client: TestClient, session_factory: SessionFactory) -> None:
    a_person(session_factory, must_change=True)
    assert give(client, "ada")[:2] == (303, "/account")
    for page in ("/", "/pilots/nobody"):
        assert client.get(page).headers["location"] == "/account"
    address = "/account/password"
    for fields, says in (
        ({"present": "wrong", "chosen": OTHER, "again": OTHER}, "present password is wrong"),
        ({"present": PASSWORD, "chosen": OTHER, "again": "x"}, "not the same"),
        ({"present": PASSWORD, "chosen": "short", "again": "short"}, "12 to 200 characters"),
        ({"present": PASSWORD, "chosen": PASSWORD, "again": PASSWORD}, "another password"),
    ):
        status, page = send(client, address, "/account", **fields)
        assert (status, says in page) == (422, True)
        client = renewed(client, session_factory)
    assert send(client, address, "/account", present=PASSWORD, chosen=OTHER, again=OTHER)[0] == 303
    assert client.get("/").status_code == 200
    assert PASSWORD not in str(log(session_factory))
    assert give(web(session_factory), "ada")[0] == 401
    assert give(web(session_factory), "ada", OTHER)[:2] == (303, "/")


def renewed(client: TestClient, factory: SessionFactory) -> TestClient:
    """The same browser before a service that forgot its counts."""
    fresh = web(factory)
    fresh.cookies = client.cookies
    return fresh


def test_other_sessions_of_ones_own_are_ended(client: TestClient, session_factory: SessionFactory) -> None:
    a_person(session_factory)
    give(client, "ada")
    with web(session_factory) as other:
        give(other, "ada")
        assert client.get("/account").text.count("another one</th>") == 1
        assert client.post("/account/sessions", data={}).status_code == 403
        assert send(client, "/account/sessions", "/account")[0] == 303
        assert (client.get("/").status_code, other.get("/").status_code) == (200, 401)


def test_a_flood_is_refused_with_when_to_come_back_and_shuts_out_nobody_known(
    client: TestClient, session_factory: SessionFactory
) -> None:
    a_person(session_factory)
    give(client, "ada")
    known = {name: value for name, value in client.cookies.items() if name.startswith("pilot_known")}
    client.cookies.clear()
    statuses = [give(client, "ada", "wrong password")[0] for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    token = token_in(client.get("/sign-in").text)
    refused = client.post("/sign-in", data={"token": token, "name": "ada", "password": PASSWORD})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert "too many attempts for this name; try again in 5 minutes" in refused.text
    client.cookies.update(known)
    assert give(client, "ada")[0] == 303


def test_wrong_keys_are_counted_by_address(client: TestClient, session_factory: SessionFactory) -> None:
    token = token_in(client.get("/sign-in").text)
    statuses = {client.post("/sign-in", data={"token": token, "key": f"pp_{number}"}).status_code for number in range(20)}
    assert statuses == {401}
    assert client.post("/sign-in", data={"token": token, "key": key_for(Role.VIEWER, session_factory)}).status_code == 429


def test_a_hash_with_old_parameters_is_made_anew_at_sign_in(session_factory: SessionFactory) -> None:
    a_person(session_factory)
    dearer = Passwords(time_cost=2, memory_kib=16, lanes=1)
    for _ in range(2):
        with web(session_factory, passwords=dearer) as client:
            assert give(client, "ada")[0] == 303
    with session_factory() as session:
        assert "m=16,t=2,p=1" in (session.scalar(select(PersonRow.password_hash)) or "")


@pytest.mark.parametrize("page", ["/people", "/keys", "/audit"])
def test_only_admins_see_the_pages_of_the_service(client: TestClient, session_factory: SessionFactory, page: str) -> None:
    assert client.get(page).status_code == 401
    answer = client.get(page, headers=bearer(key_for(Role.OPERATOR, session_factory)))
    assert answer.status_code == 403
    assert "needs the role admin" in answer.text
    assert f'href="{page}"' not in answer.text
    for form in ([page] if page != "/audit" else []) + (["/people/x/disable"] if page == "/people" else []):
        assert client.post(form, headers=bearer(key_for(Role.LABELLER, session_factory, f"l{form}"))).status_code == 403


def test_an_admin_manages_people_by_plain_forms(client: TestClient, session_factory: SessionFactory) -> None:
    a_person(session_factory, "root", Role.ADMIN)
    give(client, "root")
    assert client.post("/people", data={"name": "eve", "role": "admin"}).status_code == 403
    status, page = send(client, "/people", "/people", name="Bob", role="labeller")
    found = re.search(r'class="code secret">([a-z0-9-]{23})<', page)
    assert (status, found is not None) == (200, True)
    assert found is not None
    assert found[1] not in client.get("/people").text
    with web(session_factory) as his:
        assert give(his, "bob", found[1])[:2] == (303, "/account")
    for name, role, says in (
        ("bob", "viewer", "or nearly so"),
        ("stack", "viewer", "choose another one"),
        ("x", "king", "choose a role"),
    ):
        status, page = send(client, "/people", "/people", name=name, role=role)
        assert status in (409, 422)
        assert says in page
    for what, fields in (("role", {"role": "viewer"}), ("disable", {}), ("enable", {}), ("reset", {})):
        assert send(client, f"/people/Bob/{what}", "/people", **fields)[0] in (200, 303)
    for what in ("disable", "role"):
        status, page = send(client, f"/people/root/{what}", "/people", role="viewer")
        assert status == 409
        assert "no admin API key" in page
    key_for(Role.ADMIN, session_factory)
    assert send(client, "/people/root/disable", "/people")[0] == 303
    assert client.get("/people").status_code == 401
    assert [entry[1] for entry in log(session_factory, "root")] == [
        "person.disable", "person.reset_password", "person.enable", "person.disable", "person.change_role", "person.create",
        "page.sign_in",
    ]  # fmt: skip


def test_an_admin_issues_and_revokes_keys(client: TestClient, session_factory: SessionFactory) -> None:
    sign_in(client, key_for(Role.ADMIN, session_factory))
    a_person(session_factory)
    status, page = send(client, "/keys", "/keys", name="ADA", role="viewer")
    assert status == 409
    assert "there is a person named" in page
    status, page = send(client, "/keys", "/keys", name="app", role="viewer")
    found = re.search(r"pp_[\w-]{43}", page)
    assert found is not None
    assert found[0] not in client.get("/keys").text
    assert client.get("/", headers=bearer(found[0])).status_code == 200
    assert send(client, "/keys/revoke", "/keys", name="app")[0] == 303
    assert client.get("/", headers=bearer(found[0])).status_code == 401
    status, page = send(client, "/keys/revoke", "/keys", name="admin")
    assert status == 409
    assert "no admin left" in page
    assert "no password" in client.get("/account").text


def test_the_audit_log_is_read_by_pages_and_filters(client: TestClient, session_factory: SessionFactory) -> None:
    headers = bearer(key_for(Role.ADMIN, session_factory))
    with session_scope(session_factory) as session:
        session.execute(
            text(
                "INSERT INTO audit_log (at, actor, action, facts)"
                " SELECT timestamptz '2026-01-01' + (n / 3) * interval '1 hour',"
                " CASE WHEN n % 2 = 0 THEN 'ada' ELSE '<b>bob</b>' END, 'pilot.stop', jsonb_build_object('pilot', n)"
                " FROM generate_series(1, 450) n"
            )
        )
    seen, address = list[str](), "/audit?actor=ada"
    while address:
        page = client.get(address, headers=headers).text
        seen += re.findall(r"Stopped (\d+)", page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == [str(number) for number in range(450, 0, -2)]
    page = client.get("/audit?actor=%3Cb%3Ebob%3C/b%3E&since=2026-01-02&until=2026-01-02", headers=headers).text
    assert [int(number) for number in re.findall(r"Stopped (\d+)", page)] == list(range(143, 72, -2))
    assert "<b>bob" not in page
    for wrong, status in (
        ("since=x", 422),
        ("after=x", 422),
        ("after=99999999", 404),
        (f"after={10**30}", 422),
        (f"after={'0' * 20}{'1' * 5000}", 422),
        ("until=9999-12-31", 200),
        ("pilot=none", 404),
    ):
        assert client.get(f"/audit?{wrong}", headers=headers).status_code == status
    assert client.post("/sign-in", data={f"field-{number}": "x" for number in range(20)}).status_code == 422


def test_a_persons_labels_are_kept_under_the_persons_name(
    session_factory: SessionFactory, tmp_path: Path, client: TestClient
) -> None:
    a_person(session_factory, "Ann", Role.LABELLER)
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        give(client, "ann")
        page = f"/pilots/{NAME}/label"
        shown = client.get(page)
        assert send(client, page, page, pair=pair_in(shown.text), answer="tie", queue="drawn")[0] == 303
        assert [label["rater"] for label in made(api)] == ["Ann"]
