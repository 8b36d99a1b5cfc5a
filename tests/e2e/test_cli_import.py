"""`pilot import` against the real API: streams, resumes, names every faulty line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.application import make_api
from app.domain.words import Role
from app.store.session import SessionFactory
from parallel_pilot.cli import imports, main
from tests.api import PILOT_TOML, key_for, services_for
from tests.e2e.served import served

Pilot = Callable[..., tuple[int, str, str]]


class Lossy:
    """An API that stores some chunks and answers as a proxy does whose connection to it broke."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.lost: set[int] = set()
        self.chunks: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            is_lost = len(self.chunks) in self.lost and scope.get("method") == "PUT"
            await send({**message, "status": 503} if is_lost and "status" in message else message)

        if scope.get("method") == "PUT":
            self.chunks.append(scope["query_string"].decode().zfill(20))
        await self.app(scope, receive, sent)


@pytest.fixture
def lossy(session_factory: SessionFactory, tmp_path: Path) -> Lossy:
    return Lossy(make_api(services_for(session_factory, tmp_path)))


@pytest.fixture
def pilot(
    lossy: Lossy, session_factory: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Pilot]:  # fmt: skip
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    toml = tmp_path / "pilot.toml"
    toml.write_text(PILOT_TOML)
    with served(lossy) as url:
        monkeypatch.setenv("PILOT_SERVICE_URL", url)
        monkeypatch.setenv("PILOT_API_KEY", key_for(Role.ADMIN, session_factory))
        assert run("create", str(toml))[0] == 0
        yield run


def line(number: int, **more: Any) -> bytes:
    document = {
        "exchange_id": f"e-{number}",
        "arrived_at": f"2026-10-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"question {number}"}]},
        "replies": {"incumbent": {"content": f"answer {number}"}, "qwen": {"content": f"other {number}"}},
    }
    return json.dumps(document | more).encode() + b"\n"


def counts(done: tuple[int, str, str]) -> Any:
    assert done[0] == 0, done[2]
    return json.loads(done[1])


def test_a_file_is_imported_and_again_is_unchanged(pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(line(number) for number in range(500)))
    assert counts(pilot("import", "support-bot", str(file), "--json")) == {
        "lines": 500,
        "new": 500,
        "unchanged": 0,
        "merged": 0,
    }
    assert counts(pilot("import", "support-bot", str(file), "--json")) == {
        "lines": 500,
        "new": 0,
        "unchanged": 500,
        "merged": 0,
    }
    assert "500 exchanges" in pilot("status", "support-bot")[1]


def test_every_faulty_line_is_in_the_table_and_nothing_is_imported(pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(line(1) + line(2, arrived_at="2026-10-01T00:00:00") + line(3) + line(4, segmnet="x") + b'{"half": ')
    code, out, err = pilot("import", "support-bot", str(file), "--json")
    assert (code, out) == (1, "")
    assert err.startswith(f"{file}: nothing was imported: 3 lines are wrong")
    assert [row.split()[0] for row in err.splitlines() if row[:1].isdigit()] == ["2", "4", "5"]
    assert "did you mean 'segment'" in err
    assert json.loads(pilot("status", "support-bot", "--json")[1])["exchanges"] == 0


def test_it_goes_on_where_a_lost_connection_ended_it(
    pilot: Pilot, lossy: Lossy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(imports.chunks, "__kwdefaults__", {"size": 4096, "longest": 10**6})
    lossy.lost = {2, 3, 7}
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(line(number) for number in range(200)))
    assert counts(pilot("import", "support-bot", str(file), "--json"))["new"] == 200
    assert sorted(set(lossy.chunks)) == lossy.chunks
    assert len(lossy.chunks) > 8


def test_an_import_that_was_cut_off_is_resumed_by_the_next_call(
    pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports.chunks, "__kwdefaults__", {"size": 4096, "longest": 10**6})
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(line(number) for number in range(200)))
    with monkeypatch.context() as cut:
        cut.setattr(imports, "_commit", _interrupted)
        assert pilot("import", "support-bot", str(file))[0] == 130
    code, out, err = pilot("import", "support-bot", str(file))
    assert (code, out) == (0, "200 lines: 200 new, 0 unchanged, 0 merged\n")
    assert "goes on from there" in err


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_an_export_that_is_an_array_is_imported(pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "spend.json"
    file.write_text("[1, 2]")
    code, _, err = pilot("import", "support-bot", str(file), "--format", "litellm")
    assert code == 1
    assert "one JSON array" in err


def test_a_missing_pilot_is_named_with_the_file(pilot: Pilot, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(line(1))
    code, _, err = pilot("import", "nobody", str(file))
    assert (code, "no pilot named 'nobody'" in err) == (1, True)
