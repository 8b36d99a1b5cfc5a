"""People by the API and by the command: what is made is listed, no password is ever said, names belong to one actor."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.domain.words import Role
from app.errors import Conflict
from app.pipeline.access import revoke_key
from app.pipeline.people import NewPerson, add_person, change_role, disable_person
from app.pipeline.people_passwords import Passwords
from app.store.people import list_people
from app.store.reading_tables import PersonRow
from app.store.session import SessionFactory, session_scope
from parallel_pilot.cli import main
from tests.api import an_api, bearer, key_for
from tests.e2e.served import served

CHEAP = Passwords(time_cost=1, memory_kib=8, lanes=1)
PASSWORD = "seven lonely otters"


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        made.app.state.passwords = CHEAP  # type: ignore[attr-defined]
        yield made


def test_admins_manage_people_and_no_answer_has_a_password(api: TestClient, session_factory: SessionFactory) -> None:
    new = {"name": "Ada", "role": "operator", "password": PASSWORD}
    made = api.post("/api/v1/people", json=new)
    assert made.status_code == 201
    assert made.json() | {"created_at": "", "password_set_at": ""} == {
        "name": "Ada", "role": "operator", "must_change_password": False, "created_at": "", "password_set_at": "",
        "last_seen_at": None, "disabled_at": None,
    }  # fmt: skip
    assert api.post("/api/v1/people/ada/role", json={"role": "viewer"}).json()["role"] == "viewer"
    assert api.post("/api/v1/people/ada/disable").json()["disabled_at"] is not None
    assert api.post("/api/v1/people/ada/enable").json()["disabled_at"] is None
    assert api.post("/api/v1/people/ada/reset", json={"password": "eight merry badgers"}).json()["must_change_password"]
    assert [person["name"] for person in api.get("/api/v1/people").json()] == ["Ada"]
    assert api.get("/api/v1/people", headers=bearer(key_for(Role.OPERATOR, session_factory))).status_code == 403
    for path, body, status, says in (
        ("", new | {"name": "ada"}, 409, "or nearly so"),
        ("", new | {"name": "TEST-ADMIN"}, 409, "API key named"),
        ("", new | {"name": "a/b"}, 422, "without a slash"),
        ("", new | {"name": ".."}, 422, "not dots alone"),
        ("", new | {"name": "eve", "role": "ingest"}, 422, "one of viewer, labeller, operator, admin"),
        ("", new | {"name": "eve", "password": "short"}, 422, "12 to 200 characters"),
        ("/nobody/disable", None, 404, "no person named 'nobody'"),
        ("/ada/reset", {"password": "...ada...1815"}, 422, "must not be the name"),
    ):
        answer = api.post(f"/api/v1/people{path}", json=body)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text
        assert "argon2" not in answer.text
        assert PASSWORD not in answer.text
    assert api.post("/api/v1/keys", json={"name": " ADA", "role": "viewer"}).status_code == 409
    halved = rb'{"name": "eve", "role": "viewer", "password": "half a letter \ud800"}'
    half = api.post("/api/v1/people", content=halved, headers={"Content-Type": "application/json"})
    assert (half.status_code, "cannot be stored" in half.text) == (422, True)


def test_the_command_takes_passwords_from_standard_input_only(
    api: TestClient, session_factory: SessionFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PILOT_API_KEY", key_for(Role.ADMIN, session_factory))
    with served(api.app) as address:
        monkeypatch.setenv("PILOT_SERVICE_URL", address)

        def pilot(*arguments: str, stdin: str = "") -> int:
            monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
            return main.run(["people", *arguments])

        assert pilot("add", "ada", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n") == 0
        assert capsys.readouterr().out == "'ada' (admin) can sign in now\n"
        assert pilot("add", "bob", "--role", "admin") == 2
        assert "--password-stdin" in capsys.readouterr().err
        assert pilot("add", "bob", "--role", "admin", "--password-stdin") == 2
        assert pilot("add", "bob", "--role", "admin", "--password-stdin", stdin="short") == 1
        assert "12 to 200 characters" in capsys.readouterr().err
        assert pilot("role", "ada", "viewer") == 0
        assert pilot("disable", "ada") == 0
        assert pilot("list") == 0
        shown = capsys.readouterr().out
        assert "ada" in shown
        assert "disabled" in shown
        assert pilot("enable", "ada") == 0
        assert pilot("reset", "ada", "--password-stdin", stdin="eight merry badgers") == 0
    with session_factory() as session:
        hashed = session.scalar(select(PersonRow.password_hash)) or ""
    assert CHEAP.is_right("eight merry badgers", hashed)


def test_two_admins_cannot_demote_each_other_at_the_same_moment(session_factory: SessionFactory) -> None:
    for name in ("ada", "bob"):
        add_person(session_factory, CHEAP, NewPerson(name, Role.ADMIN, PASSWORD), by="tests")

    def demote(name: str) -> bool:
        try:
            with session_scope(session_factory) as session:
                change_role(session, name, Role.VIEWER, by="tests")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, ["ada", "bob"])) == [False, True]
    with session_factory() as session:
        assert sorted(person.role for person in list_people(session)) == [Role.ADMIN, Role.VIEWER]


def test_the_last_admin_goes_only_where_a_key_stays(session_factory: SessionFactory) -> None:
    add_person(session_factory, CHEAP, NewPerson("ada", Role.ADMIN, PASSWORD), by="tests")
    key_for(Role.ADMIN, session_factory)
    with session_scope(session_factory) as session:
        revoke_key(session, "admin")
    with session_scope(session_factory) as session, pytest.raises(Conflict, match="there is no admin API key"):
        disable_person(session, "ada", by="tests")
    key_for(Role.ADMIN, session_factory, "second")
    with session_scope(session_factory) as session:
        assert disable_person(session, "ada", by="tests").disabled_at is not None
