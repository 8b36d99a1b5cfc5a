"""Processes by identity: a process id counts only together with the moment its process started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02
LOWEST_PRIORITY = 19


def start_token(pid: int) -> str | None:
    """What tells this process from a later one with the same id; `None` if there is none, or only its remains."""
    if not Path("/proc/self/stat").exists():
        return _start_token_by_ps(pid)
    try:
        # The name in parentheses may hold spaces and parentheses itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{_boot_id()}:{started_ticks}"


def is_alive(pid: int | None, token: str | None) -> bool:
    """Whether that very process still runs."""
    return pid is not None and token is not None and start_token(pid) == token


def is_remains(pid: int) -> bool:
    """Whether a process ended and was not collected yet by its parent."""
    return Path(f"/proc/{pid}").exists() and start_token(pid) is None


def send_signal(pid: int, token: str, number: signal.Signals) -> bool:
    """Signals that very process, never one that got its id since; `False` if it is gone."""
    with contextlib.ExitStack() as stack:
        try:
            handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        except OSError:
            return False
        if handle is not None:
            stack.callback(os.close, handle)
        if start_token(pid) != token:
            return False
        with contextlib.suppress(ProcessLookupError):
            if handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
            return True
    return False


def end_process(pid: int, token: str, *, grace_seconds: float) -> bool:
    """Asks a process to end, then makes it; `False` if it was gone already."""
    if not send_signal(pid, token, signal.SIGTERM):
        return False
    if not wait_until_gone(pid, token, grace_seconds):
        send_signal(pid, token, signal.SIGKILL)
        wait_until_gone(pid, token, grace_seconds)
    return True


def wait_until_gone(pid: int, token: str, timeout_seconds: float) -> bool:
    """Whether the process ended within the time."""
    until = time.monotonic() + timeout_seconds
    while is_alive(pid, token):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process runs with that working folder (where the system can tell; else it is believed)."""
    link = Path(f"/proc/{pid}/cwd")
    if not Path("/proc/self/cwd").exists():
        return start_token(pid) is not None
    try:
        return link.readlink() == folder.resolve()
    except OSError:
        return False


def stand_back(pid: int, niceness: int) -> None:
    """Others go first where processors are short: a process just started gets so much more niceness than this one has."""
    if niceness:
        with contextlib.suppress(ProcessLookupError):  # it ended at once, which is seen by others
            os.setpriority(os.PRIO_PROCESS, pid, min(LOWEST_PRIORITY, os.getpriority(os.PRIO_PROCESS, 0) + niceness))


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Lets the kernel signal this process when its parent ends, however that ends (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def _start_token_by_ps(pid: int) -> str | None:
    shown = subprocess.run(["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], check=False, capture_output=True, text=True)
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
