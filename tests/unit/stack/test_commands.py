import subprocess
import sys
from pathlib import Path

import pytest

from app.stack.commands import HELP, OTHERS, STACK, environment_of, module_of

ROOT = Path(__file__).resolve().parents[3]


def test_the_default_tests_leave_out_the_slow_ones_and_two_processes_share_them() -> None:
    assert module_of("test", []) == ["pytest", "-m", "not slow", "-n", "2", "--dist", "loadfile"]
    assert module_of("test", ["-x", "tests/unit"]) == ["pytest", "-m", "not slow", "-x", "tests/unit"]


@pytest.mark.parametrize("chosen", [["-m", "slow"], ["-mslow"], ["tests/simulation/test_x.py::test_y"]], ids=" ".join)
def test_who_chooses_tests_is_given_them(chosen: list[str]) -> None:
    assert module_of("test", chosen) == ["pytest", *chosen]


@pytest.mark.parametrize("command", ["dem", "", "--version"])
def test_an_unknown_command_is_told_the_list(command: str) -> None:
    with pytest.raises(LookupError, match=r"(?s)there is no command.*demo.*bench"):
        module_of(command, [])


def test_a_bench_is_found_by_its_name_and_an_unknown_one_lists_them() -> None:
    assert module_of("bench", ["recorded", "--data", "x"]) == ["tests.bench.recorded", "--data", "x"]
    with pytest.raises(LookupError, match="recorded"):
        module_of("bench", ["recorded_figures"])
    with pytest.raises(LookupError, match="recorded"):
        module_of("bench", [])


def test_a_bundle_is_computed_again_by_the_checkout_and_asks_no_service() -> None:
    assert module_of("pilot", ["reproduce", "b.zip", "--json"]) == ["app.stack.reproduce", "b.zip", "--json"]
    assert module_of("pilot", ["list"]) == ["app.stack.cli", "pilot", "list"]


def test_tests_know_nothing_of_a_stack_that_runs() -> None:
    given = {"HOME": str(ROOT), "PILOT_DATABASE_URL": "x", "PILOT_TEST_SKIPS_FILE": "y", "PATH": "/bin"}
    assert environment_of("test", given) == {"HOME": str(ROOT), "PILOT_TEST_SKIPS_FILE": "y", "PATH": "/bin"}


def test_a_home_given_in_short_is_where_the_user_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    home = {"HOME": str(tmp_path)}
    assert environment_of("up", home)["PILOT_HOME"] == str(ROOT / ".pilot")
    assert environment_of("pilot", home | {"PILOT_HOME": "state"})["PILOT_HOME"] == str(tmp_path / "state")


def test_every_command_is_in_the_help() -> None:
    for command in (*STACK, *OTHERS, "test", "bench"):
        assert f"\n  {command} " in HELP


@pytest.mark.parametrize(
    ("arguments", "code"), [(["help"], 0), ([], 0), (["nonsense"], 2), (["bench", "nonsense"], 2)], ids=str
)
def test_run_itself_exits_as_scripts_expect(arguments: list[str], code: int) -> None:
    done = subprocess.run([sys.executable, ROOT / "run", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert ("./run COMMAND" in done.stdout) == (code == 0)
