"""One entry of the stream `mirror`, from reading to the recorder's acknowledgement."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from app.capture.events import Entry, UnreadableEvent, decode, encode, head_of
from app.capture.outbox import Outbox
from app.capture.sealing import Sealer
from app.capture.streams import RECORD
from app.domain.live import ArmReplyEvent, ExchangeEvent, Hints, MirrorEvent, RepeatEvent, ReplyEvent, RequestEvent, external_id
from app.domain.toml_table import ContentLevel
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.arms import LiveArm
from app.pipeline.mirroring.aside import aside
from app.pipeline.mirroring.calls import Caller, Question
from app.pipeline.mirroring.deciding import Decider, Decision, unreadable
from app.pipeline.mirroring.memory import Memory
from app.pipeline.mirroring.patience import end, patiently
from app.pipeline.mirroring.pilots import LivePilot, PilotBook
from app.pipeline.mirroring.replies import ReplyReader
from app.pipeline.mirroring.room import Held
from app.pipeline.mirroring.spans import RequestNotes, production_span
from app.traces import tracing
from app.traces.about import bind


@dataclass(frozen=True, slots=True)
class Desk:
    """What working on an entry needs."""

    outbox: Outbox
    sealer: Sealer
    book: PilotBook
    memory: Memory
    decider: Decider
    replies: ReplyReader
    caller: Caller
    held: Held
    notes: RequestNotes = field(default_factory=RequestNotes)

    def read(self, entry: Entry) -> MirrorEvent | None:
        """The entry's event; `None` if it cannot be read, which is counted."""
        try:
            event = decode(entry, self.sealer)
        except UnreadableEvent:
            event = None
        if isinstance(event, RequestEvent | ReplyEvent):
            return event
        metrics.dropped.labels("unreadable_entry").inc()
        return None

    async def work(self, entry: Entry, event: MirrorEvent | None) -> None:
        """Returns when all that is to be told of it was delivered: then it may be acknowledged."""
        if event is None:
            event = request_of_head(entry)
            if event is not None:
                await self._tell(unreadable(event, "metadata"), "metadata")
            return
        pilot = await self.book.find(event.pilot)
        if pilot is None:
            metrics.dropped.labels("unknown_pilot").inc()
        elif isinstance(event, RequestEvent):
            await self._request(pilot, event)
        else:
            kept = await self.replies.reply_event(pilot, event)
            noted = self.notes.take(event.pilot, external_id(event.boot, event.number))
            tracing.tell(lambda: production_span(pilot, event, kept.answer, kept.level, noted))
            naming = self.replies.name_response(event, kept.response_id) if kept.response_id is not None else _nothing()
            await asyncio.gather(self._tell(kept.event, kept.level), naming)

    async def give_up(self, entry: Entry) -> None:
        """A fault of ours: the request still has its line in the ledger, unless it was told of before."""
        metrics.dropped.labels("fault").inc()
        event = request_of_head(entry)
        if event is not None:
            await self._tell(unreadable(event, "metadata"), "metadata")

    async def _request(self, pilot: LivePilot, event: RequestEvent) -> None:
        with self.held.hold(len(event.body)) as may_wait:
            metrics.held_bytes.set(self.held.bytes)
            decision = await self.decider.decide(pilot, event)
            count(decision)
            self.notes.note(event, decision)
            question = Question(pilot, event, decision.level, decision.exchange.conversation)
            told = asyncio.ensure_future(self._tell_exchange(pilot, event, decision))
            asking = [self._ask(arm, question, told, may_wait=may_wait) for arm in decision.arms]
            await self._each_told(event, [told, *asking])
        metrics.held_bytes.set(self.held.bytes)

    async def _tell_exchange(self, pilot: LivePilot, event: RequestEvent, decision: Decision) -> None:
        exchange, request, level = decision.exchange, decision.request, decision.level
        if request is not None:
            kept = await aside(lambda: pilot.content.kept_request(level, request), size=len(event.body), level=level)
            exchange = replace(exchange, request=kept)
        await self._tell(exchange, level)

    async def _ask(self, arm: LiveArm, question: Question, told: "asyncio.Future[None]", *, may_wait: bool) -> str:
        bind(arm=arm.name)  # each arm is a task of its own
        asked = await self.caller.ask(arm, question, may_wait=may_wait)
        await self._tell(asked.event, question.level)
        repeat = await self.caller.repeat(arm, question, asked, may_wait=may_wait)
        if repeat is not None:
            await asyncio.wait([told])  # the recorder knows the exchange before it hears of the repeat
            await self._tell(repeat, question.level)
        return arm.name

    async def _each_told(self, event: RequestEvent, telling: Sequence[Awaitable[str | None]]) -> None:
        """Notes each arm that is done while others are not; when all are, the entry is acknowledged instead."""
        number = external_id(event.boot, event.number)
        has_notes = False
        left = {asyncio.ensure_future(each) for each in telling}
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                for name in filter(None, (each.result() for each in done)):
                    if left:
                        has_notes = True
                        await patiently(partial(self.memory.note_answered, event.pilot, number, name))
        finally:
            await end(left)
        if has_notes:
            await patiently(lambda: self.memory.forget_answered(event.pilot, number))

    async def _tell(self, event: ExchangeEvent | ArmReplyEvent | RepeatEvent, level: ContentLevel) -> None:
        await self.outbox.deliver(RECORD, encode(event, self.sealer if level != "full" else None))


async def _nothing() -> None:
    pass


def count(decision: Decision) -> None:
    """One more request, by its reason."""
    metrics.requests.labels(decision.exchange.reason).inc()
    if decision.exchange.retry_of is not None:
        metrics.retries.inc()


def request_of_head(entry: Entry) -> RequestEvent | None:
    """A request's event without what its head does not say; `None` if the entry is no request's."""
    try:
        head = head_of(entry)
        if head["kind"] != "request":
            return None
        return RequestEvent(head["pilot"], head["boot"], head["number"], head["at_us"], path="", hints=Hints(), body=b"")
    except (UnreadableEvent, KeyError):
        return None
