"""What becomes of a request: in which line of the ledger it stands, and who is asked."""

import hashlib
import hmac
from dataclasses import dataclass, replace

from app.capture.conversation import user_of
from app.domain.exchange import Json
from app.domain.live import ExchangeEvent, RequestEvent, external_id
from app.domain.requests import RESPONSES
from app.domain.sampling import sample_point
from app.domain.toml_table import ContentLevel
from app.domain.words import OTHER_SEGMENT, ArmRole, CoverageReason, PilotState
from app.pipeline.mirroring.arms import LiveArm
from app.pipeline.mirroring.attempts import Attempt
from app.pipeline.mirroring.memory import Memory
from app.pipeline.mirroring.patience import patiently
from app.pipeline.mirroring.pilots import LivePilot
from app.pipeline.mirroring.placing import Told, arrival, conversation_of_request, level_of
from app.pipeline.mirroring.requests import is_chained, read_request
from app.pipeline.mirroring.sampling import has_control, takes_part

DIGEST_CHARS = 32


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request.

    Attributes:
        exchange: The exchange or line of the ledger, its request not yet added.
        level: How much may be kept.
        arms: Whose reply the recorder has not.
        request: What is kept of, as far as the level allows; `None` = nothing.
    """

    exchange: ExchangeEvent
    level: ContentLevel
    arms: tuple[LiveArm, ...] = ()
    request: Json | None = None


class Decider:
    """Decides on requests.

    Args:
        memory: What the mirrors know together.
        digest_key: Keys the digests that stand for text.
    """

    def __init__(self, memory: Memory, digest_key: bytes) -> None:
        self._memory = memory
        self._key = digest_key

    async def decide(self, pilot: LivePilot, event: RequestEvent) -> Decision:
        """By its arrival: that the pilot was stopped or its mirror switched off meanwhile changes nothing."""
        request = read_request(event.path, event.body)
        if request is None:
            return Decision(unreadable(event, pilot.strictest_level), pilot.strictest_level)
        told = Told(event.path, event.hints, request, event.at_us)
        conversation = await conversation_of_request(self._memory, pilot, told)
        if event.path == RESPONSES:
            number, root = external_id(event.boot, event.number), conversation if is_chained(request) else None
            await patiently(lambda: self._memory.note_chained(pilot.name, number, root))
        segment = pilot.segment_of(request, event.path, event.hints.segment)
        line = self._line(pilot, event, conversation, segment)
        if pilot.pilot.state is PilotState.DRAFT or pilot.pilot.day_of(arrival(event.at_us)) is None:
            return Decision(replace(line, reason=CoverageReason.OUTSIDE_WINDOW.value), line.level)
        if not takes_part(conversation, pilot.pilot.configuration.sampling.rate):
            return Decision(replace(line, reason=CoverageReason.NOT_SAMPLED.value), line.level)
        return await self._captured(pilot, event, request, line)

    async def _captured(self, pilot: LivePilot, event: RequestEvent, request: Json, line: ExchangeEvent) -> Decision:
        digest = self._digest(event.body + b"\n" + line.conversation.encode())
        attempt = Attempt(line.external_id, event.at_us, event.hints.retry_count)
        met = await patiently(lambda: self._memory.meet(pilot.name, line.conversation, line.segment, attempt, digest))
        level = level_of(pilot, event.hints.content, line.segment, met.segment)
        wanted = () if met.retry_of is not None else self._arms(pilot, line.conversation)
        exchange = replace(
            line,
            segment=met.segment,
            level=level,
            retry_of=met.retry_of,
            awaits=(ArmRole.INCUMBENT.value, *(arm.name for arm in wanted)),
            facts=self._facts(event, request, level),
        )
        return Decision(exchange, level, tuple(arm for arm in wanted if arm.name not in met.answered), request)

    def _line(self, pilot: LivePilot, event: RequestEvent, conversation: str, segment: str) -> ExchangeEvent:
        level = level_of(pilot, event.hints.content, segment)
        return ExchangeEvent(
            pilot=event.pilot,
            boot=event.boot,
            number=event.number,
            at_us=event.at_us,
            external_id=external_id(event.boot, event.number),
            reason=CoverageReason.CAPTURED.value,
            conversation=conversation,
            segment=segment,
            sample_point=sample_point(conversation),
            level=level,
            awaits=(),
            deadline_seconds=pilot.deadline_seconds,
            facts={"route": event.path, "level": level},
        )

    def _arms(self, pilot: LivePilot, conversation: str) -> tuple[LiveArm, ...]:
        share = pilot.pilot.configuration.control.rate
        return tuple(arm for arm in pilot.arms if not arm.is_control or has_control(conversation, share))

    def _facts(self, event: RequestEvent, request: Json, level: ContentLevel) -> Json:
        """Narrow facts; digests are keyed, so that nobody can try out texts against them."""
        user = user_of(request)
        return {
            "route": event.path,
            "level": level,
            "body_hash": self._digest(event.body),
            "user_hash": self._digest(user.encode()) if user else None,
            "request_chars": len(event.body.decode(errors="replace")),
            "is_streamed": request.get("stream") is True,
        }

    def _digest(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:DIGEST_CHARS]


def unreadable(event: RequestEvent, level: ContentLevel) -> ExchangeEvent:
    """The line of the ledger of a request that could not be read; it is a conversation of its own."""
    number = external_id(event.boot, event.number)
    conversation = "n-" + hashlib.sha256(number.encode()).hexdigest()[:DIGEST_CHARS]
    return ExchangeEvent(
        pilot=event.pilot,
        boot=event.boot,
        number=event.number,
        at_us=event.at_us,
        external_id=number,
        reason=CoverageReason.UNREADABLE_BODY.value,
        conversation=conversation,
        segment=OTHER_SEGMENT,
        sample_point=sample_point(conversation),
        level=level,
        awaits=(),
        deadline_seconds=0.0,
        facts={"route": event.path},
    )
