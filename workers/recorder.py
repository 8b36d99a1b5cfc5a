"""The recorder: `python -m workers.recorder [SLOT]`. Waits for Redis and PostgreSQL rather than dying.

A slot is unique among living recorders; without one it is told by the host's name, as where containers are multiplied.
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

from app.capture.newer import STREAM_SHARE
from app.capture.presence import present
from app.capture.sealing import load_sealer
from app.capture.streams import open_streams
from app.errors import StackError
from app.metrics import share_metrics
from app.settings import Settings
from app.store.limits import recorder_limits
from app.store.session import make_engine, make_session_factory
from app.traces import tracing
from workers.logs import configure_logs

if TYPE_CHECKING:
    from app.pipeline.recording.recorder import Recorder

READY_FILE = "PILOT_READY_FILE"


def main() -> None:
    """Runs until SIGTERM; the batch that is being stored then is finished."""
    slot = sys.argv[1] if len(sys.argv) > 1 else f"recorder-{socket.gethostname()}"
    settings = Settings()
    configure_logs("recorder", settings.log_level)
    if settings.redis_url is None or settings.database_url is None:
        message = "the recorder needs PILOT_REDIS_URL and PILOT_DATABASE_URL (./run up sets them)"
        raise StackError(message)
    share_metrics(settings.metrics_folder or settings.home / "metrics")
    tracing.start("recorder", os.environ)
    try:
        asyncio.run(_run(settings, slot))
    finally:
        tracing.stop()


async def _run(settings: Settings, slot: str) -> None:
    from app.metrics.processes import watch_process  # noqa: PLC0415 - metrics are shared from here on
    from app.pipeline.recording.recorder import Recorder, Work  # noqa: PLC0415
    from app.pipeline.text_keys import open_texts  # noqa: PLC0415
    from app.store.pool_metrics import watch_pool  # noqa: PLC0415

    assert settings.redis_url is not None and settings.database_url is not None  # noqa: S101, PT018 - main looked
    client = open_streams(settings.redis_url)
    engine = make_engine(settings.database_url, limits=recorder_limits(slot))
    watch_process("recorder", slot)
    watch_pool(engine, "recorder")
    key = settings.stream_key.get_secret_value() if settings.stream_key is not None else None
    work = Work(
        client=client,
        session_factory=make_session_factory(engine, texts=open_texts(settings)),
        sealer=load_sealer(settings.home, key),
        consumer=slot,
        batch=settings.record_batch,
        retry_window_seconds=settings.retry_window_seconds,
        newer_bytes=int(STREAM_SHARE * settings.stream_bytes),
    )
    recorder = Recorder(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, recorder.stop)
    try:
        async with present(settings.redis_url, "recorder", slot), _ready(recorder):
            await recorder.run()
    finally:
        await client.aclose()
        engine.dispose()


def _say_ready() -> None:
    if READY_FILE in os.environ:
        Path(os.environ[READY_FILE]).write_text(str(os.getpid()))


@asynccontextmanager
async def _ready(recorder: "Recorder") -> AsyncIterator[None]:
    """Writes the file by which the supervisor knows that entries are read."""

    async def write() -> None:
        await recorder.is_recording.wait()
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
