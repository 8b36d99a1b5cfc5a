"""Prometheus metrics of several processes: each writes files into one folder, whoever is scraped adds them up."""

import os
import re
import socket
from collections.abc import Iterable
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


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
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


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
    return f"{re.sub(r'[^A-Za-z0-9.-]', '-', socket.gethostname())}-{os.getpid() if pid is None else pid}"


def _files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.db") if folder.exists() else ()
