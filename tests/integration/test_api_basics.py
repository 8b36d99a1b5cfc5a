"""What holds for every address of the API: keys, roles, bounds, health, one shape of error."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from app.api.dependencies import Viewer
from app.domain.words import Role
from app.errors import Conflict, NotAuthenticated
from app.jobs import broker_url
from app.pipeline.access import authenticate, create_key, load_pepper, revoke_key
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.api import PEPPER, PILOT_TOML, an_api, bearer, key_for


@pytest.fixture
def client(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=None) as made:
        yield made


@pytest.fixture
def keys(session_factory: SessionFactory) -> dict[Role, str]:
    return {role: key_for(role, session_factory) for role in Role}


def test_a_healthy_process_says_so(session_factory: SessionFactory, tmp_path: Path, redis_server: EmbeddedRedis) -> None:
    for url in (redis_server.url, broker_url(redis_server.url)):
        with an_api(session_factory, tmp_path / url[:5], role=None, redis_url=url) as api:
            assert api.get("/health/live").json() == {"status": "ok"}
            answer = api.get("/health/ready")
            assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": None, "redis": None})


def test_ready_names_what_is_ill(server_url: str, tmp_path: Path) -> None:
    engines = [
        make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_timeout_seconds=1),
        make_engine(server_url.replace("/pilot?", "/postgres?")),
    ]
    for engine, says in zip(engines, ("does not answer", "run the migrations"), strict=True):
        with an_api(make_session_factory(engine), tmp_path, role=None, redis_url="redis://127.0.0.1:1/0") as api:
            answer = api.get("/health/ready")
            assert answer.status_code == 503
            assert says in answer.json()["database"]
            assert "Redis does not answer" in answer.json()["redis"]
            assert api.get("/health/live").status_code == 200
        engine.dispose()


def test_without_a_database_every_answer_is_503(tmp_path: Path) -> None:
    engine = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none", connect_timeout_seconds=1)
    with an_api(make_session_factory(engine), tmp_path, role=None) as api:
        answer = api.get("/api/v1/pilots", headers=bearer("pp_x"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    engine.dispose()


def test_a_key_is_stored_as_a_digest_and_can_be_revoked(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        key = create_key(session, "ci", Role.OPERATOR, PEPPER)
        assert authenticate(session, key, PEPPER).role is Role.OPERATOR
        with pytest.raises(NotAuthenticated):
            authenticate(session, key, "another pepper")
        revoke_key(session, "ci")
        with pytest.raises(NotAuthenticated):
            authenticate(session, key, PEPPER)
        with pytest.raises(Conflict):
            create_key(session, "ci", Role.OPERATOR, PEPPER)


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer pp_unknown", "Basic abc", "Bearer " + "x" * 10_000, "Bearer \xe9"])
def test_without_a_valid_key_nothing_is_told(client: TestClient, header: str | None) -> None:
    headers = [(b"Authorization", header.encode("latin-1"))] if header is not None else []
    answer = client.get("/api/v1/pilots", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_each_role_may_do_what_the_ones_before_it_may(client: TestClient, keys: dict[Role, str]) -> None:
    hours = {"who": "ada", "worked_on": "2026-11-02", "hours": 1, "kind": "tuning"}
    asked: list[tuple[Callable[[dict[str, str]], Response], Role]] = [
        (lambda head: client.get("/api/v1/pilots", headers=head), Role.VIEWER),
        (lambda head: client.post("/api/v1/pilots/nobody/hours", json=hours, headers=head), Role.LABELLER),
        (lambda head: client.post("/api/v1/pilots/nobody/start", headers=head), Role.OPERATOR),
        (lambda head: client.get("/api/v1/keys", headers=head), Role.ADMIN),
    ]
    ranks = list(Role)
    for ask, needed in asked:
        for role, key in keys.items():
            refused = ask(bearer(key)).status_code == 403
            assert refused == (ranks.index(role) < ranks.index(needed)), (role, needed)


def test_keys_are_made_listed_and_revoked_by_admins(client: TestClient, keys: dict[Role, str]) -> None:
    admin = bearer(keys[Role.ADMIN])
    made = client.post("/api/v1/keys", json={"name": "a/b c", "role": "viewer"}, headers=admin)
    assert made.status_code == 201
    assert client.get("/api/v1/pilots", headers=bearer(made.json()["key"])).status_code == 200
    assert made.json()["key"] not in client.get("/api/v1/keys", headers=admin).text
    assert client.delete("/api/v1/keys/a/b%20c", headers=admin).json()["revoked_at"] is not None
    assert client.get("/api/v1/pilots", headers=bearer(made.json()["key"])).status_code == 401
    assert client.delete("/api/v1/keys/nobody", headers=admin).status_code == 404
    last = client.delete("/api/v1/keys/admin", headers=admin)
    assert (last.status_code, "no admin left" in last.text) == (409, True)
    assert client.post("/api/v1/keys", json={"name": "x", "role": "root"}, headers=admin).status_code == 422


@pytest.fixture
def uncached_logs() -> Iterator[None]:
    """Loggers as they are at first; the run of tests gets its own back."""
    configuration = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**configuration)


@pytest.mark.usefixtures("uncached_logs")
def test_a_fault_is_500_with_an_id_that_is_in_the_log(
    session_factory: SessionFactory, tmp_path: Path, keys: dict[Role, str]
) -> None:
    with an_api(session_factory, tmp_path, role=None) as client:

        def broken(principal: Viewer) -> None:
            raise ZeroDivisionError(principal.name)

        assert isinstance(client.app, FastAPI)
        client.app.add_api_route("/api/v1/broken", broken)
        with capture_logs() as entries:
            answer = client.get("/api/v1/broken", headers=bearer(keys[Role.VIEWER]))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text
    assert [entry["id"] for entry in entries if entry["event"] == "unexpected_error"] == [error["facts"]["id"]]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("PATCH", "/api/v1/pilots", 405, "method_not_allowed"),
    ],
)
def test_an_unknown_address_is_json(client: TestClient, method: str, path: str, status: int, code: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_body_is_bounded_whether_or_not_its_length_is_told(client: TestClient, keys: dict[Role, str]) -> None:
    head = bearer(keys[Role.OPERATOR])
    big = b"#" * (1024 * 1024 + 1)
    parts = (big[n : n + 65536] for n in range(0, len(big), 65536))
    for body in (big, parts):
        answer = client.post("/api/v1/pilots", content=body, headers=head)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_wrong_file_is_422_with_its_lines(client: TestClient, keys: dict[Role, str]) -> None:
    answer = client.post("/api/v1/pilots", content=PILOT_TOML + "tpyo = 1\n", headers=bearer(keys[Role.OPERATOR]))
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["problems"]
    assert (problem["field"], problem["line"], problem["code"]) == ("candidate[0].tpyo", 11, "unknown_key")


def test_wrong_json_is_422_with_its_field(client: TestClient, keys: dict[Role, str]) -> None:
    answer = client.post("/api/v1/keys", json={"name": "x"}, headers=bearer(keys[Role.ADMIN]))
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["error"]["problems"]] == ["body.role"]


@pytest.mark.parametrize("path", ["pilots/%00", "pilots/a%00b/status", "replays/" + "9" * 30, "pilots/" + "x" * 5000])
def test_a_value_that_cannot_be_stored_is_no_fault(client: TestClient, keys: dict[Role, str], path: str) -> None:
    assert client.get(f"/api/v1/{path}", headers=bearer(keys[Role.VIEWER])).status_code in {404, 422}


def test_a_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    pepper = load_pepper(tmp_path / "home", None)
    assert len(pepper) > 30
    assert pepper == load_pepper(tmp_path / "home", None)
    assert (tmp_path / "home" / "pepper").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["pepper"]
    assert load_pepper(tmp_path / "home", "given") == "given"
