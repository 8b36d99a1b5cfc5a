"""The incumbent's reply, as it was relayed, made an event for the recorder."""

import asyncio
from dataclasses import dataclass

from app.domain.content import strictest
from app.domain.exchange import Json
from app.domain.live import ArmReplyEvent, ReplyEvent, external_id
from app.domain.requests import RESPONSES
from app.domain.toml_table import ContentLevel
from app.domain.words import ArmRole
from app.pipeline.mirroring import metrics
from app.pipeline.mirroring.aside import aside
from app.pipeline.mirroring.attempts import failed_at_us
from app.pipeline.mirroring.columns import columns_of
from app.pipeline.mirroring.memory import Memory
from app.pipeline.mirroring.patience import patiently
from app.pipeline.mirroring.pilots import LivePilot
from app.pipeline.mirroring.placing import Told, conversation_of_request, level_of
from app.pipeline.mirroring.requests import read_request
from app.providers.captured import Captured, read_captured
from app.providers.model_server import Answer

# How much more work the bytes of a compressed or streamed reply are than those of a plain one.
OPENED = 8
# The decision on its request may be a moment behind.
CHAIN_PAUSES_SECONDS = (0.0, 0.05, 0.2, 1.0)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is told of a reply, under which level, the reply's own id where another request may name it, and the answer."""

    event: ArmReplyEvent
    level: ContentLevel
    response_id: str | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """Reads replies.

    Attributes:
        reply_bytes: Longest opened body that is read.
    """

    memory: Memory
    reply_bytes: int

    async def note_attempt(self, event: ReplyEvent) -> None:
        """Writes a failure down before any later request is decided: the client's next attempt is told by it."""
        failed = failed_at_us(event, is_complete=event.end == "complete")
        if failed is None:
            return
        if event.end == "client_cancelled" and (await self._read(event)).is_complete:
            failed = failed_at_us(event, is_complete=True)
        if failed is not None:
            at, number = failed, external_id(event.boot, event.number)
            await patiently(lambda: self.memory.note_failed(event.pilot, number, at))

    async def reply_event(self, pilot: LivePilot, event: ReplyEvent) -> Kept:
        """What the recorder keeps of it."""
        captured = await self._read(event)
        given = event.request
        request = await aside(lambda: read_request(event.path, given), size=len(given)) if given is not None else None
        level = await self._level(pilot, event, request)
        answer = captured.answer
        cost = pilot.cost(ArmRole.INCUMBENT.value, answer, event.at_us)
        outcome = columns_of(answer, level, cost=cost)

        def kept() -> tuple[Json, bytes | None]:
            checks = pilot.content.checks(request, answer.reply) if level != "full" and request is not None else {}
            return checks, pilot.content.kept_reply(level, answer.reply)

        checks, body = await aside(kept, size=len(event.body), level=level)
        metrics.replies.labels(pilot.name, ArmRole.INCUMBENT.value, outcome["failure"] or "answered").inc()
        told = ArmReplyEvent(
            pilot=event.pilot,
            boot=event.boot,
            number=event.number,
            at_us=event.at_us,
            arm=ArmRole.INCUMBENT.value,
            cancelled=captured.is_cancelled,
            columns=outcome,
            checks=checks,
            body=body,
        )
        return Kept(told, level, captured.response_id if event.path == RESPONSES else None, answer)

    async def name_response(self, event: ReplyEvent, response_id: str) -> None:
        """Lets a later request that names this reply find its conversation."""
        number = external_id(event.boot, event.number)
        for pause in CHAIN_PAUSES_SECONDS:
            await asyncio.sleep(pause)
            if await patiently(lambda: self.memory.name_response(event.pilot, number, response_id)):
                return

    async def _read(self, event: ReplyEvent) -> Captured:
        size = len(event.body) * (OPENED if event.content_encoding or event.content_type != "application/json" else 1)
        return await aside(lambda: read_captured(event, reply_bytes=self.reply_bytes), size=size)

    async def _level(self, pilot: LivePilot, event: ReplyEvent, request: Json | None) -> ContentLevel:
        """As its request's was decided; where that cannot be told again, as strict as the pilot can be."""
        hint = event.hints.content
        if request is None:
            return strictest(pilot.strictest_level, hint or "full")
        told = Told(event.path, event.hints, request, event.at_us)
        conversation = await conversation_of_request(self.memory, pilot, told)
        own = pilot.segment_of(request, event.path, event.hints.segment)
        first = await patiently(lambda: self.memory.first_segment(pilot.name, conversation))
        return level_of(pilot, hint, own, first or own)
