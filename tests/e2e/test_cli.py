"""The command `pilot` against the real API behind a socket and a real database."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.application import make_api
from app.domain.words import Role
from app.store.session import SessionFactory
from parallel_pilot.cli import main
from tests.api import PILOT_TOML, key_for, services_for
from tests.e2e.served import served

Pilot = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pilot(
    session_factory: SessionFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Pilot]:
    """Runs `pilot …` as an admin and gives exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    with served(make_api(services_for(session_factory, tmp_path))) as url:
        monkeypatch.setenv("PILOT_SERVICE_URL", url + "/")
        monkeypatch.setenv("PILOT_API_KEY", key_for(Role.ADMIN, session_factory))
        yield run


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    file = tmp_path / "pilot.toml"
    file.write_text(PILOT_TOML)
    return file


def document(done: tuple[int, str, str]) -> Any:
    code, out, err = done
    assert code == 0, err
    assert len(out.splitlines()) == 1
    return json.loads(out)


def test_a_pilots_life(pilot: Pilot, toml: Path) -> None:
    code, out, _ = pilot("create", str(toml))
    assert code == 0
    assert "incumbent.family = 'openai' was guessed" in out
    assert document(pilot("start", "support-bot", "--json"))["state"] == "running"
    assert "42 days" in pilot("extend", "support-bot")[1]
    assert document(pilot("mirror", "off", "support-bot", "--json"))["mirror_on"] is False
    assert "running" in pilot("list")[1]
    code, out, _ = pilot("status", "support-bot")
    assert "support-bot is running" in out
    assert "next: there is no exchange yet" in out
    assert document(pilot("status", "support-bot", "--json"))["mirror_on"] is False
    assert pilot("default", "support-bot")[0] == 0
    assert pilot("stop", "support-bot")[0] == 0
    assert pilot("detach", "support-bot")[0] == 0
    code, out, err = pilot("start", "support-bot")
    assert (code, out) == (1, "")
    assert "only one that is draft can be started" in err


def test_a_wrong_file_is_a_table_of_its_problems(pilot: Pilot, toml: Path) -> None:
    toml.write_text(PILOT_TOML.replace('name = "qwen"', 'name = "qwen"\nserver = "vlm"\nreplica = 2'))
    code, out, err = pilot("create", str(toml))
    assert (code, out) == (1, "")
    for said in ("pilot.toml", "8", "candidate[0].server", "tensorrt-llm", "9", "did you mean 'replicas'?"):
        assert said in err
    assert document(pilot("list", "--json")) == []


def test_configuration_changes_are_said(pilot: Pilot, toml: Path) -> None:
    pilot("create", str(toml))
    toml.write_text(PILOT_TOML + "[quality]\nmargin = 0.1\n")
    assert "changed: quality.margin" in pilot("configure", "support-bot", str(toml))[1]


def test_hours(pilot: Pilot, toml: Path, tmp_path: Path) -> None:
    pilot("create", str(toml))
    added = pilot(
        "hours", "add", "support-bot", "--who", "ada", "--hours", "3.5", "--kind", "set-up", "--on", "2026-11-02", "--json"
    )
    assert document(added)["hours"] == 3.5
    sheet = tmp_path / "hours.csv"
    sheet.write_text("who,worked_on,hours,kind,recurring\nbob,2026-11-03,2,on-call,true\n")
    assert document(pilot("hours", "import", "support-bot", str(sheet), "--json")) == {"lines": 1, "new": 1, "unchanged": 0}
    out = pilot("hours", "list", "support-bot")[1]
    assert "comes again" in out
    assert "once: 3.5 hours; recurring: 2 hours" in out
    sheet.write_text("who,worked_on,hours,kind\nbob,2026-11-03,x,coffee\n")
    code, _, err = pilot("hours", "import", "support-bot", str(sheet))
    assert code == 1
    assert "hours.csv" in err
    assert "must be one of set-up" in err
    assert pilot("hours", "add", "support-bot", "--who", "a", "--hours", "1", "--kind", "coffee")[0] == 1


def test_keys(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = pilot("keys", "add", "ci runner", "--role", "viewer")
    assert (code, out.startswith("pp_"), "this once" in err) == (0, True, True)
    assert [key["name"] for key in document(pilot("keys", "list", "--json"))] == ["admin", "ci runner"]
    monkeypatch.setenv("PILOT_API_KEY", out.strip())
    code, _, err = pilot("keys", "list")
    assert (code, "role admin" in err) == (1, True)
    monkeypatch.setenv("PILOT_API_KEY", "pp_wrong")
    code, _, err = pilot("list")
    assert (code, "unknown or revoked" in err) == (1, True)


def test_an_unknown_pilot_is_named(pilot: Pilot) -> None:
    for command in (["status", "a b/c"], ["hours", "list", "a b/c"], ["start", "a b/c"]):
        code, _, err = pilot(*command)
        assert code == 1
        assert "a b/c" in err


def test_another_servers_answer_is_not_taken_for_the_services(pilot: Pilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOT_SERVICE_URL", os.environ["PILOT_SERVICE_URL"] + "health")
    assert pilot("list")[0] == 1
