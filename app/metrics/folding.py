"""What ended processes counted, added up in one file of each kind: else a scrape reads each replaced child of a worker.

A reader holds the folder's lock together with other readers; who folds holds it alone, or leaves it for the next time.
"""

import fcntl
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

LOCK = "folding.lock"
FOLDED = "ended"
_COUNTS = ("counter", "histogram")


@contextmanager
def held_still(folder: Path) -> Iterator[None]:
    """Nothing is folded meanwhile; in a folder that this process cannot write to, it only reads."""
    with ExitStack() as held:
        with suppress(OSError):
            file = held.enter_context((folder / LOCK).open("a"))
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


def fold_ended(folder: Path, host: str) -> int:
    """Adds up what ended processes of this host counted, and removes what they said of the present; how many files went.

    A process that is killed in the middle loses counts of ended processes and never has any twice.

    Args:
        folder: Where all processes of the host, and perhaps of others, keep their metrics.
        host: As the names of the files have it; only of its own host a process knows who lives.
    """
    if not Path("/proc/self").exists() or not folder.exists():
        return 0
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        ended = [found for found in sorted(folder.glob(f"*_{host}-*.db")) if _has_ended(found, host)]
        for kind in _COUNTS:
            if of_kind := [found for found in ended if found.name.startswith(f"{kind}_")]:
                _fold(of_kind, folder / f"{kind}_{host}-{FOLDED}.db")
        for found in ended:  # what they said of the present
            found.unlink(missing_ok=True)
        return len(ended)


def _has_ended(file: Path, host: str) -> bool:
    found = re.fullmatch(rf"(counter|histogram|gauge_live[a-z]+)_{re.escape(host)}-(?P<pid>\d+)\.db", file.name)
    return found is not None and not Path(f"/proc/{found['pid']}").exists()


def _holds_anything(file: Path) -> bool:
    """Killed as it made its first metric, a process leaves an empty file."""
    return file.exists() and file.stat().st_size > 0


def _fold(ended: list[Path], into: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict  # noqa: PLC0415 - after `share_metrics`

    sums: defaultdict[str, float] = defaultdict(float)
    for file in filter(_holds_anything, [*ended, into]):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            sums[key] += value
    new = into.with_suffix(".new")
    new.unlink(missing_ok=True)
    written = MmapedDict(str(new))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    for file in ended:
        file.unlink(missing_ok=True)
    new.replace(into)
