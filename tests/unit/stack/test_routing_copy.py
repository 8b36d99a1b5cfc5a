"""A gateway without a shared folder learns where to send what, and keeps what it knows while nobody can be asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from typing_extensions import override

from app.domain.routing import PilotRoute, Routing, routing_document, routing_of
from app.stack.routing_copy import ADDRESS, fetch, main, seed, write
from parallel_pilot.cli.application import app as application

KNOWN = routing_document(Routing("bot", {"bot": PilotRoute("bot", "https://vendor/v1", True, "full")}))


def as_file(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_a_new_file_is_written_once_and_one_that_no_gateway_reads_never(tmp_path: Path) -> None:
    file = tmp_path / "routing.json"
    assert write(file, as_file(KNOWN))
    assert not write(file, as_file(KNOWN))
    for wrong in (b"", b"[]", b"{}", as_file(KNOWN | {"version": 99}), as_file(KNOWN | {"pilots": {"bot": {}}})):
        with pytest.raises(ValueError, match="not what a gateway reads"):
            write(file, wrong)
    assert routing_of(json.loads(file.read_bytes())).default == "bot"
    assert [path.name for path in tmp_path.iterdir()] == ["routing.json"]


def test_a_kept_file_is_begun_with_only_where_there_is_none(tmp_path: Path) -> None:
    kept, file = tmp_path / "kept.json", tmp_path / "home" / "routing.json"
    file.parent.mkdir()
    assert not seed(file, kept)
    kept.write_bytes(as_file(KNOWN))
    assert seed(file, kept)
    kept.write_bytes(as_file(KNOWN | {"default": None}))
    assert not seed(file, kept)
    assert json.loads(file.read_bytes()) == KNOWN


def test_it_is_asked_for_with_a_key(tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []
    with an_api(asked) as url:
        assert write(tmp_path / "routing.json", fetch(url, "a key"))
    assert asked == [(ADDRESS, "Bearer a key")]


def test_the_key_follows_no_redirect_and_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere: list[tuple[str, str | None]] = []
    with an_api(elsewhere) as other:
        monkeypatch.setenv("http_proxy", other)
        asked: list[tuple[str, str | None]] = []
        with an_api(asked, moved_to=f"{other}/there") as url, pytest.raises(OSError, match="302"):
            fetch(url, "a key")
    assert (asked, elsewhere) == ([(ADDRESS, "Bearer a key")], [])


def test_without_a_key_it_names_the_command_that_makes_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PILOT_API_KEY", raising=False)
    assert main(["--api", "http://127.0.0.1:1"]) == 1
    told = capsys.readouterr().err.partition(": pilot ")[2].split()
    assert CliRunner().invoke(application, [*told, "--help"]).exit_code == 0


def test_an_answer_that_breaks_off_leaves_the_file_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "routing.json"
    write(file, as_file(KNOWN))
    monkeypatch.setenv("PILOT_HOME", str(tmp_path))
    monkeypatch.setenv("PILOT_API_KEY", "a key")
    with an_api([], breaks_off=True) as url:
        assert main(["--api", url, "--once"]) == 0
    assert json.loads(file.read_bytes()) == KNOWN
    assert "stays as it is" in capsys.readouterr().err


@contextmanager
def an_api(asked: list[tuple[str, str | None]], moved_to: str | None = None, *, breaks_off: bool = False) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(302 if moved_to else 200)
            if moved_to:
                self.send_header("Location", moved_to)
            if breaks_off:
                self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(as_file(KNOWN))

        @override
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
