"""What a large task has freed goes back to the system."""

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from celery import signals

from app.jobs import Job
from workers import memory

# Blocks that are freed below one that stays: an allocator keeps their pages until it is told.
TRIMS = """\
from pathlib import Path
from workers.memory import trim

def megabytes():
    return next(int(row.split()[1]) for row in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in row) / 1024

blocks = [bytes(3000) for _ in range(60_000)]
last = bytes(3000)
blocks.clear()
before = megabytes()
trim()
print(before - megabytes())
"""


def test_what_is_free_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", TRIMS], check=True, capture_output=True, text=True)
    assert float(done.stdout) > 100


@pytest.mark.parametrize(("job", "times"), [(Job.SCORECARDS, 3), (Job.WEEKLY, 3), (Job.GRADE, 1), (Job.SWEEP, 1)])
def test_it_is_done_after_each_large_job_and_after_others_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch, job: Job, times: int
) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr(memory, "trim", lambda: trimmed.append(True))
    monkeypatch.setattr(memory, "_trimmed_at", {})
    for _ in range(3):
        signals.task_postrun.send(sender=None, task_id="a task", task=SimpleNamespace(name=job.value))
    assert len(trimmed) == times


def test_after_a_pause_it_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr(memory, "trim", lambda: trimmed.append(True))
    now = time.monotonic()
    for age_seconds in (memory.PAUSE_SECONDS - 5, memory.PAUSE_SECONDS):
        monkeypatch.setattr(memory, "_trimmed_at", {"": now - age_seconds})
        signals.task_postrun.send(sender=None, task_id="a task", task=SimpleNamespace(name=Job.GRADE.value))
    assert len(trimmed) == 1
