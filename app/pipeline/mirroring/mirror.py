"""One mirror process: reads the stream `mirror`, works on many entries at once, acknowledges what the recorder was told."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import redis.asyncio

from app.capture.events import Entry, size_of
from app.capture.newer import MOST_BYTES, NewerEntries
from app.capture.streams import MIRROR, REDIS_ERRORS, StreamReader
from app.domain.live import MirrorEvent, ReplyEvent, external_id
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.breakers import Breakers
from app.pipeline.mirroring.patience import end, patiently
from app.pipeline.mirroring.room import WAITING_BYTES
from app.pipeline.mirroring.work import Desk
from app.pipeline.serving_watch import ServerWatch
from app.traces.about import bind

READ_AT_ONCE = 100
BLOCK_SECONDS = 0.25
PAUSE_SECONDS = 0.2
TEND_SECONDS = 1.0
ACKNOWLEDGE_SECONDS = 0.003  # what is done within it is acknowledged together

log = logging.getLogger(__name__)


class Mirror:
    """Runs until it is stopped.

    Args:
        client: From `open_streams`.
        make_reader: Makes this process's consumer of the stream `mirror`; a new one begins with its unfinished entries.
        desk: Works on each entry.
        breakers: Whose states are said.
        watch: Reads the candidates' metrics pages.
        in_hand_bytes: Entries that are read and not acknowledged, with what work on one costs beside its bytes; beyond it
            nothing is read. It is reached where the recorder's stream is at its bound, or the process has too little
            processor: requests that wait for room are bounded before.
        newer_bytes: How much of the stream entries of a newer version may take.
    """

    def __init__(
        self,
        client: "redis.asyncio.Redis",
        make_reader: Callable[[], StreamReader],
        desk: Desk,
        breakers: Breakers,
        watch: ServerWatch,
        *,
        in_hand_bytes: int,
        newer_bytes: int = MOST_BYTES,
    ) -> None:
        self._client = client
        self._make_reader = make_reader
        self._reader = make_reader()
        self._desk = desk
        self._breakers = breakers
        self._watch = watch
        self._in_hand_limit = in_hand_bytes
        self._in_hand = 0
        self._newer = NewerEntries(client, MIRROR, most_bytes=newer_bytes)
        self._known: set[str] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._done: list[str] = []
        self._has_done = asyncio.Event()
        self._stopping = asyncio.Event()
        self.is_consuming = asyncio.Event()

    def stop(self) -> None:
        """Reads no more."""
        self._stopping.set()

    async def run(self, drain_seconds: float) -> int:
        """Works until it is stopped, then finishes what is under way; how many entries are left for others.

        Args:
            drain_seconds: How long calls that are under way at the end may take.
        """
        await patiently(lambda: self._breakers.forget(self._client))
        await self._desk.book.refresh()
        tending = [asyncio.create_task(each) for each in self._beside()]
        reading = asyncio.create_task(self._read())
        await asyncio.wait((reading, *tending), return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and self._under_way:
            await asyncio.wait(self._under_way, timeout=drain_seconds)
        left = list(self._under_way)
        broken = [task.exception() for task in (reading, *tending) if task.done()]
        await end((*left, reading, *tending))
        await self._desk.book.close()
        with suppress(*REDIS_ERRORS):  # else they are read again, and the recorder knows them by their ids
            await self._reader.acknowledge(self._done)
        for fault in filter(None, broken):  # better to start again than to go on by half
            raise fault
        return len(left)

    def _beside(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on beside the reading."""
        return self._desk.book.run(), self._tend(), self._acknowledge(), self._watch.run()

    async def _read(self) -> None:
        while not self._stopping.is_set():
            if self._in_hand > self._in_hand_limit:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            try:
                entries = await self._reader.read(READ_AT_ONCE, BLOCK_SECONDS)
            except REDIS_ERRORS as error:
                log.warning("Redis does not answer: %s", type(error).__name__)
                # What it handed out to a connection that broke is read once more.
                self._reader = self._make_reader()
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self.is_consuming.set()
            await self._take([each for each in entries if each[0] not in self._known])

    async def _take(self, entries: Sequence[tuple[str, Entry]]) -> None:
        """Failures first: a client's next attempt may be right behind them."""
        entries = self._newer.sorted_out(entries)
        read = [(number, entry, self._desk.read(entry)) for number, entry in entries]
        replies = (event for _, _, event in read if isinstance(event, ReplyEvent))
        await asyncio.gather(*(self._desk.replies.note_attempt(event) for event in replies))
        for number, entry, event in read:
            self._known.add(number)
            task = asyncio.create_task(self._work(number, entry, event))
            self._under_way.add(task)
            # Counted before it first runs: else the next look at the bound comes too early.
            size = size_of(entry) + WAITING_BYTES
            self._in_hand += size
            metrics.in_hand.inc()
            task.add_done_callback(partial(self._finished, size))

    async def _work(self, number: str, entry: Entry, event: MirrorEvent | None) -> None:
        if event is not None:
            bind(pilot=event.pilot, exchange=external_id(event.boot, event.number))
        try:
            await self._desk.work(entry, event)
        except Exception as error:  # one entry must not end the others: it is logged and counted
            log.error("an entry could not be worked on: %s at %s", type(error).__name__, _places(error))  # noqa: TRY400
            await self._desk.give_up(entry)
        self._done.append(number)
        self._has_done.set()

    def _finished(self, size: int, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._in_hand -= size
        metrics.in_hand.dec()

    async def _acknowledge(self) -> None:
        while True:
            await self._has_done.wait()
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            self._has_done.clear()
            done, self._done = self._done, []
            try:
                await self._reader.acknowledge(done)
                self._known.difference_update(done)
            except REDIS_ERRORS:
                self._done = done + self._done
                self._has_done.set()
                await asyncio.sleep(PAUSE_SECONDS)

    async def _tend(self) -> None:
        while True:
            try:
                await self._reader.tend()
                await self._breakers.say(self._client)
                metrics.newer.set(len(self._newer))
                while overdue := await self._newer.overdue():
                    await self._take(overdue)
            except REDIS_ERRORS as error:
                log.warning("the stream is not tended: %s", type(error).__name__)
            await asyncio.sleep(TEND_SECONDS)


def _places(error: Exception) -> str:
    """Where an error came from, without its words: they may be a client's."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
