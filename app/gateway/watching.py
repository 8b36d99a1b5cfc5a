"""Follows the routing file and the kill switch; a file that cannot be read keeps what was known.

A process that starts then knows nothing yet and takes the copy that is written beside the file.
"""

import asyncio
import logging
from pathlib import Path

import orjson

from app.domain.routing import COPY_NAME, FILE_NAME, SWITCH_NAME, Routing, routing_of

LOOK_SECONDS = 0.25

log = logging.getLogger(__name__)


class RoutingWatch:
    """What of `PILOT_HOME` the gateway lives by.

    Args:
        home: `PILOT_HOME`.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / FILE_NAME
        self._copy = home / COPY_NAME
        self._switch = home / SWITCH_NAME
        self._seen: tuple[int, int, int] | None = None
        self.routing: Routing | None = None
        self.is_off = False
        self.reloads = 0
        self.failures = 0

    def look(self) -> None:
        """Reads what changed."""
        try:
            self.is_off = self._switch.exists()
            found = self._file.stat()
        except OSError:  # not written yet, or gone: what was known stays
            self._take_copy()
            return
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.routing = routing_of(orjson.loads(self._file.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.failures += 1
            log.warning("the routing file cannot be read, what was known stays: %r", error)
            self._take_copy()
        else:
            self.reloads += 1

    def _take_copy(self) -> None:
        if self.routing is not None:
            return
        try:
            self.routing = routing_of(orjson.loads(self._copy.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return  # there is none: the file itself has been told of
        self.reloads += 1
        log.warning("the copy of the routing file is used until the file can be read")

    async def run(self) -> None:
        """Looks several times a second."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)
