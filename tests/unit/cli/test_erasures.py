"""`pilot erase` and `pilot erasures`: what is asked of the service, and what is said of its answer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from parallel_pilot.cli import main

RECEIPT = {
    "id": 7, "pilot": "p", "kind": "user", "subject_digest": "ab", "by": "dpo", "erased_at": "2026-11-21T22:40:03Z",
    "counts": {"exchanges": 3}, "receipt_hash": "9b07",
}  # fmt: skip
COUNTS = {"exchanges": 3, "texts": 9, "first_arrival": "2026-11-02T00:00:00Z", "last_arrival": "2026-11-09T00:00:00Z"}
DONE = {"counts": COUNTS, "receipt": RECEIPT, "is_again": False}
Asked = list[tuple[str, Any]]


@pytest.fixture
def answers() -> dict[str, Any]:
    return {
        "POST /api/v1/pilots/p/erasures": DONE, "GET /api/v1/pilots/p/erasures": [RECEIPT],
        "POST /api/v1/erasures/verify": {"is_genuine": True, "is_stored": True, "message": "the receipt is genuine"},
    }  # fmt: skip


@pytest.fixture
def asked(answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    calls: Asked = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, said: Any) -> None:
            calls.append((self.path, said))
            body = json.dumps(answers[f"{self.command} {self.path}"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("PILOT_SERVICE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PILOT_API_KEY", "pp_test")
    yield calls
    server.shutdown()
    server.server_close()


def test_an_erasure_is_told_with_its_receipt(asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "receipt.json"
    assert main.run(["erase", "p", "--user", "u-4711", "--out", str(out)]) == 0
    assert asked[-1] == ("/api/v1/pilots/p/erasures", {"kind": "user", "subject": "u-4711", "dry_run": False})
    said = capsys.readouterr().out
    assert "of 2026-11-02 to 2026-11-09" in said
    assert "stored texts: 9" in said
    assert "u-4711" not in said
    assert json.loads(out.read_text()) == RECEIPT
    assert main.run(["erase", "--verify", str(out)]) == 0
    assert asked[-1] == ("/api/v1/erasures/verify", RECEIPT)
    assert main.run(["erasures", "p"]) == 0
    assert "2026-11-21T22:40:03" in capsys.readouterr().out


def test_what_is_held_is_told_without_removing(
    asked: Asked, answers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["POST /api/v1/pilots/p/erasures"] = DONE | {"receipt": None}
    assert main.run(["erase", "p", "--conversation", "c-1", "--dry-run"]) == 0
    assert asked[-1][1] == {"kind": "conversation", "subject": "c-1", "dry_run": True}
    assert "3 exchanges, of 2026-11-02 to 2026-11-09, 9 texts" in capsys.readouterr().out


def test_asked_again_it_says_so_and_a_forged_receipt_is_an_error(
    asked: Asked, answers: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers["POST /api/v1/pilots/p/erasures"] = DONE | {"is_again": True}
    assert main.run(["erase", "p", "--user", "u"]) == 0
    assert "nothing more is held" in capsys.readouterr().out
    answers["POST /api/v1/erasures/verify"] = {"is_genuine": False, "is_stored": False, "message": "changed"}
    out = tmp_path / "receipt.json"
    out.write_text(json.dumps(DONE))
    assert main.run(["erase", "--verify", str(out)]) == 1
    assert asked[-1][1] == RECEIPT, "what --json printed is taken, too"


@pytest.mark.parametrize(
    "arguments", [["erase", "p"], ["erase", "p", "--user", "a", "--conversation", "b"], ["erase", "--user", "a"],
                  ["erase", "--verify", "/nowhere/receipt.json"]],
)  # fmt: skip
def test_wrong_use_is_told(asked: Asked, arguments: list[str]) -> None:
    assert main.run(arguments) == 2
    assert asked == []
