"""Puts a mirror together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from app.capture.newer import STREAM_SHARE
from app.capture.outbox import Outbox
from app.capture.sealing import Sealer, digest_key, load_key
from app.capture.streams import MIRROR, StreamReader, open_streams
from app.domain.words import ArmRole
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.breakers import Breakers
from app.pipeline.mirroring.budget import Budget
from app.pipeline.mirroring.calls import Caller
from app.pipeline.mirroring.deciding import Decider
from app.pipeline.mirroring.memory import Memory, open_memory
from app.pipeline.mirroring.mirror import Mirror
from app.pipeline.mirroring.patience import end
from app.pipeline.mirroring.pilots import LivePilot, PilotBook
from app.pipeline.mirroring.replies import ReplyReader
from app.pipeline.mirroring.room import Held, Room
from app.pipeline.mirroring.work import Desk
from app.pipeline.serving_watch import ServerWatch
from app.providers.asking import Limits, open_client
from app.settings import Settings
from app.store.limits import mirror_limits
from app.store.pool_metrics import watch_pool
from app.store.session import make_engine, make_session_factory

CONNECT_SECONDS = 3
CLOSE_SECONDS = 1.5
IN_HAND_FACTOR = 2

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_mirror(settings: Settings, slot: str, environment: Mapping[str, str]) -> AsyncIterator[Mirror]:
    """A mirror for the running event loop; closes its connections at the end.

    Args:
        settings: With the addresses of Redis and the database.
        slot: Unique among living mirrors: its consumer's name.
        environment: Holds the arms' keys.
    """
    assert settings.redis_url is not None and settings.database_url is not None  # noqa: S101, PT018 - the worker checks it
    key = load_key(settings.home, settings.stream_key.get_secret_value() if settings.stream_key else None)
    streams, shared = open_streams(settings.redis_url), open_memory(settings.redis_url)
    engine = make_engine(settings.database_url, connect_timeout_seconds=CONNECT_SECONDS, limits=mirror_limits(slot))
    watch_pool(engine, "mirror")
    outbox = Outbox(streams, held_bytes=settings.outbox_bytes, stream_bytes=settings.stream_bytes)
    breakers = Breakers(slot, failures=settings.breaker_failures, open_seconds=settings.breaker_open_seconds)
    sending = asyncio.create_task(outbox.run())
    try:
        async with open_client(Limits(reply_bytes=settings.reply_bytes)) as servers:
            memory = Memory(
                shared,
                retry_window_seconds=settings.retry_window_seconds,
                conversation_seconds=settings.conversation_seconds,
            )
            room = Room(calls=settings.mirror_concurrency, wait_seconds=settings.mirror_wait_seconds)
            book = PilotBook(make_session_factory(engine), environment, digest_key(key), say_pilot)
            watch = ServerWatch(shared, make_session_factory(engine), lambda: book.known, settings.server_metrics_seconds)
            desk = Desk(
                outbox=outbox,
                sealer=Sealer(key),
                book=book,
                memory=memory,
                decider=Decider(memory, digest_key(key)),
                replies=ReplyReader(memory, settings.reply_bytes),
                caller=Caller(
                    servers, room=room, breakers=breakers, budget=Budget(shared, slot), is_rehearsed=book.is_rehearsed
                ),
                held=Held(settings.mirror_held_bytes),
            )
            in_hand_bytes = IN_HAND_FACTOR * settings.mirror_held_bytes
            yield Mirror(
                streams, partial(StreamReader, streams, MIRROR, slot), desk, breakers, watch,
                in_hand_bytes=in_hand_bytes, newer_bytes=int(STREAM_SHARE * settings.stream_bytes),
            )  # fmt: skip
        await outbox.close(CLOSE_SECONDS)
    finally:
        await end([sending])
        await streams.aclose()
        await shared.aclose()
        engine.dispose()


def say_pilot(pilot: LivePilot) -> None:
    """A pilot is new or was changed: its metrics are there at 0, and an arm that cannot be asked is named."""
    metrics.prepare_arm(pilot.name, ArmRole.INCUMBENT.value, is_asked=False)
    for arm in pilot.arms:
        metrics.prepare_arm(pilot.name, arm.name, is_asked=True)
        if arm.missing_key is not None:
            log.error(
                "pilot %s: %s is not asked: the mirror has no environment variable %s", pilot.name, arm.name, arm.missing_key
            )
