import os
import stat
from pathlib import Path

import pytest

from app.errors import StackError
from app.stack.account import MAX_SOCKET_FOLDER, Account, can_reach, socket_folder
from app.stack.home import Addresses, ProcessEntry, StackHome, StackState, read_settings, write_private
from app.stack.process import start_token


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def a_state(entry: ProcessEntry) -> StackState:
    return StackState(supervisor=entry, addresses=Addresses(api_url="u", dashboard_url="d", admin_key_file="k"))


def test_a_private_file_is_nobody_elses_from_its_first_byte(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    write_private(file, "secret")
    write_private(file, "another")
    assert file.read_text() == "another"
    assert mode_of(file) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_new_home_cannot_be_listed_by_others_and_no_parent_changes(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    StackHome(tmp_path / "deep" / "home").prepare()
    assert mode_of(tmp_path / "deep" / "home") & 0o066 == 0
    assert mode_of(tmp_path) == 0o750


def test_a_home_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    StackHome(tmp_path).prepare()
    assert mode_of(tmp_path) == 0o755


def test_a_home_that_cannot_be_made_names_the_setting() -> None:
    with pytest.raises(StackError, match="PILOT_HOME"):
        StackHome(Path("/proc/nowhere")).prepare()


def test_only_one_supervisor_holds_a_home(tmp_path: Path) -> None:
    home = StackHome(tmp_path)
    with home.lock() as first, home.lock() as second:
        assert (first, second) == (True, False)
    with home.lock() as later:
        assert later


def test_a_state_whose_supervisor_is_gone_is_not_running(tmp_path: Path) -> None:
    home = StackHome(tmp_path)
    assert home.running() is None
    home.write_state(a_state(ProcessEntry(name="supervisor", pid=os.getpid(), start_token="an:earlier-process")))
    assert home.running() is None
    home.write_state(a_state(ProcessEntry(name="supervisor", pid=os.getpid(), start_token=start_token(os.getpid()))))
    assert home.running() is not None


def test_a_state_of_another_version_is_as_none(tmp_path: Path) -> None:
    home = StackHome(tmp_path)
    home.state_file.write_text('{"half": ')
    assert home.read_state() is None


def test_a_wrong_setting_is_named_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILOT_API_PORT", "http")
    with pytest.raises(StackError, match=r"PILOT_API_PORT.*'http'"):
        read_settings()


def test_an_account_does_not_reach_through_a_private_parent(tmp_path: Path) -> None:
    folder = tmp_path / "private" / "inside"
    folder.mkdir(parents=True)
    stranger = Account(uid=54321, gid=54321)
    (tmp_path / "private").chmod(0o700)
    assert not can_reach(folder, stranger)
    assert can_reach(folder, Account())


def test_a_path_too_long_for_a_socket_moves_to_a_short_folder_of_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path.parent.parent) if len(str(tmp_path)) > 50 else str(tmp_path))
    home = tmp_path / ("long" * 30)
    found = socket_folder(home / "run", home, Account())
    assert len(str(found)) <= MAX_SOCKET_FOLDER
    assert mode_of(found) == 0o700
    assert socket_folder(home / "run", home, Account()) == found
    assert socket_folder(home / "run", tmp_path / "other", Account()) != found
