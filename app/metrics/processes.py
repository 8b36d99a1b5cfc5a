"""What each process says of itself: memory, open files, processor time, since when it runs, and which version it is.

prometheus_client's own process collector does not exist where several processes share one folder of metrics. Import it after
`share_metrics`.
"""

import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Counter, Gauge

from app.metrics.sharing import touch_own_files

LOOK_SECONDS = 5.0
UNKNOWN = float("nan")
_LABELS = ["process", "slot"]

memory = Gauge("pilot_process_resident_bytes", "Memory of a process.", _LABELS, multiprocess_mode="livesum")
files = Gauge("pilot_process_open_files", "File descriptors of a process.", _LABELS, multiprocess_mode="livesum")
most_files = Gauge("pilot_process_most_files", "File descriptors that it may have.", _LABELS, multiprocess_mode="livesum")
started = Gauge("pilot_process_start_seconds", "When a process began, since 1970.", _LABELS, multiprocess_mode="livemax")
processor = Counter("pilot_process_cpu_seconds_total", "Processor time of a process.", _LABELS)
build = Gauge("pilot_build_info", "Always 1; the version is a label.", ["version"], multiprocess_mode="livemax")


def watch_process(process: str, slot: str, version: str = "") -> Callable[[], None]:
    """Says it every few seconds, in a thread of its own; gives a function that ends it.

    Args:
        process: `gateway`, `api`, `mirror`, `recorder`, `worker` or `beat`.
        slot: Which of several it is.
        version: Of the program, with its commit; "" = another process says it.
    """
    started.labels(process, slot).set(time.time())
    most_files.labels(process, slot).set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if version:
        build.labels(version).set(1)
    ended = threading.Event()

    def keep() -> None:
        used = 0.0
        while True:
            memory.labels(process, slot).set(resident_bytes())
            files.labels(process, slot).set(open_files())
            now = time.process_time()
            processor.labels(process, slot).inc(now - used)
            used = now
            touch_own_files()
            if ended.wait(LOOK_SECONDS):
                return

    threading.Thread(target=keep, name="process-metrics", daemon=True).start()
    return ended.set


def resident_bytes() -> float:
    """Memory of this process; unknown where the system does not say it."""
    try:
        return float(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return UNKNOWN


def open_files() -> float:
    """File descriptors of this process; newer kernels give their number without listing them."""
    folder = Path("/proc/self/fd")
    try:
        return float(folder.stat().st_size or sum(1 for _ in folder.iterdir()))
    except OSError:
        return UNKNOWN
