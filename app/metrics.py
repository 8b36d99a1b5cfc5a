"""Prometheus metrics of several processes: each writes files into one folder, whoever is scraped adds them up."""

import os
from collections.abc import Iterable
from pathlib import Path

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_metrics(folder: Path) -> None:
    """Must be called before `prometheus_client` is imported: from then on this process's metrics lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[FOLDER_VARIABLE] = str(folder)


def exposition() -> tuple[bytes, str]:
    """All processes' metrics in Prometheus' text format, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415 - after share_metrics
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def forget_process(pid: int) -> None:
    """A process ended: what it said of the present (gauges) no longer holds; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def empty_folder(folder: Path) -> None:
    """Counts start again with the stack."""
    for file in _files(folder):
        file.unlink(missing_ok=True)


def _files(folder: Path) -> Iterable[Path]:
    return folder.glob("*.db") if folder.exists() else ()
