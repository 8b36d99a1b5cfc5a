"""`./run up`, `status` and `down` with real processes."""

import http.client
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.stack.account import SHARED_ROOT
from app.stack.listening import listen
from app.stack.postgres import DATA_NAME
from tests.e2e.stacks import ROOT, Stack, answer_of, runs, wait_for

GATEWAYS = {"gateway-1", "gateway-2"}
EVERYTHING = {"supervisor", "api", "mirror", "recorder", "worker", "worker-batch", "beat", "postgres", "redis"} | GATEWAYS
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests look at processes by /proc, which only Linux has")


@pytest.fixture(scope="module")
def one_stack() -> Iterator[Stack]:
    """A stack that several tests share: each begins with `up`, which finds it or starts it again."""
    with tempfile.TemporaryDirectory(prefix="pp-e2e-") as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder) / "home", {})
        yield stack
        stack.down()


@pytest.fixture
def new_stack() -> Iterator[Callable[..., Stack]]:
    """Makes stacks in short folders, and ends each after the test."""
    made: list[Stack] = []
    folders: list[Path] = []

    def make(name: str = "home", parent_mode: int = 0o755, **settings: str) -> Stack:
        folders.append(Path(tempfile.mkdtemp(prefix="pp-e2e-")))
        folders[-1].chmod(parent_mode)
        made.append(Stack(folders[-1] / name, settings))
        return made[-1]

    yield make
    for stack in made:
        stack.down()
        if (stack.home / DATA_NAME).exists():
            shutil.rmtree(SHARED_ROOT / "homes" / (stack.home / DATA_NAME).read_text())
    for folder in folders:
        shutil.rmtree(folder)


