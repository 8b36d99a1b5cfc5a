"""Processes share one folder of metrics; each test's processes are real ones."""

import subprocess
import sys
from pathlib import Path

from app.metrics import empty_folder, forget_process

COUNTS = """
import os, sys
from pathlib import Path
from app.metrics import exposition, share_metrics
share_metrics(Path(sys.argv[1]))
from prometheus_client import Counter, Gauge
Counter("pilot_test_total", "t", ["reason"]).labels("shed").inc(2)
Gauge("pilot_test_held", "t", multiprocess_mode="livesum").set(5)
print(os.getpid())
print(exposition()[0].decode())
"""


def run(folder: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", COUNTS, str(folder)], capture_output=True, text=True, check=True)
    pid, _, text = done.stdout.partition("\n")
    return int(pid), text


def test_counts_of_all_processes_add_up_and_the_dead_hold_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    first, text = run(folder)
    assert 'pilot_test_total{reason="shed"} 2.0' in text
    _, text = run(folder)
    assert 'pilot_test_total{reason="shed"} 4.0' in text
    assert "pilot_test_held 5.0" in text  # the first one's is not there any more

    forget_process(folder, first)
    _, text = run(folder)
    assert 'pilot_test_total{reason="shed"} 6.0' in text
    assert "pilot_test_held 5.0" in text
    assert not list(folder.glob(f"gauge_live*-{first}.db"))

    empty_folder(folder)
    assert run(folder)[1].count('pilot_test_total{reason="shed"} 2.0') == 1


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    empty_folder(tmp_path / "none")
    forget_process(tmp_path / "none", 1)
