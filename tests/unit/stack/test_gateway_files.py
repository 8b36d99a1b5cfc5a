"""A gateway has a folder without keys: routes and kill switch get there, and nothing else does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.domain.routing import PilotRoute, Routing, routing_document
from app.stack.gateway_files import look, main
from tests.running import ROOT

KNOWN = json.dumps(routing_document(Routing("bot", {"bot": PilotRoute("bot", "https://vendor/v1", True, "full")}))).encode()


def folders(place: Path) -> tuple[Path, Path]:
    source, target = place / "source", place / "target"
    source.mkdir()
    target.mkdir()
    return source, target


def test_routes_and_switch_go_over_and_no_key_does(tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    for name in ("admin.key", "payload.keys", "stream.key"):
        (source / name).write_text("secret")
    (source / "routing.json").write_bytes(KNOWN)
    (source / "mirror.off").touch()
    assert look(source, target) == ""
    assert sorted(path.name for path in target.iterdir()) == ["mirror.off", "routing.json"]
    assert (target / "routing.json").read_bytes() == KNOWN
    (source / "mirror.off").unlink()
    assert look(source, target) == ""
    assert [path.name for path in target.iterdir()] == ["routing.json"]


def test_what_no_gateway_reads_does_not_go_over_and_the_switch_does_all_the_same(tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    (target / "routing.json").write_bytes(KNOWN)
    (source / "routing.json").write_bytes(KNOWN[:20])
    (source / "mirror.off").touch()
    assert "not what a gateway reads" in look(source, target)
    assert (target / "routing.json").read_bytes() == KNOWN
    assert (target / "mirror.off").exists()


def test_a_source_that_is_away_changes_nothing(tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    (target / "routing.json").write_bytes(KNOWN)
    (target / "mirror.off").touch()
    source.rmdir()
    assert str(source) in look(source, target)
    assert sorted(path.name for path in target.iterdir()) == ["mirror.off", "routing.json"]


def test_once_says_by_its_exit_code_whether_all_is_there(tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    options = ["--source", str(source), "--target", str(target), "--once"]
    assert main(options) == 1
    (source / "routing.json").write_bytes(KNOWN)
    assert main(options) == 0


def test_it_runs_until_it_is_told_to_end_and_says_once_what_is_wrong(tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    ready = tmp_path / "ready"
    options = ["--source", str(source), "--target", str(target), "--every", "0.02"]
    command = [sys.executable, "-m", "app.stack.gateway_files", *options]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"PILOT_READY_FILE": str(ready)}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "routing.json" in process.stderr.readline()
        (source / "routing.json").write_bytes(KNOWN)
        _until(ready.exists)
        (source / "mirror.off").touch()
        _until((target / "mirror.off").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read().splitlines() == ["everything is copied again"]


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)
