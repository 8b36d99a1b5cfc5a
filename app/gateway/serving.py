"""Puts one gateway process together and serves on a socket."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from typing_extensions import override

from app.capture.events import encode
from app.capture.outbox import Outbox
from app.capture.presence import present
from app.capture.sealing import load_sealer
from app.capture.streams import RECORD, open_streams
from app.errors import StackError
from app.gateway.application import Gateway
from app.gateway.counting import Ledger
from app.gateway.figures import Figures
from app.gateway.memory import give_memory_back
from app.gateway.metrics import Publisher
from app.gateway.observing import Observer
from app.gateway.protocol import protocol_class
from app.gateway.upstream.client import Upstream, UpstreamLimits
from app.gateway.watching import RoutingWatch
from app.providers.timing import LoopLag
from app.settings import Settings

COUNT_SECONDS = 1.0
LISTEN_SECONDS = 0.002
PORT_SECONDS = 120.0  # a supervisor takes it within a third of that, or never
SETTLE_SECONDS = 1.0
FLUSH_SECONDS = 3.0
HOPELESS_FLUSH_SECONDS = 0.05  # this process never met Redis
# Longer than clients keep their connections, so that it is they who end them.
KEEP_ALIVE_SECONDS = 75
NO_REDIS = "unix:///nowhere/redis.sock"

log = logging.getLogger(__name__)


def serve(
    settings: Settings, slot: str, listening: socket.socket, *, on_loaded: Callable[[], None], on_ready: Callable[[], None],
    on_drain: Callable[[], None], on_turn: Callable[[], None],
) -> None:  # fmt: skip
    """Runs until SIGTERM; then what is under way is finished.

    Args:
        settings: Of the environment.
        slot: Which of several processes this is.
        listening: Of whoever started us, who may let it listen later.
        on_loaded: Called when requests could be served.
        on_ready: Called when requests are served.
        on_drain: Called when no more are accepted.
        on_turn: Called each second, for whoever wants to know that the event loop still turns.
    """

    async def run() -> None:
        turning = asyncio.create_task(_turning(on_turn))
        async with present(settings.redis_url or NO_REDIS, "gateway", slot), open_gateway(settings, slot) as gateway:
            configuration = server_configuration(gateway, settings)
            configuration.load()
            on_loaded()
            await _until_it_listens(listening)
            sharing = asyncio.create_task(_share_as_orphan(listening))
            await _Server(configuration, on_ready, on_drain).serve(sockets=[listening])
            sharing.cancel()
        turning.cancel()

    quiet_logs()
    give_memory_back()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())


async def _turning(on_turn: Callable[[], None]) -> None:
    while True:
        on_turn()
        await asyncio.sleep(COUNT_SECONDS)


async def _until_it_listens(made: socket.socket) -> None:
    """Others may have the port still; ends with whoever was to take it."""
    parent, until = os.getppid(), time.monotonic() + PORT_SECONDS
    while not made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        # It may have ended while we loaded: then our parent is the system from the beginning.
        if os.getppid() != parent or time.monotonic() > until:
            message = "whoever started this gateway ended before it took the port"
            raise StackError(message)
        await asyncio.sleep(LISTEN_SECONDS)


async def _share_as_orphan(listening: socket.socket) -> None:
    """When its supervisor is gone, the next one may take the port before this process lets go of it."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(COUNT_SECONDS)
    with suppress(OSError):  # it was closed meanwhile
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def server_configuration(gateway: Gateway, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves it: nothing of its own is added to what the incumbent says."""
    return uvicorn.Config(
        gateway,
        http=protocol_class(settings.gateway_head_bytes, gateway.figures),
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(settings.gateway_drain_seconds)),
    )


@asynccontextmanager
async def open_gateway(settings: Settings, slot: str) -> AsyncIterator[Gateway]:
    """The application with all that goes on beside it; at the end the last counts leave."""
    watch = RoutingWatch(settings.home)
    watch.look()
    ledger, figures, lag = Ledger(slot, settings.gateway_bypass_every), Figures(), LoopLag()
    client = open_streams(settings.redis_url or NO_REDIS)
    outbox = Outbox(client, held_bytes=settings.outbox_bytes, stream_bytes=settings.stream_bytes)
    given = settings.stream_key.get_secret_value() if settings.stream_key else None
    observer = Observer(
        outbox,
        ledger.boot,
        load_sealer(settings.home, given),
        held_bytes=settings.gateway_held_bytes,
        reply_bytes=settings.gateway_reply_bytes,
        lag_since=lag.since,
    )
    upstream = Upstream(UpstreamLimits(settings.gateway_head_bytes, settings.gateway_connect_seconds))
    publisher = Publisher(ledger, figures, observer, outbox, watch)
    lag.start()
    jobs = (outbox.run, watch.run, partial(_count, ledger, outbox, publisher))
    beside = [asyncio.create_task(_kept_up(job)) for job in jobs]
    try:
        yield Gateway(watch, upstream, ledger, observer, figures, publisher.publish, body_bytes=settings.gateway_body_bytes)
        await _settle(figures)
        observer.copy()  # what the last answers left to do
        await _say_last(outbox, ledger)
    finally:
        lag.stop()
        for task in beside:
            task.cancel()
        for task in beside:
            with suppress(asyncio.CancelledError):
                await task
        await upstream.close()
        await client.aclose()


async def _settle(figures: Figures) -> None:
    """Relays that were broken off at the end of the time for it still have to say so."""
    until = time.monotonic() + SETTLE_SECONDS
    while figures.in_flight and time.monotonic() < until:  # noqa: ASYNC110 - waited for once in a process's life
        await asyncio.sleep(0)


async def _say_last(outbox: Outbox, ledger: Ledger) -> None:
    """The last count and all that waits, as long as Redis takes it, or may take it again in a moment."""
    until = time.monotonic() + (FLUSH_SECONDS if outbox.acknowledged else HOPELESS_FLUSH_SECONDS)
    last = encode(ledger.event(is_final=True))
    while not outbox.offer(RECORD, last) and time.monotonic() < until:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    left = await outbox.close(max(0.0, until - time.monotonic()))
    if left:
        log.warning("%d events did not reach Redis and are gone; the ledger will count their requests as unknown or lost", left)


async def _kept_up(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A fault of ours beside the requests must not end what they need; it is told, and the job goes on."""
    while True:
        try:
            await job()
        except Exception:
            log.exception("the gateway goes on after a fault beside its requests")
            await asyncio.sleep(COUNT_SECONDS)
        else:
            return


async def _count(ledger: Ledger, outbox: Outbox, publisher: Publisher) -> None:
    """Counts are cumulative: one that finds no room goes with the next."""
    while True:
        outbox.offer(RECORD, encode(ledger.event()))
        publisher.publish()
        await asyncio.sleep(COUNT_SECONDS)


class _Server(uvicorn.Server):
    """Says when it serves and when it no longer accepts."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_drain = on_drain

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was imported stays: a full collection need not go through it while somebody's first token waits.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)  # a request leaves next to no cycles
        if not self.should_exit:
            self._on_ready()

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own raises the signal again at its end, which would end the process before its last counts have left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        yield

    def _drain(self) -> None:
        self.should_exit = True
        self._on_drain()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def quiet_logs() -> None:
    """A relay that broke off is counted, not told with a traceback each time."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _is_relay_end(record))


def _is_relay_end(record: logging.LogRecord) -> bool:
    from app.gateway.relay import RelayBroken  # noqa: PLC0415

    return bool(record.exc_info and isinstance(record.exc_info[1], RelayBroken))
