import os
from pathlib import Path

import pytest

from app.settings import Settings
from app.stack.cli import pilot_environment
from app.stack.home import Addresses, ProcessEntry, StackHome, StackState
from app.stack.process import start_token

LOCAL = "http://127.0.0.1:43210"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a stack that runs (this very process is its supervisor) and has a key."""
    home = StackHome(tmp_path)
    home.admin_key_file.write_text("local-key")
    supervisor = ProcessEntry(name="supervisor", pid=os.getpid(), start_token=start_token(os.getpid()))
    addresses = Addresses(api_url=LOCAL, dashboard_url=LOCAL, admin_key_file=str(home.admin_key_file))
    home.write_state(StackState(supervisor=supervisor, addresses=addresses))
    return Settings(home=tmp_path)


def test_the_local_stack_is_named_with_its_key(settings: Settings) -> None:
    assert pilot_environment(settings, {}) == {"PILOT_SERVICE_URL": LOCAL, "PILOT_API_KEY": "local-key"}


def test_a_key_that_is_given_is_kept(settings: Settings) -> None:
    assert pilot_environment(settings, {"PILOT_API_KEY": "mine"})["PILOT_API_KEY"] == "mine"


def test_the_local_key_is_not_sent_to_another_service(settings: Settings) -> None:
    given = {"PILOT_SERVICE_URL": "https://pilot.example.com"}
    assert pilot_environment(settings, given) == given
    assert pilot_environment(settings, {"PILOT_SERVICE_URL": f"{LOCAL}/"})["PILOT_API_KEY"] == "local-key"


def test_without_a_stack_the_default_address_is_tried_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pilot_environment(Settings(home=tmp_path, api_port=4321), {}) == {"PILOT_SERVICE_URL": "http://127.0.0.1:4321"}
    assert "./run up" in capsys.readouterr().err
