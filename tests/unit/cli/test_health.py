"""`pilot health`: what is ill, since when, where to read on, and how it ends."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from parallel_pilot.cli import main

OK = {"name": "api", "status": "ok", "what": "it answers", "since_seconds": None}
ILL = {"name": "redis", "status": "ill", "what": "it does not answer", "since_seconds": 600.0}
UNKNOWN = {"name": "mirror", "status": "unknown", "what": "Redis does not answer", "since_seconds": None}


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, Any]], None]]:
    said: dict[str, Any] = {}

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(said).encode()
            self.send_response(200 if self.path == "/health/parts" and "Authorization" not in self.headers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("PILOT_SERVICE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("PILOT_API_KEY", raising=False)
    yield said.update
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("parts", "code", "told"),
    [
        ([OK], 0, ["every part is well"]),
        ([OK, ILL], 1, ["ill for 10 min", "it does not answer", "docs/runbook.md#part-redis"]),
        ([OK, UNKNOWN], 1, ["unknown", "not all answer"]),
    ],
)
def test_what_is_ill_is_said_and_is_the_exit_code(
    says: Any, capsys: pytest.CaptureFixture[str], parts: list[Any], code: int, told: list[str]
) -> None:
    says({"status": "ill" if code else "ok", "parts": parts})
    assert main.run(["health"]) == code
    printed = capsys.readouterr().out
    assert [word for word in told if word not in printed] == []


def test_as_json_it_is_the_answer(says: Any, capsys: pytest.CaptureFixture[str]) -> None:
    says({"status": "ill", "parts": [ILL]})
    assert main.run(["health", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"status": "ill", "parts": [ILL]}


def test_a_service_that_does_not_answer_is_the_part_that_is_ill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PILOT_SERVICE_URL", "http://127.0.0.1:9")
    assert main.run(["health"]) == 1
    assert "docs/runbook.md#part-api" in capsys.readouterr().out
    assert main.run(["health", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["parts"][0]["name"] == "api"
