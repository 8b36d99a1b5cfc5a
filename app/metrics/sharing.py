"""Prometheus metrics of several processes: each writes files into one folder, whoever is scraped adds them up."""

import os
import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from app.metrics.folding import fold_ended, held_still

if TYPE_CHECKING:
    from prometheus_client import Metric

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# A process of another host (a container) that said nothing for so long is taken to have ended.
SILENT_SECONDS = 60.0
_LIVE_FILE = re.compile(r"gauge_live[a-z]+_(?P<host>.+)-(?P<pid>\d+)\.db")


def share_metrics(folder: Path) -> None:
    """Must be called before a metric is made: from then on this process's metrics lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[FOLDER_VARIABLE] = str(folder)
    from prometheus_client import values  # noqa: PLC0415 - it looks at the variable when it is imported

    values.ValueClass = values.MultiProcessValue(_identifier)  # type: ignore[no-untyped-call]


def exposition() -> tuple[bytes, str]:
    """All processes' metrics in Prometheus' text format, and its content type; this one's alone where none are shared."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    if FOLDER_VARIABLE not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST

    class Living(MultiProcessCollector):
        """What processes said of the present holds while they live: a killed child of a worker forgets nothing itself."""

        @override
        def collect(self) -> "Iterable[Metric]":
            folder = Path(os.environ[FOLDER_VARIABLE])
            with held_still(folder):
                files = [str(file) for file in _files(folder) if not _is_of_the_dead(file)]
                merged: Iterable[Metric] = self.merge(files)  # type: ignore[no-untyped-call]
            return merged

    registry = CollectorRegistry()
    Living(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def fold_own_host() -> int:
    """Adds up what ended processes of this host counted; how many files went."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return fold_ended(Path(folder), _host()) if folder else 0


def touch_own_files() -> None:
    """Called every few seconds: processes of other hosts cannot see that this one lives."""
    if folder := os.environ.get(FOLDER_VARIABLE):
        for file in Path(folder).glob(f"gauge_live*_{_identifier()}.db"):
            with suppress(FileNotFoundError):
                os.utime(file)


def _is_of_the_dead(file: Path) -> bool:
    found = _LIVE_FILE.fullmatch(file.name)
    if found is None:
        return False
    if found["host"] == _host():
        return not Path(f"/proc/{found['pid']}").exists() and Path("/proc/self").exists()
    try:
        return time.time() - file.stat().st_mtime > SILENT_SECONDS
    except FileNotFoundError:
        return True


def forget_process(folder: Path, pid: int) -> None:
    """A process ended: what it said of the present (gauges) no longer holds; what it counted stays."""
    for file in folder.glob(f"gauge_live*_{_identifier(pid)}.db"):
        file.unlink(missing_ok=True)


def empty_folder(folder: Path) -> None:
    """Counts start again with the stack."""
    for file in _files(folder):
        file.unlink(missing_ok=True)


def _identifier(pid: int | None = None) -> str:
    """Containers share the folder too, and have the same process ids; the name of a file is read by its underscores."""
    return f"{_host()}-{os.getpid() if pid is None else pid}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())


def _files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.db") if folder.exists() else ()
