"""Processes share one folder of metrics; each test's processes are real ones."""

import fcntl
import subprocess
import sys
from pathlib import Path

from app.metrics import empty_folder, forget_process
from app.metrics.folding import LOCK

COUNTS = """
import os, sys
from pathlib import Path
from app.metrics import exposition, fold_own_host, share_metrics
share_metrics(Path(sys.argv[1]))
from prometheus_client import Counter, Gauge, Histogram
if len(sys.argv) > 2:
    print(fold_own_host())
    print(exposition()[0].decode())
    sys.exit()
Counter("pilot_test_total", "t", ["reason"]).labels("shed").inc(2)
seconds = Histogram("pilot_test_seconds", "t", buckets=(1.0, 2.0))
seconds.observe(0.5)
seconds.observe(1.5)
Gauge("pilot_test_held", "t", multiprocess_mode="livesum").set(5)
print(os.getpid())
print(exposition()[0].decode())
"""


def run(folder: Path, *more: str) -> tuple[int, str]:
    """The process's id, or with `fold` how many files it added up; what a scrape shows."""
    done = subprocess.run([sys.executable, "-c", COUNTS, str(folder), *more], capture_output=True, text=True, check=True)
    first, _, text = done.stdout.partition("\n")
    return int(first), text


def counts(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith(("pilot_test_total{", "pilot_test_seconds_")))


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


def test_what_ended_processes_counted_is_added_up_and_shown_as_before(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    run(folder)
    run(folder)
    _, before = run(folder)
    assert 'pilot_test_seconds_bucket{le="1.0"} 3.0' in before
    (folder / "counter_another-host-1.db").write_bytes(next(folder.glob("counter_*.db")).read_bytes())

    went, after = run(folder, "fold")
    assert went == 9
    assert counts(after) == [line.replace("} 6.0", "} 8.0") if "shed" in line else line for line in counts(before)]
    assert "pilot_test_held" not in after
    kept = sorted(file.name for file in folder.glob("*.db"))
    assert [name for name in kept if name != "counter_another-host-1.db"] == sorted(
        file.name for file in folder.glob("*-ended.db")
    )

    _, before = run(folder)
    went, after = run(folder, "fold")
    assert (went, counts(after)) == (3, counts(before))
    assert run(folder, "fold")[0] == 0
    assert sorted(file.name for file in folder.glob("*.db")) == kept


def test_nothing_is_added_up_while_somebody_reads(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    run(folder)
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert run(folder, "fold")[0] == 0
    (next(folder.glob("counter_*.db"))).write_bytes(b"")  # killed as it made its first metric
    assert run(folder, "fold")[0] == 3
