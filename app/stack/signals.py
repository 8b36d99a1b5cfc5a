"""The signals that a supervisor waits for."""

import select
import signal
import socket
from types import FrameType


class Signals:
    """Counts requests to stop, and wakes whoever waits when one comes or a child ends.

    Attributes:
        stops_asked: SIGTERM, SIGINT and SIGHUP so far.
    """

    def __init__(self) -> None:
        self.stops_asked = 0
        self._reads, self._writes = socket.socketpair()
        self._reads.setblocking(False)
        self._writes.setblocking(False)

    def listen(self) -> None:
        """Takes the process's signals; call it in the main thread."""
        signal.set_wakeup_fd(self._writes.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its number in the pipe is what wakes

    def wait(self, timeout_seconds: float) -> None:
        """Returns at the next signal or after the time."""
        if select.select([self._reads], [], [], timeout_seconds)[0]:
            self._reads.recv(4096)

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stops_asked += 1
