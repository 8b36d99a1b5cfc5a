"""Whether a process still turns: it writes a byte a second into a pipe of its supervisor's; silence means that it hangs."""

import os

VARIABLE = "PILOT_PULSE_FD"
# What one look counts at most: after a machine or a supervisor stood still, the process has its time to speak again.
LONGEST_LOOK_SECONDS = 1.0
_READ_BYTES = 65536


class Pulse:
    """One process's pipe."""

    def __init__(self) -> None:
        self._reads, self.writes = os.pipe()
        os.set_blocking(self._reads, False)
        os.set_blocking(self.writes, False)
        self._silent_seconds = 0.0
        self._looked_at: float | None = None
        self._has_begun = False

    def give_away(self) -> None:
        """The process has its end: only its own copy shall be left, so that the pipe ends with it."""
        os.close(self.writes)

    def silent_seconds(self, now: float) -> float:
        """How long nothing was heard of a process that has spoken before; 0 of one that has not, or has ended.

        Args:
            now: Seconds of a clock that nobody sets.
        """
        elapsed = min(now - self._looked_at, LONGEST_LOOK_SECONDS) if self._looked_at is not None else 0.0
        self._looked_at = now
        try:
            said = os.read(self._reads, _READ_BYTES)
        except BlockingIOError:
            self._silent_seconds += elapsed if self._has_begun else 0.0
        else:
            self._silent_seconds = 0.0
            self._has_begun = bool(said)
        return self._silent_seconds

    def close(self) -> None:
        """The process is no longer ours."""
        os.close(self._reads)


def beat(descriptor: int) -> None:
    """Says that the process turns; whether anybody listens is not its business."""
    try:
        os.write(descriptor, b".")
    except OSError:  # the pipe is full, or nobody reads it any more
        return
