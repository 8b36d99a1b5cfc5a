"""The mirror: `python -m workers.mirror [SLOT]`. Waits for Redis and PostgreSQL rather than dying.

A slot is unique among living mirrors; without one it is told by the host's name, as where containers are multiplied.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app.capture.presence import present
from app.errors import StackError
from app.metrics import share_metrics
from app.settings import Settings
from app.traces import tracing
from workers.logs import configure_logs

if TYPE_CHECKING:
    from app.pipeline.mirroring.mirror import Mirror

READY_FILE = "PILOT_READY_FILE"
# The supervisor gives a process ten seconds to end.
DRAIN_SECONDS = 7.0
# Texts are masked in a thread beside the loop, which has its turn again as soon.
SWITCH_SECONDS = 0.001


def main() -> None:
    """Runs until SIGTERM; calls that are under way then are finished, for a while."""
    slot = sys.argv[1] if len(sys.argv) > 1 else f"mirror-{socket.gethostname()}"
    settings = Settings()
    configure_logs("mirror", settings.log_level)
    if settings.redis_url is None or settings.database_url is None:
        message = "the mirror needs PILOT_REDIS_URL and PILOT_DATABASE_URL (./run up sets them)"
        raise StackError(message)
    sys.setswitchinterval(SWITCH_SECONDS)
    share_metrics(settings.metrics_folder or settings.home / "metrics")
    tracing.start("mirror", os.environ)
    try:
        asyncio.run(_run(settings, slot))
    finally:
        tracing.stop()


async def _run(settings: Settings, slot: str) -> None:
    from app.metrics.processes import watch_process  # noqa: PLC0415 - metrics are shared from here on
    from app.pipeline.mirroring.assembly import open_mirror  # noqa: PLC0415

    assert settings.redis_url is not None  # noqa: S101 - main looked
    watch_process("mirror", slot)
    async with present(settings.redis_url, "mirror", slot), open_mirror(settings, slot, os.environ) as mirror, _ready(mirror):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, mirror.stop)
        await mirror.run(DRAIN_SECONDS)


def _say_ready() -> None:
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).write_text(str(os.getpid()))


@asynccontextmanager
async def _ready(mirror: "Mirror") -> AsyncIterator[None]:
    """Writes the file by which the supervisor knows that entries are read."""

    async def write() -> None:
        await mirror.is_consuming.wait()
        _say_ready()

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


if __name__ == "__main__":
    main()
