from pathlib import Path

import pytest

from app.stack.environment import is_current, locked_lines, stamp_of, tool_environment

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "requirements.lock").write_text("one==1 \\\n    --hash=sha256:11\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


def test_an_environment_is_renewed_when_lock_or_project_change_or_the_folder_moves(checkout: Path) -> None:
    first = stamp_of(checkout)
    assert stamp_of(checkout) == first
    (checkout / "requirements.lock").write_text("one==2 \\\n    --hash=sha256:22\n")
    second = stamp_of(checkout)
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert len({first, second, stamp_of(moved)}) == 3


def test_an_environment_that_was_not_finished_or_lost_its_python_is_not_current(checkout: Path) -> None:
    venv = checkout / ".venv"
    stamp = stamp_of(checkout)
    assert not is_current(venv, stamp)
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/usr/bin/env")
    assert not is_current(venv, stamp)
    (venv / ".made-from").write_text(stamp)
    assert is_current(venv, stamp)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(checkout / "removed")
    assert not is_current(venv, stamp)


def test_the_installer_is_taken_from_the_lock_with_its_hashes() -> None:
    lines = locked_lines((ROOT / "requirements.lock").read_text(), "uv").splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 5
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
    assert not lines[-1].endswith("\\")


def test_tools_get_a_home_in_the_checkout_where_the_own_cannot_be_written(checkout: Path) -> None:
    found = tool_environment(checkout, {"HOME": "/proc/nowhere", "PATH": "/bin"})
    assert found["PATH"] == "/bin"
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        assert Path(found[name]).is_relative_to(checkout)
    assert Path(found["HOME"]).is_dir()


def test_a_home_that_can_be_written_is_left_alone(checkout: Path) -> None:
    given = {"HOME": str(checkout)}
    assert tool_environment(checkout, given) == given


def test_compiled_files_are_kept_whatever_the_shell_says(checkout: Path) -> None:
    environment = tool_environment(checkout, {"HOME": str(checkout), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C"})
    assert environment == {"HOME": str(checkout), "LANG": "C"}


def test_a_cache_that_cannot_be_written_moves_alone(checkout: Path) -> None:
    found = tool_environment(checkout, {"HOME": str(checkout), "XDG_CACHE_HOME": "/proc/nowhere"})
    assert found == {"HOME": str(checkout), "XDG_CACHE_HOME": str(checkout / ".tools" / "cache")}
