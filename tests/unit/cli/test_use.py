"""How the command answers wrong use, a missing key and a service that is not there."""

import json
import socket
from pathlib import Path

import pytest

from parallel_pilot.cli import main
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed, Problem, WrongUse
from parallel_pilot.cli.screen import show_failure
from parallel_pilot.cli.verdict import interval, share


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("PILOT_SERVICE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("PILOT_API_KEY", "pp_test")


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["fly"], ["start"], ["mirror", "perhaps", "x"], ["create", "/nowhere/pilot.toml"], ["import", "x", "/nowhere"],
        ["hours"], ["hours", "add", "x"], ["extend", "x", "--days", "15"], ["keys", "add", "x", "--role", "king"],
        ["report", "x", "--out", "r", "--format", "doc"],
        ["routing"], ["routing", "x", "--format", "nginx"],
        ["decision", "sign", "x", "--outcome", "STAY", "--name", "Ada", "--role", "CFO"],
        ["decision", "sign", "x", "--outcome", "EXTEND", "--name", "Ada", "--role", "CFO", "--until", "soon"],
    ],
)  # fmt: skip
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(arguments) == 2
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert printed.err or printed.out


def test_a_format_that_a_report_does_not_come_in_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", "x", "--out", "r.doc", "--format", "doc"]) == 2
    assert "'doc' is unknown; there are: html, pdf, pptx, xlsx, md, json, zip, parquet, csv" in capsys.readouterr().err


def test_without_a_key_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PILOT_API_KEY")
    assert main.run(["list"]) == 2
    assert capsys.readouterr().err.startswith("set PILOT_API_KEY")
    monkeypatch.setenv("PILOT_API_KEY", "schl\u00fcssel")
    assert main.run(["list"]) == 2


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "nonsense"])
def test_a_wrong_address_is_wrong_use(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PILOT_SERVICE_URL", url)
    assert main.run(["list"]) == 2
    assert "PILOT_SERVICE_URL" in capsys.readouterr().err


def test_a_service_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["list"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cannot be reached" in printed.err
    assert "PILOT_SERVICE_URL" in printed.err


def test_version_and_help_are_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == "0.1.0\n"
    assert main.run(["import", "--help"]) == 0


def test_every_problem_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    problems = (Problem("must be [bold]one[/] of 'a', 'b'", "candidate[0].server", 7), Problem("unreadable"))
    show_failure(CommandFailed("no [red]luck", problems=problems, file="pilot.toml"))
    printed = capsys.readouterr().err
    assert "no [red]luck" in printed
    assert "must be [bold]one[/] of 'a', 'b'" in printed
    assert "candidate[0].server" in printed


def test_names_become_one_part_of_an_address() -> None:
    assert part("a/b c?#..") == "a%2Fb%20c%3F%23.."


def test_unknown_numbers_are_words() -> None:
    assert (share(None), share(0.51234567)) == ("unknown", "51.2%")
    assert interval({"low": None, "high": None}) == ""
    assert interval({"low": 0.25, "high": None}) == "[25.0%, unknown]"


def test_a_key_is_never_in_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["list", "--json"]) == 1
    assert "pp_test" not in json.dumps(capsys.readouterr())


def test_the_client_takes_a_bad_address_as_wrong_use() -> None:
    with pytest.raises(WrongUse):
        Client("nonsense", "k")
