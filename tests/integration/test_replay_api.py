"""Replays through the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.application import make_api
from app.api.dependencies import Services
from app.domain.words import Role
from app.jobs import Job
from app.pipeline.access import create_key
from app.settings import Settings
from app.store.audit import list_actions
from app.store.session import SessionFactory, session_scope
from tests.integration.replay_runs import Recorder, work
from tests.integration.replaying import a_candidate, a_replayable_pilot
from tests.model_servers import model_server

sent: list[tuple[Job, list[Any]]] = []


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    sent.clear()
    services = Services(Settings(home=tmp_path), session_factory, lambda job, given: sent.append((job, given)), "pepper")
    with session_scope(session_factory) as session:
        keys = {role: create_key(session, role.value, role, "pepper") for role in (Role.VIEWER, Role.OPERATOR)}
    with TestClient(make_api(services), headers={"Authorization": f"Bearer {keys[Role.OPERATOR]}"}) as client:
        client.headers["X-Viewer"] = keys[Role.VIEWER]
        yield client


def test_a_replay_from_its_request_to_its_end(api: TestClient, session_factory: SessionFactory) -> None:
    with model_server(Recorder()) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(
                session, a_candidate(url, input_usd_per_million_tokens=1, output_usd_per_million_tokens=10), exchanges=4
            )
        made = api.post("/api/v1/pilots/support-bot/replays", json={"limit_usd": "1.50", "limit_exchanges": 3})
        assert made.status_code == 202, made.text
        queued = made.json()
        assert (queued["state"], queued["asked"], queued["remaining"], queued["usd"]) == ("queued", 0, 3, "0.000000")
        assert [(Job.REPLAY, [queued["id"]])] == sent
        work(session_factory, queued["id"])
    done = api.get(f"/api/v1/replays/{queued['id']}").json()
    assert {key: done[key] for key in ("state", "asked", "answered", "failed", "not_asked", "remaining", "usd")} == {
        "state": "done", "asked": 3, "answered": 3, "failed": 0, "not_asked": 0, "remaining": 1, "usd": "0.006000",
    }  # fmt: skip
    assert done["candidates"]["qwen"]["answered"] == 3
    assert (done["limit_usd"], done["limit_seconds"], done["candidate"], done["by"]) == ("1.500000", None, None, "operator")
    refused = api.post(f"/api/v1/replays/{queued['id']}/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


def test_a_queued_replay_can_be_cancelled_and_both_are_in_the_audit_log(
    api: TestClient, session_factory: SessionFactory
) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=1)
    made = api.post("/api/v1/pilots/support-bot/replays", json={"candidate": "qwen"}).json()
    cancelled = api.post(f"/api/v1/replays/{made['id']}/cancel").json()
    assert (cancelled["state"], cancelled["message"]) == ("cancelled", "cancelled by operator")
    assert work(session_factory, made["id"]) is None
    with session_factory() as session:
        assert [action for _, action in list_actions(session)][-2:] == ["replay.create", "replay.cancel"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"limit_usd": "-1"}, 422, "invalid_input"),
        ({"limit_usd": "NaN"}, 422, "invalid_input"),
        ({"limit_exchanges": 0}, 422, "invalid_input"),
        ({"limit_seconds": 0}, 422, "invalid_input"),
        ({"candidates": "qwen"}, 422, "invalid_input"),
        ({"candidate": "nobody"}, 422, "invalid_input"),
        ({"limit_usd": "1"}, 409, "unknown_price"),
    ],
)
def test_a_wrong_request_is_named(
    api: TestClient, session_factory: SessionFactory, body: dict[str, Any], status: int, code: str
) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=1)
    answer = api.post("/api/v1/pilots/support-bot/replays", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert sent == []


def test_who_may_and_what_is_not_there(api: TestClient, session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        a_replayable_pilot(session, a_candidate("http://127.0.0.1:1/v1"), exchanges=1)
    viewer = {"Authorization": f"Bearer {api.headers['X-Viewer']}"}
    assert api.post("/api/v1/pilots/support-bot/replays", json={}, headers=viewer).status_code == 403
    made = api.post("/api/v1/pilots/support-bot/replays", json={}).json()
    assert api.get(f"/api/v1/replays/{made['id']}", headers=viewer).status_code == 200
    assert api.post(f"/api/v1/replays/{made['id']}/cancel", headers=viewer).status_code == 403
    assert api.get("/api/v1/replays/99999").status_code == 404
    assert api.get("/api/v1/replays/99999999999999999999").status_code in (404, 422)
    assert api.post("/api/v1/pilots/nobody/replays", json={}).status_code == 404
