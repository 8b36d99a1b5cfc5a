"""What a large task has freed goes back to the system."""

import subprocess
import sys
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


@pytest.mark.parametrize(("job", "times"), [(Job.SCORECARDS, 1), (Job.WEEKLY, 1), (Job.GRADE, 0), (Job.SWEEP, 0)])
def test_large_jobs_end_with_it(monkeypatch: pytest.MonkeyPatch, job: Job, times: int) -> None:
    trimmed: list[bool] = []
    monkeypatch.setattr(memory, "trim", lambda: trimmed.append(True))
    signals.task_postrun.send(sender=None, task_id="a task", task=SimpleNamespace(name=job.value))
    assert len(trimmed) == times