def test_up_says_where_it_is_and_down_ends_all_that_it_started(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack()
    found = stack.up()
    assert set(found) == {"api_url", "gateway_url", "dashboard_url", "admin_key_file"}
    assert answer_of(f"{found['gateway_url']}/health/live")["status"] == "ok"
    assert answer_of(f"{found['api_url']}/health/ready")["status"] == "ok"

    key_file = Path(found["admin_key_file"])
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert answer_of(f"{found['api_url']}/api/v1/pilots", key_file.read_text()) is not None

    shown = stack.told()
    assert shown == stack.status()
    assert {name for name, process in shown.items() if process["state"] == "running"} == EVERYTHING
    pids = stack.pids()
    assert all(runs(pid) for pid in pids.values())

    # The second `up` finds the first.
    assert stack.up() == found
    assert stack.pids() == pids

    assert "api" in stack.down()
    assert not any(runs(pid) for pid in pids.values())
    assert {process["state"] for process in stack.told().values()} == {"stopped"}
    assert "nothing ran" in stack.down()

    # What was stored is still there, and the key with it.
    key = key_file.read_text()
    again = stack.up()
    assert key_file.read_text() == key
    assert answer_of(f"{again['api_url']}/api/v1/pilots", key) is not None


def test_each_part_says_that_it_is_well_and_what_its_processes_need(one_stack: Stack) -> None:
    found = one_stack.up()
    wait_for(lambda: answer_of(f"{found['api_url']}/health/parts")["status"] == "ok")
    with urllib.request.urlopen(f"{found['api_url']}/metrics", timeout=10) as answer:  # noqa: S310 - ours
        page = answer.read().decode()
    memory = dict(re.findall(r'^pilot_process_resident_bytes\{process="(\w+)",slot="[^"]+"\} (\S+)$', page, re.MULTILINE))
    assert set(memory) == {"gateway", "api", "mirror", "recorder", "worker", "beat"}
    assert all(float(size) > 10_000_000 for size in memory.values())
    pools = set(re.findall(r'^pilot_database_pool_most\{process="(\w+)"\}', page, re.MULTILINE))
    assert {"api", "mirror", "recorder"} <= pools  # a worker's when it has had its first task
    assert re.search(r'^pilot_build_info\{version="[^"]+"\} 1.0$', page, re.MULTILINE)


def test_a_killed_process_is_back_and_the_api_loses_no_connection_meanwhile(one_stack: Stack) -> None:
    stack = one_stack
    found = stack.up()
    before, before_restarts = stack.pids(), stack.status()
    for name in ("worker", "api"):
        stack.kill(name)
    # Sent while no API runs, it waits in the socket that the supervisor holds: for as long as two processes need to start.
    assert answer_of(f"{found['api_url']}/health/live", seconds=30.0) == {"status": "ok"}
    wait_for(lambda: all(stack.status()[name]["state"] == "running" for name in ("worker", "api")))
    shown = stack.status()
    for name in ("worker", "api"):
        assert shown[name]["pid"] != before[name]
        assert shown[name]["restarts"] > before_restarts[name]["restarts"]
        assert shown[name]["last_exit"] == -signal.SIGKILL
    assert {name: pid for name, pid in stack.pids().items() if name not in ("worker", "api")} == {
        name: pid for name, pid in before.items() if name not in ("worker", "api")
    }


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_killed_server_is_back_and_the_others_go_on_with_it(one_stack: Stack, name: str) -> None:
    stack = one_stack
    found = stack.up()
    before = stack.status()
    killed = stack.kill(name)
    wait_for(lambda: stack.status()[name]["restarts"] == before[name]["restarts"] + 1)
    assert stack.status()[name]["pid"] not in (None, killed)
    wait_for(lambda: answers_well(f"{found['api_url']}/health/ready"))
    # Nobody had to be started again for it: they connected anew.
    kept = EVERYTHING - {name}
    assert {other: stack.status()[other]["pid"] for other in kept} == {other: before[other]["pid"] for other in kept}


def answers_well(url: str) -> bool:
    try:
        return bool(answer_of(url)["status"] == "ok")
    except urllib.error.HTTPError:
        return False


def test_the_pool_of_a_killed_worker_does_not_outlive_it(one_stack: Stack) -> None:
    stack = one_stack
    stack.up()
    worker = stack.pids()["worker"]
    pool = [int(pid) for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]
    assert pool
    stack.kill("worker")
    wait_for(lambda: not any(runs(pid) for pid in pool))


def test_after_a_killed_supervisor_the_children_end_and_up_takes_over_the_servers(one_stack: Stack) -> None:
    stack = one_stack
    before_urls = stack.up()
    before = stack.pids()
    stack.kill("supervisor")
    wait_for(lambda: not any(runs(before[name]) for name in EVERYTHING - GATEWAYS - {"postgres", "redis"}))
    shown = stack.told()
    left = {name for name, process in shown.items() if process["state"] == "running"}
    assert left == {"postgres", "redis"} | GATEWAYS
    assert {name for name, process in shown.items() if process["is_orphan"]} == left
    assert "orphan" in stack.run("cli", "status").stdout
    # Production is served without a supervisor too.
    assert answer_of(f"{before_urls['gateway_url']}/health/live")["status"] == "ok"

    found = stack.up()
    after = stack.pids()
    assert set(after) == EVERYTHING
    assert not GATEWAYS & {name for name, pid in after.items() if pid == before[name]}
    assert {name: after[name] for name in ("postgres", "redis")} == {name: before[name] for name in ("postgres", "redis")}
    assert answer_of(f"{found['api_url']}/health/ready")["status"] == "ok"


def test_down_ends_what_a_killed_supervisor_left_and_no_stranger(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack()
    stack.up()
    before = stack.pids()
    stack.kill("supervisor")
    wait_for(lambda: not any(runs(before[name]) for name in EVERYTHING - GATEWAYS - {"postgres", "redis"}))
    # A stranger got the numbers of those that ended.
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        state = json.loads((stack.home / "stack.json").read_text())
        for child in state["children"]:
            if child["name"] != "gateway":
                child["pid"] = stranger.pid
        (stack.home / "stack.json").write_text(json.dumps(state))
        stack.down()
        assert stranger.poll() is None
        stranger.kill()
    assert not any(runs(pid) for pid in before.values())


@pytest.mark.parametrize(("url", "setting"), [("api_url", "PILOT_API_PORT"), ("gateway_url", "PILOT_GATEWAY_PORT")])
def test_a_port_in_use_is_named_before_anything_starts(
    one_stack: Stack, new_stack: Callable[..., Stack], url: str, setting: str
) -> None:
    port = one_stack.up()[url].rpartition(":")[2]
    stack = new_stack(**{setting: port})
    done = stack.run("up", "--detach", "--json")
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert setting in done.stderr
    assert done.stdout == ""
    assert not (stack.home / "redis").exists()
    assert {process["state"] for process in stack.status().values()} == {"stopped"}


def test_two_homes_run_side_by_side(one_stack: Stack, new_stack: Callable[..., Stack]) -> None:
    one, two = one_stack, new_stack()
    addresses = [one.up(), two.up()]
    assert len({found["api_url"] for found in addresses}) == 2
    assert not set(one.pids().values()) & set(two.pids().values())
    two.down()
    assert answer_of(f"{addresses[0]['api_url']}/health/ready")["status"] == "ok"


@pytest.mark.parametrize("name", ["with a space & ümlaut 100%", "long" * 30], ids=["odd", "long"])
def test_odd_and_long_folders_work(new_stack: Callable[..., Stack], name: str) -> None:
    stack = new_stack(name)
    found = stack.up()
    assert answer_of(f"{found['api_url']}/health/ready")["status"] == "ok"
    assert set(stack.pids()) == EVERYTHING


def test_under_a_private_parent_it_works_and_changes_no_mode(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(parent_mode=0o700)
    done = stack.run("up", "--detach", "--json")
    assert done.returncode == 0, done.stderr
    assert set(stack.pids()) == EVERYTHING
    assert stat.S_IMODE(stack.home.parent.stat().st_mode) == 0o700
    if os.geteuid() == 0:
        assert "/var/lib/parallel-pilot" in done.stderr


def test_in_the_foreground_ctrl_c_ends_everything(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack()
    stack.home.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "app.stack.up", "--json"], cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        found = json.loads(process.stdout.readline())
        assert answer_of(f"{found['api_url']}/health/ready")["status"] == "ok"
        pids = stack.pids()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert time.monotonic() - began < 30
    assert set(pids) == EVERYTHING
    assert not any(runs(pid) for pid in pids.values())


def test_a_process_that_does_not_stay_up_is_told_with_the_end_of_its_log(
    new_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    (tmp_path / "uvicorn.py").write_text("raise SystemExit('this installation is broken')")
    stack = new_stack(PYTHONPATH=str(tmp_path))
    done = stack.run("up", "--detach", "--json")
    assert done.returncode == 1
    assert re.search(r"gateway-\d does not stay up", done.stderr)
    assert "this installation is broken" in done.stderr
    assert {process["state"] for process in stack.status().values()} == {"stopped"}


def test_a_database_of_our_own_is_used_and_left_alone(new_stack: Callable[..., Stack], fresh_database_url: str) -> None:
    stack = new_stack(PILOT_DATABASE_URL=fresh_database_url)
    found = stack.up()
    shown = stack.told()
    assert shown["postgres"]["state"] == "external"
    assert shown["postgres"]["pid"] is None
    assert not (stack.home / "postgres").exists()
    assert answer_of(f"{found['api_url']}/health/ready")["database"] is None
    assert "postgres" not in stack.down()


def test_a_database_that_cannot_be_reached_is_told_without_its_password(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(PILOT_DATABASE_URL="postgresql+psycopg://me:hunter2@127.0.0.1:1/none")
    done = stack.run("up", "--detach")
    assert done.returncode == 1
    assert "PILOT_DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_redis_that_cannot_be_reached_is_told(new_stack: Callable[..., Stack]) -> None:
    done = new_stack(PILOT_REDIS_URL="redis://127.0.0.1:1/0").run("up", "--detach")
    assert done.returncode == 1
    assert "PILOT_REDIS_URL" in done.stderr


def test_with_routes_the_gateway_forwards_though_nothing_else_can_be_started(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(PILOT_DATABASE_URL="postgresql+psycopg://me:hunter2@127.0.0.1:1/none")
    stack.home.mkdir()
    route = {"incumbent_url": "http://127.0.0.1:9/v1", "mirrors": True, "strictest_level": "full"}
    (stack.home / "routing.json").write_text(json.dumps({"version": 1, "default": "one", "pilots": {"one": route}}))
    done = stack.run("up", "--detach", "--json")
    assert done.returncode == 1
    assert "the gateway forwards all the same" in done.stderr
    assert "PILOT_DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr

    shown = json.loads(stack.run("cli", "status", "--json").stdout)
    assert "PILOT_DATABASE_URL" in shown["problem"]
    running = {process["slot"] or process["name"] for process in shown["processes"] if process["state"] == "running"}
    assert running == GATEWAYS | {"redis"}
    assert answer_of(f"{shown['gateway_url']}/health/live")["status"] == "ok"
    assert "gateway-1" in stack.down()


def test_a_gateway_of_its_own_needs_nothing_else(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack()
    with listen("127.0.0.1", 0, "") as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "app.stack.gateways", "--port", str(port), "--name", "edge"]
    with subprocess.Popen(command, cwd=ROOT, env=stack.environment, stderr=subprocess.DEVNULL) as keeper:
        wait_for(lambda: is_live(port))
        children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children")
        before = set(children.read_text().split())
        assert len(before) == 2
        os.kill(int(min(before)), signal.SIGKILL)
        wait_for(lambda: len(set(children.read_text().split()) - before) == 1)
        wait_for(lambda: is_live(port))
        keeper.terminate()
        assert keeper.wait(30) == 0
    assert not is_live(port)


def is_live(port: int) -> bool:
    try:
        return bool(answer_of(f"http://127.0.0.1:{port}/health/live")["status"] == "ok")
    except (OSError, http.client.HTTPException):
        return False
