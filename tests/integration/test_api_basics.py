"""What holds for every address of the API: keys, roles, bounds, one shape of error."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.api.application import make_api
from app.api.dependencies import Services, Viewer
from app.domain.words import Role
from app.errors import NotAuthenticated
from app.jobs import Job
from app.pipeline.access import authenticate, create_key, load_pepper, revoke_key
from app.settings import Settings
from app.stack.redis import EmbeddedRedis
from app.store.session import SessionFactory, session_scope

PEPPER = "a pepper for tests"


def _publish(job: Job, arguments: list[object]) -> None:
    raise AssertionError(job)


@pytest.fixture
def api(session_factory: SessionFactory, redis_server: EmbeddedRedis, tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path, redis_url=redis_server.url, import_chunk_bytes=2 * 1024 * 1024)
    made = make_api(Services(settings, session_factory, _publish, PEPPER))

    @made.get("/api/v1/broken")
    def broken(principal: Viewer) -> None:
        raise ZeroDivisionError(principal.name)

    return made


@pytest.fixture
def keys(session_factory: SessionFactory) -> dict[Role, str]:
    with session_scope(session_factory) as session:
        return {role: create_key(session, role.value, role, PEPPER) for role in Role}


@pytest.fixture
def client(api: FastAPI) -> Iterator[TestClient]:
    with TestClient(api, raise_server_exceptions=False) as made:
        yield made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_ready_names_what_is_ill(client: TestClient, api: FastAPI) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": None, "redis": None})


def test_a_key_is_stored_as_a_digest_and_can_be_revoked(session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        key = create_key(session, "ci", Role.OPERATOR, PEPPER)
        assert authenticate(session, key, PEPPER).role is Role.OPERATOR
        with pytest.raises(NotAuthenticated):
            authenticate(session, key, "another pepper")
        revoke_key(session, "ci")
        with pytest.raises(NotAuthenticated):
            authenticate(session, key, PEPPER)


def test_a_fault_is_500_with_an_id(client: TestClient, keys: dict[Role, str]) -> None:
    answer = client.get("/api/v1/broken", headers=bearer(keys[Role.VIEWER]))
    assert answer.status_code == 500
    assert answer.json()["error"]["facts"]["id"] in answer.json()["error"]["message"]


def test_an_unknown_address_is_json(client: TestClient) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    pepper = load_pepper(tmp_path / "home", None)
    assert pepper == load_pepper(tmp_path / "home", None)
    assert (tmp_path / "home" / "pepper").stat().st_mode & 0o777 == 0o600
    assert load_pepper(tmp_path / "home", "given") == "given"
