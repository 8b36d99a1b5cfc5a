"""The child of `./run bench pages`: every document of one stored report, in a process of its own."""

import json
import sys
import time
from pathlib import Path

from app.domain.access import Principal
from app.domain.words import Role
from app.pipeline.reporting import view_report
from app.reports.pack.whole import make_pack
from app.store.session import make_engine, make_session_factory
from tests.text_keys import known_texts


def peak_mb() -> float:
    """Of this program alone: what `getrusage` tells began with the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1.024 / 1000


def pack_of(database_url: str, report_id: int) -> None:
    """Prints how long it took, the peak memory of the process and the size of each document."""
    factory = make_session_factory(make_engine(database_url), texts=known_texts())
    started = time.perf_counter()
    files = make_pack(view_report(factory, report_id, Principal("bench", Role.ADMIN)))
    seconds = time.perf_counter() - started
    peak = peak_mb()
    sizes = {name: round(len(content) / 1000, 1) for name, content in files.items()}
    sys.stdout.write(json.dumps({"seconds": round(seconds, 2), "peak_mb": round(peak, 1), "kilobytes": sizes}) + "\n")


pack_of(sys.argv[1], int(sys.argv[2]))
