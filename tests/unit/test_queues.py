"""Each job has a queue, and whoever reads the queue knows the job: asked of the applications themselves, each in a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.queues import BATCH, BATCH_QUEUES, FORMER, LIVE, LIVE_QUEUES, NOW
from app.jobs import QUEUES, Job, make_celery

ROOT = Path(__file__).resolve().parents[2]
KNOWN = """
import importlib, json, sys
celery = importlib.import_module(sys.argv[1]).celery
celery.loader.import_default_modules()
print(json.dumps(sorted(name for name in celery.tasks if name.startswith("pilot."))))
"""


SCHEDULE = """
from workers.celery_app import celery
import json
print(json.dumps([(each["schedule"], each["options"]["expires"]) for each in celery.conf.beat_schedule.values()]))
"""


def test_what_beat_asks_for_is_done_also_where_its_clock_is_a_minute_behind(tmp_path: Path) -> None:
    environment = {"PILOT_HOME": str(tmp_path), "PILOT_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-c", SCHEDULE]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    schedule = json.loads(told.stdout.splitlines()[-1])
    assert len(schedule) > 5
    assert all(60 < expires <= max(seconds, 120) for seconds, expires in schedule)


def test_each_job_has_a_queue_that_somebody_reads() -> None:
    assert set(QUEUES) == set(Job)
    assert set(QUEUES.values()) <= {*LIVE_QUEUES, *BATCH_QUEUES}


def test_what_somebody_waits_for_goes_first_and_nothing_that_was_sent_before_is_forgotten() -> None:
    assert LIVE_QUEUES == (NOW, LIVE, FORMER)
    assert (QUEUES[Job.SWEEP], QUEUES[Job.GRADE], QUEUES[Job.REPLAY], QUEUES[Job.REGRADE]) == (NOW, LIVE, BATCH, BATCH)
    options = make_celery("redis://nowhere/0", redelivered_seconds=8).conf.broker_transport_options
    assert (options["queue_order_strategy"], options["visibility_timeout"]) == ("priority", 8)
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] == 2


@pytest.mark.parametrize(("application", "queues"), [("batch_app", BATCH_QUEUES)])
def test_a_worker_knows_every_job_of_its_queues(application: str, queues: tuple[str, ...], tmp_path: Path) -> None:
    environment = {"PILOT_HOME": str(tmp_path), "PILOT_REDIS_URL": "redis://127.0.0.1:1/0"}
    command = [sys.executable, "-c", KNOWN, f"workers.{application}"]
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    known = set(json.loads(told.stdout.splitlines()[-1]))
    assert {job.value for job, queue in QUEUES.items() if queue in queues} <= known
