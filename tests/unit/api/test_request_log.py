"""One line a request: its address as it is declared, and nothing that the caller said."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from app.api.declared import API_PREFIX
from app.api.request_log import RequestLog
from app.traces.about import note_key

SENTENCE = "zibbernaught"


@pytest.fixture
def client() -> TestClient:
    web, router = FastAPI(), APIRouter()

    @router.get("/pilots/{name}")
    def pilot(name: str) -> dict[str, str]:
        note_key("ci")  # in a thread, as where keys are looked up
        structlog.get_logger("app.x").info("within", seen=structlog.contextvars.get_contextvars().get("request"))
        return {"name": name}

    @web.get("/health/live")
    def live() -> str:
        return "ok"

    @web.get("/fails")
    def fails() -> str:
        raise ValueError(SENTENCE)

    web.include_router(router, prefix=API_PREFIX)
    web.include_router(router)  # a page of that name
    web.add_middleware(RequestLog)
    return TestClient(web, raise_server_exceptions=False)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as found:
        yield found


def test_the_line_has_the_declared_address_the_status_and_the_key_s_name(client: TestClient, lines: list[Any]) -> None:
    client.get(f"{API_PREFIX}/pilots/{SENTENCE}?q={SENTENCE}", headers={"Authorization": f"Bearer pp_{SENTENCE}"})
    within, answered = lines
    assert {name: answered[name] for name in ("event", "method", "route", "status", "key")} == {
        "event": "answered", "method": "GET", "route": "/api/v1/pilots/{name}", "status": 200, "key": "ci",
    }  # fmt: skip
    assert answered["seconds"] >= 0
    assert within["request"] == within["seen"] == answered["request"]
    assert SENTENCE not in str(lines)


@pytest.mark.parametrize(
    ("path", "route", "status", "level"),
    [
        (f"/{SENTENCE}", "none", 404, "info"),
        ("/pilots/a", "/pilots/{name}", 200, "info"),
        ("/fails", "/fails", 500, "info"),
        ("/health/live", "/health/live", 200, "debug"),
    ],
)
def test_whatever_is_asked_there_is_a_line(
    client: TestClient, lines: list[Any], path: str, route: str, status: int, level: str
) -> None:
    client.get(path)
    (line,) = [line for line in lines if line["event"] == "answered"]
    assert (line["route"], line["status"], line["log_level"]) == (route, status, level)
    assert SENTENCE not in str(line)


def test_two_requests_have_two_ids_and_the_key_of_one_is_not_the_other_s(client: TestClient, lines: list[Any]) -> None:
    client.get("/pilots/a")
    client.get("/health/live")
    first, second = [line for line in lines if line["event"] == "answered"]
    assert first["request"] != second["request"]
    assert "key" not in second
