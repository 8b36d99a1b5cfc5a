"""Processor time of processes, theirs and that of their children, from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat, counted from the state on.
PARENT, OWN, ENDED_CHILDREN = 1, (11, 12), (13, 14)


def fields_of(pid: int) -> list[str]:
    """What follows the name in /proc/PID/stat; empty if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def children_of(pid: int) -> list[int]:
    """Its living children."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [number for number in numbers if (found := fields_of(number)) and int(found[PARENT]) == pid]


def seconds_of(pids: Iterable[int]) -> float:
    """Seconds of processor time so far: of these, of their living children, and of those that ended."""
    total = 0.0
    for pid in pids:
        own = fields_of(pid)
        total += sum(int(own[place]) for place in (*OWN, *ENDED_CHILDREN)) if own else 0
        for child in children_of(pid):
            found = fields_of(child)
            total += sum(int(found[place]) for place in OWN) if found else 0
    return total / TICKS
