"""One background thread a process and service that sends what the outbox holds; it outlives everything but the process."""

import atexit
import logging
import os
import queue
import random
import threading
import time
from collections.abc import Iterable, Mapping
from contextvars import Context
from typing import Any

from parallel_pilot.batch import encode
from parallel_pilot.link import Answer, Link
from parallel_pilot.outbox import MIRRORING_OFF, SHED, Batch, Outbox, wish_of

OUTBOX_BYTES = 16 * 1024 * 1024
BATCH_BYTES = 2 * 1024 * 1024
GATHER_SECONDS = 0.05  # events that come within it leave together
COUNT_SECONDS = 1.0
IDLE_COUNT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
FLUSH_SECONDS = 2.0
LAST_ANSWER_SECONDS = 1.0
_OK, _TOO_LARGE = 200, 413
_WORTH_REPEATING = (408, 425, 429)
_REASONS = {"mirroring_off": MIRRORING_OFF, "unknown_pilot": MIRRORING_OFF, "too_large": "too_large"}

log = logging.getLogger("parallel_pilot")


class Sender:
    """Sends one outbox to one service.

    Args:
        service_url: Address of the service.
        api_key: A key with the role `ingest`.
        limit_bytes: Bound of the outbox.
    """

    def __init__(self, service_url: str, api_key: str, limit_bytes: int) -> None:
        self._address = (service_url, api_key)
        self.outbox = Outbox(limit_bytes, self._ring)
        self._said: set[str] = set()
        self.failures = 0
        self._begin()

    def _begin(self) -> None:
        self._link = Link(*self._address)
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._starting = threading.RLock()
        self._thread: threading.Thread | None = None
        self._is_rung = self._is_ending = False
        self._counted_at = -IDLE_COUNT_SECONDS
        self._batch_bytes = BATCH_BYTES
        self._attempts = 0

    def renew(self) -> None:
        """After a fork: another producer, whose thread starts with its first event."""
        self._link.close()
        self._begin()
        self.outbox.renew()

    def note_failure(self, where: str) -> None:
        """A fault of ours that the host must not feel; call it while the exception is handled."""
        self.failures += 1
        self._say(
            f"fault in {where}", "parallel_pilot: a fault in %s; the application goes on without a copy", where, fault=True
        )

    def _ring(self) -> None:
        """Must be safe inside a garbage collection: a `SimpleQueue` is, an `Event` is not."""
        if self._is_rung:
            return
        self._is_rung = True
        if self._thread is None:
            self._start()
        self._bell.put(None)

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="parallel-pilot", daemon=True)
            try:
                # The host's context (traces, users) is none of this thread's business.
                Context().run(self._thread.start)
            except RuntimeError as error:  # the interpreter is on its way out
                self.outbox.limit_bytes = 0
                self._say("no thread", "parallel_pilot: nothing is copied: %s", error)

    def ask_to_end(self) -> None:
        """What waits is sent now, once, with a last count."""
        self._is_ending = True
        self._bell.put(None)

    def wait_for_end(self, seconds: float) -> None:
        """Until the thread has ended, at most so long."""
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        while not self._is_ending:
            try:
                self._turn()
            except Exception:
                self.note_failure("the sending thread")
                self._listen(FIRST_PAUSE_SECONDS)
        try:
            self._last_turn()
        except Exception:
            self.note_failure("the last sending")
        self._link.close()

    def _turn(self) -> None:
        self._is_rung = False
        if self.outbox.is_empty:
            self._listen(self._seconds_to_count())
        if not self._is_ending and self.outbox.held_bytes < self._batch_bytes:
            time.sleep(GATHER_SECONDS)
        if self._is_ending:
            return
        answer = self._send(with_counts=self._seconds_to_count() <= 0)
        if answer is not None:
            self._pause(answer)

    def _last_turn(self) -> None:
        self._link.timeout_seconds = LAST_ANSWER_SECONDS
        until = time.monotonic() + FLUSH_SECONDS
        while not self.outbox.is_empty and time.monotonic() < until:
            if self._send(with_counts=False) is not None:
                return
        self._send(with_counts=True, is_final=True)

    def _seconds_to_count(self) -> float:
        every = COUNT_SECONDS if self.outbox.is_dirty else IDLE_COUNT_SECONDS
        return self._counted_at + every - time.monotonic()

    def _listen(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            self._bell.get(timeout=seconds)
        except queue.Empty:
            return

    def _pause(self, answer: Answer) -> None:
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._attempts - 1, 16))
        asked = min(LONGEST_PAUSE_SECONDS, answer.retry_after_seconds or 0.0)
        until = time.monotonic() + max(asked, longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
        while not self._is_ending and time.monotonic() < until:
            self._listen(until - time.monotonic())

    def _send(self, *, with_counts: bool, is_final: bool = False) -> Answer | None:
        """Sends the next batch, if there is one; the answer if it is no good and a pause is due."""
        batch = self.outbox.take(self._batch_bytes, with_counts=with_counts, is_final=is_final)
        if not batch.items and batch.counts is None:
            return None
        try:
            answer = self._link.post(encode(batch))
            is_taken = self._is_taken(answer, batch)
        except Exception:
            self.outbox.settle(batch, dict.fromkeys(range(len(batch.items)), SHED))
            raise
        if is_taken:
            self._attempts = 0
            self._said.discard("away")
            if with_counts:
                self._counted_at = time.monotonic()
            return None
        self._attempts += 1
        self._not_taken(answer, batch)
        return answer

    def _is_taken(self, answer: Answer, batch: Batch) -> bool:
        if answer.status != _OK or not isinstance(answer.document, dict):
            return False
        try:
            refused = {found["event"]: found for found in answer.document["refused"]}
            wishes = {pilot: wish_of(said) for pilot, said in answer.document["pilots"].items()}
            self._say_refusals(refused.values())
            offset = answer.document["clock_offset_seconds"]
        except (KeyError, TypeError, AttributeError):
            return False
        reasons = {place: _REASONS.get(found["code"], SHED) for place, found in refused.items()}
        self.outbox.obey(wishes)
        self.outbox.settle(batch, reasons)
        if offset is not None:
            self._say(
                "clock", "parallel_pilot: this machine's clock is %s s off the service's; its times are corrected", offset
            )
        return True

    def _not_taken(self, answer: Answer, batch: Batch) -> None:
        if answer.status == _TOO_LARGE and len(batch.items) > 1:
            self._batch_bytes = max(1, sum(item.size for item in batch.items) // 2)
            self.outbox.put_back(batch)
            return
        is_for_good = answer.status is not None and 300 <= answer.status < 500 and answer.status not in _WORTH_REPEATING  # noqa: PLR2004
        if is_for_good:
            self.outbox.settle(batch, dict.fromkeys(range(len(batch.items)), SHED))
            words = "parallel_pilot: the service at %s refuses what is sent: %s"
            self._say(f"refused {answer.status}", words, self._address[0], answer.words)
        else:
            self.outbox.put_back(batch)
            words = "parallel_pilot: the service at %s does not take events: %s; they wait here, at most %s bytes"
            self._say("away", words, self._address[0], answer.words, self.outbox.limit_bytes)

    def _say_refusals(self, refused: Iterable[Mapping[str, Any]]) -> None:
        for found in refused:
            if found["code"] != MIRRORING_OFF:
                self._say(
                    f"{found['code']} {found.get('pilot')}",
                    "parallel_pilot: the service refuses an event: %s",
                    found["message"],
                )

    def _say(self, key: str, words: str, *facts: object, fault: bool = False) -> None:
        if key not in self._said:
            self._said.add(key)
            log.warning(words, *facts, exc_info=fault)


_senders: dict[tuple[str, str], Sender] = {}
_registering = threading.RLock()


def sender_for(service_url: str, api_key: str, limit_bytes: int) -> Sender:
    """The process's one sender to that service with that key; the largest bound that anyone asked for is its own."""
    with _registering:
        if not _senders:
            atexit.register(end_all)
        sender = _senders.get((service_url, api_key))
        if sender is None:
            sender = _senders[service_url, api_key] = Sender(service_url, api_key, limit_bytes)
        sender.outbox.limit_bytes = max(sender.outbox.limit_bytes, limit_bytes)
        return sender


def end_all() -> None:
    """At the process's end: what waits is sent, at most for `FLUSH_SECONDS`."""
    until = time.monotonic() + FLUSH_SECONDS
    senders = list(_senders.values())
    for sender in senders:
        sender.ask_to_end()
    for sender in senders:
        sender.wait_for_end(until - time.monotonic())


def _after_fork() -> None:
    global _registering  # noqa: PLW0603 - another thread of the parent may have held it
    _registering = threading.RLock()
    for sender in list(_senders.values()):
        sender.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
