"""The whole stack as its users meet it: one line in the application, a kill switch, processes that come and go."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest

from app.stack.home import StackHome
from app.stack.status import read_status
from tests.live.production import KEY
from tests.live.stack import LiveStack, live_stack, pilot_toml, wait_until
from tests.live.vendor import text_of
from tests.running import ROOT

PILOT = "first"
MODEL = "vendor-model"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("live"), pilots=()) as made:
        file = made.home / "pilot.toml"
        file.write_text(pilot_toml(PILOT, made.vendor_url, made.candidate_url))
        pilot(made, "create", str(file))
        pilot(made, "start", PILOT)
        time.sleep(1.0)  # the gateway looks at its file several times a second
        assert says(made, "the first") == text_of(MODEL, "the first")
        assert settled(made, 1)["captured"] == 1
        yield made
        made.service.close()


@pytest.fixture
def client(stack: LiveStack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{stack.gateway_url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def pilot(stack: LiveStack, *arguments: str) -> str:
    """The command, as its users type it."""
    command = [sys.executable, str(ROOT / "run"), "pilot", *arguments]
    done = subprocess.run(command, env=stack.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def says(stack: LiveStack, prompt: str) -> str | None:
    """What production is answered, with a connection of its own."""
    with openai.OpenAI(base_url=f"{stack.gateway_url}/v1", api_key=KEY, max_retries=0) as client:
        return ask(client, prompt)


def ask(client: openai.OpenAI, prompt: str) -> str | None:
    found = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
    return found.choices[0].message.content


def counted(stack: LiveStack, reason: str) -> int:
    found: int = stack.coverage(PILOT)["by_reason"][reason]
    return found


def settled(stack: LiveStack, requests: int) -> dict[str, int]:
    found: dict[str, int] = stack.settled(PILOT, requests)["by_reason"]
    return found


def requests_so_far(stack: LiveStack) -> int:
    found: int = stack.settled(PILOT, 0)["production_requests"]
    return found


def running_gateways(stack: LiveStack) -> set[int]:
    shown = read_status(StackHome(stack.home.resolve())).processes
    return {process.pid for process in shown if process.name == "gateway" and process.state == "running" and process.pid}


def test_every_request_of_the_official_sdk_is_captured_within_seconds(stack: LiveStack, client: openai.OpenAI) -> None:
    before, so_far = counted(stack, "captured"), requests_so_far(stack)
    for number in range(5):
        assert ask(client, f"question {number}") == text_of(MODEL, f"question {number}")
    with client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "a stream"}], stream=True
    ) as stream:  # fmt: skip
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert said == text_of(MODEL, "a stream")

    now = settled(stack, so_far + 6)
    assert now["captured"] == before + 6
    assert now["lost"] == 0
    # The candidate was asked the same, and without production's key.
    assert stack.candidate.heard.counts["question 4"] == stack.candidate.heard.counts["a stream"] == 1
    assert f"Bearer {KEY}" in stack.vendor.heard.keys
    assert not any(KEY in key for key in stack.candidate.heard.keys)


def test_metrics_of_all_processes_are_in_one_place_and_hold_no_text(stack: LiveStack) -> None:
    def shown() -> str:
        return httpx2.get(f"{stack.service.url}/metrics").text

    def sum_of(name: str) -> float:
        return sum(float(count) for count in re.findall(rf"^{name}(?:{{[^}}]*}})? ([\d.]+)$", shown(), re.MULTILINE))

    for name in ("pilot_gateway_requests_total", "pilot_mirror_requests_total", "pilot_recorder_requests_total"):
        wait_until(lambda name=name: sum_of(name) > 0, 10, lambda name=name: name)  # type: ignore[misc]
    assert 'pilot_worker_tasks_total{outcome="success",task="pilot.sweep"}' in shown()
    assert "pilot_gateway_requests_total" in httpx2.get(f"{stack.gateway_url}/metrics").text
    assert "question" not in shown()
    assert KEY not in shown()


@pytest.mark.parametrize("how", ["command", "file"])
def test_the_kill_switch_works_within_a_second(stack: LiveStack, client: openai.OpenAI, how: str) -> None:
    so_far, before, off = requests_so_far(stack), counted(stack, "captured"), counted(stack, "mirroring_off")
    switch = stack.home / "mirror.off"
    if how == "command":
        pilot(stack, "mirror", "off", PILOT)
    else:
        switch.touch()
    time.sleep(1.0)
    for number in range(4):
        assert ask(client, f"{how} off {number}") == text_of(MODEL, f"{how} off {number}")
    now = settled(stack, so_far + 4)
    assert (now["captured"], now["mirroring_off"]) == (before, off + 4)
    assert not any(f"{how} off" in prompt for prompt in stack.candidate.heard.counts)

    if how == "command":
        pilot(stack, "mirror", "on", PILOT)
    else:
        switch.unlink()
    time.sleep(1.0)
    ask(client, f"{how} on again")
    assert settled(stack, so_far + 5)["captured"] == before + 1


def test_a_process_that_is_told_to_end_finishes_its_stream_and_another_is_up(stack: LiveStack, client: openai.OpenAI) -> None:
    so_far, before = requests_so_far(stack), counted(stack, "captured")
    told = running_gateways(stack)
    said: list[str] = []
    begun, done = threading.Event(), threading.Event()

    def read() -> None:
        with client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "a slow one"}], stream=True
        ) as stream:  # fmt: skip
            for chunk in stream:
                said.append(chunk.choices[0].delta.content or "")
                begun.set()
        done.set()

    stack.vendor.gap_seconds = 1.5  # until the others are up
    try:
        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(10)
        for pid in told:
            os.kill(pid, signal.SIGTERM)
        began = time.monotonic()
        while not running_gateways(stack) - told:
            assert time.monotonic() - began < 20
        print(f"other processes were up after at most {time.monotonic() - began:.2f} s")  # noqa: T201
        assert says(stack, "in between") == text_of(MODEL, "in between")
        assert not done.is_set()
        stack.vendor.gap_seconds = 0.004
        reader.join(30)
    finally:
        stack.vendor.gap_seconds = 0.004
    assert "".join(said) == text_of(MODEL, "a slow one")
    now = settled(stack, so_far + 2)
    assert (now["captured"], now["lost"]) == (before + 2, 0)
    wait_until(lambda: len(running_gateways(stack)) == 2 and not running_gateways(stack) & told, 20)


def test_a_killed_process_is_back_and_answers(stack: LiveStack) -> None:
    so_far, killed = requests_so_far(stack), running_gateways(stack)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    # The port is never closed: who comes now waits for the next process.
    assert says(stack, "right after a kill") == text_of(MODEL, "right after a kill")
    seconds = time.monotonic() - began
    print(f"all processes of the gateway were killed; the next answer came after {seconds:.2f} s")  # noqa: T201
    assert seconds < 10
    wait_until(lambda: len(running_gateways(stack)) == 2, 20)
    assert not running_gateways(stack) & killed
    assert settled(stack, so_far + 1)["lost"] == 0


def test_the_gateway_forwards_when_everything_else_is_gone_and_nothing_of_it_is_lost(stack: LiveStack) -> None:
    so_far, before = requests_so_far(stack), counted(stack, "captured")
    down = ("api", "mirror", "recorder", "worker", "beat", "redis", "postgres")
    pids = [pid for name in down for pid in stack.pids(name)]
    supervisor = json.loads((stack.home / "stack.json").read_text())["supervisor"]["pid"]
    for pid in (supervisor, *pids):
        os.kill(pid, signal.SIGKILL)
    for number in range(10):
        assert says(stack, f"alone {number}") == text_of(MODEL, f"alone {number}")

    up = subprocess.run(
        [sys.executable, str(ROOT / "run"), "up", "--detach", "--json"],
        env=stack.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert up.returncode == 0, up.stderr
    stack.facts |= json.loads(up.stdout.strip().splitlines()[-1])
    stack.service.close()
    stack.service = type(stack.service)(stack.facts["api_url"], Path(stack.facts["admin_key_file"]).read_text().strip())
    now = settled(stack, so_far + 10)
    assert (now["captured"], now["lost"]) == (before + 10, 0)
    assert says(stack, "after all") == text_of(MODEL, "after all")
