"""Three of each process and two APIs over one Redis and one PostgreSQL, one of each killed under traffic: all is there once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from prometheus_client.mmap_dict import MmapedDict
from sqlalchemy import text

from app.domain.queues import LIVE_QUEUES
from app.jobs import Job, make_publish
from app.stack.listening import listen, url_of
from app.stack.postgres import locate_postgres
from app.stack.redis import locate_redis
from app.store.session import make_engine
from tests.live.processor_time import children_of
from tests.live.production import Production
from tests.live.stack import LiveStack, live_stack, wait_until
from tests.running import ROOT

pytestmark = pytest.mark.slow
RATE = 60.0
SWEEPS = 60
WORK = {
    "gateway": "pilot_gateway_requests_total",
    "mirror": "pilot_mirror_replies_total",
    "recorder": "pilot_recorder_events_total",
    "worker": "pilot_worker_tasks_total",
}
SETTINGS = {
    "PILOT_GATEWAY_WORKERS": "3",
    "PILOT_MIRROR_PROCESSES": "3",
    "PILOT_RECORDER_PROCESSES": "3",
    "PILOT_WORKER_PROCESSES": "1",
    "PILOT_BATCH_PROCESSES": "1",
}
COUNTS = {
    "exchanges": "SELECT count(*) FROM exchanges",
    "numbers": "SELECT count(DISTINCT external_id) FROM exchanges",
    "replies": "SELECT count(*) FROM replies",
    "closed": "SELECT count(*) FROM exchanges WHERE closed_at IS NOT NULL",
    "pairs": "SELECT count(*) FROM pairs",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("scale"), pilots=("live",), **SETTINGS) as made:
        yield made


def test_three_of_each_share_the_work_and_lose_nothing_when_one_of_each_is_killed(stack: LiveStack) -> None:
    with more_processes(stack) as (workers, second_api):
        firsts = {name: stack.pids(name) for name in ("gateway", "mirror", "recorder")}
        assert {name: len(pids) for name, pids in firsts.items()} == {"gateway": 3, "mirror": 3, "recorder": 3}
        production = Production(f"{stack.gateway_url}/v1", model="vendor-model", rate=RATE, name="scale")
        production.start()
        publish = make_publish(locate_redis(stack.home).url)
        for _ in range(SWEEPS):
            publish(Job.SWEEP, [])
        time.sleep(6.0)
        did = {name: [work_of(stack.home, name, [pid]) for pid in pids] for name, pids in firsts.items()}
        did["worker"] = [work_of(stack.home, "worker", children_of(pid)) for pid in workers]
        assert all(min(each) > 0 for each in did.values()), f"each did a part: {did}"

        stack.kill("mirror", "recorder", "api")
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: all(stack.is_back(name) for name in ("mirror", "recorder", "api")), 60.0)
        time.sleep(2.0)
        outcome = production.stop()
        assert (outcome.failed, outcome.wrong) == ([], [])
        found = stack.settled("live", outcome.sent)
        assert (found["production_requests"], found["by_reason"]["captured"]) == (outcome.sent, outcome.sent)
        each_once = {"exchanges", "numbers", "closed", "pairs"}
        wait_until(lambda: rows(stack)["closed"] == outcome.sent, 60.0)
        assert rows(stack) == dict.fromkeys(each_once, outcome.sent) | {"replies": 2 * outcome.sent}
        headers = {"Authorization": f"Bearer {stack.service.key}"}
        told = httpx2.get(f"{second_api}/api/v1/pilots/live/scorecard", headers=headers).json()["coverage"]
        assert told["production_requests"] == outcome.sent


def test_one_of_three_gateways_takes_only_what_it_carried_with_it(stack: LiveStack) -> None:
    before = stack.coverage("live")
    production = Production(f"{stack.gateway_url}/v1", model="vendor-model", rate=RATE, name="gateways")
    production.start()
    time.sleep(2.0)
    carried = production.under_way
    stack.kill("gateway")
    wait_until(lambda: stack.is_back("gateway") and len(stack.pids("gateway")) == 3, 30.0)
    time.sleep(1.0)
    outcome = production.stop()
    assert outcome.wrong == []
    assert len(outcome.failed) <= carried + 2
    least = before["by_reason"]["captured"] + outcome.ok - carried - 2
    wait_until(lambda: stack.coverage("live")["by_reason"]["captured"] >= least, 60.0)
    after = stack.coverage("live")
    assert sum(after["by_reason"].values()) == after["production_requests"]


@contextmanager
def more_processes(stack: LiveStack) -> Iterator[tuple[list[int], str]]:
    """Two workers more, as on other machines, and a second API; the ids of all three workers, and the API's address."""
    servers = {
        "PILOT_DATABASE_URL": locate_postgres(stack.home, lambda _: None).url,
        "PILOT_REDIS_URL": locate_redis(stack.home).url,
    }
    environment = stack.environment | servers | {"PILOT_METRICS_FOLDER": str(stack.home / "metrics")}
    options = ("--pool", "prefork", "--concurrency", "1", "--queues", ",".join(LIVE_QUEUES))
    processes = []
    try:
        for number in (2, 3):
            command = [sys.executable, "-m", "celery", "-A", "workers.celery_app", "worker", *options]
            ready = {"PILOT_READY_FILE": str(stack.home / f"worker-{number}.ready")}
            processes.append(
                subprocess.Popen([*command, "--hostname", f"worker-{number}@%h"], cwd=ROOT, env=environment | ready)
            )
        with listen("127.0.0.1", 0, "no setting") as listening:
            serving = [sys.executable, "-m", "workers.serve", str(listening.fileno())]
            processes.append(subprocess.Popen(serving, cwd=ROOT, env=environment, pass_fds=[listening.fileno()]))
            wait_until(lambda: all((stack.home / f"worker-{number}.ready").exists() for number in (2, 3)), 240.0)
            yield [stack.pids("worker")[0], *(process.pid for process in processes[:2])], url_of(listening)
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def work_of(home: Path, name: str, pids: list[int]) -> float:
    """What these processes counted of their work."""
    files = [file for pid in pids for file in (home / "metrics").glob(f"counter_*-{pid}.db")]
    counts = [found for file in files for found in MmapedDict.read_all_values_from_file(str(file))]  # type: ignore[no-untyped-call]
    return float(sum(value for key, value, *_ in counts if json.loads(key)[1] == WORK[name]))


def rows(stack: LiveStack) -> dict[str, int]:
    """How many there are of each."""
    engine = make_engine(locate_postgres(stack.home, lambda _: None).url, pool_size=1)
    with engine.connect() as connection:
        found = {name: int(connection.scalar(text(query)) or 0) for name, query in COUNTS.items()}
    engine.dispose()
    return found
