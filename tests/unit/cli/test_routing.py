"""`pilot routing`: what is asked for, and that the file holds the service's bytes."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from parallel_pilot.cli import main

BODY = b"model_list: []\n# \xc3\xa4\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    paths: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        @override
        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("PILOT_SERVICE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PILOT_API_KEY", "pp_test")
    yield paths
    server.shutdown()
    server.server_close()


def test_the_file_holds_what_the_service_said(asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "litellm.yaml"
    assert main.run(["routing", "support bot", "--candidate", "qwen", "--format", "litellm", "--out", str(out)]) == 0
    assert out.read_bytes() == BODY
    assert asked == ["/api/v1/pilots/support%20bot/routing?candidate=qwen&format=litellm"]
    assert str(out) in capsys.readouterr().out


def test_without_a_file_it_is_printed(asked: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main.run(["routing", "x"]) == 0
    assert capfdbinary.readouterr().out == BODY
    assert asked == ["/api/v1/pilots/x/routing?format=json"]


def test_a_file_that_cannot_be_written_is_one_sentence(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["routing", "x", "--out", str(tmp_path / "no" / "r.json")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert asked
