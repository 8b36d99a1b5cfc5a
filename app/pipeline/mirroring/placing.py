"""Where a request belongs: its conversation, its segment, and how much of its text may be kept."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from app.capture.conversation import conversation_of
from app.domain.content import strictest
from app.domain.exchange import Json
from app.domain.live import Hints
from app.domain.toml_table import ContentLevel
from app.pipeline.mirroring.memory import Memory
from app.pipeline.mirroring.patience import patiently
from app.pipeline.mirroring.pilots import LivePilot

# The reply that a request names was relayed before it was sent: the mirror that reads it may be a moment behind.
CHAIN_PAUSES_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4)
_HASHED = re.compile(r"[hn]-[0-9a-f]{32}")
_STORABLE = re.compile(r"[^\x00-\x1f\x7f]{1,500}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


@dataclass(frozen=True, slots=True)
class Told:
    """What both of a request's events say of it."""

    path: str
    hints: Hints
    request: Json
    at_us: int

    @property
    def arrived_at(self) -> datetime:
        """Its arrival."""
        return arrival(self.at_us)


def arrival(at_us: int) -> datetime:
    """Microseconds since 1970 as an aware time."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


async def conversation_of_request(memory: Memory, pilot: LivePilot, told: Told) -> str:
    """The header; the Responses API's conversation, or the root of its chain; else a hash (CONTRACTS section 2)."""
    if told.hints.conversation:
        return named(told.hints.conversation, pilot, told.hints.content)
    previous = told.request.get("previous_response_id")
    if isinstance(previous, str) and previous and not told.request.get("conversation"):
        return await _root(memory, pilot, previous, told.hints.content)
    return named(conversation_of(told.request, told.arrived_at), pilot, told.hints.content)


async def _root(memory: Memory, pilot: LivePilot, previous: str, level: ContentLevel | None) -> str:
    """The conversation of the chain; one that began before it was watched is named by where it was met."""
    for pause in (0.0, *CHAIN_PAUSES_SECONDS):
        await asyncio.sleep(pause)
        found = await patiently(lambda: memory.conversation_of_response(pilot.name, previous))
        if found is not None:
            return found
    return named(previous, pilot, level)


def named(conversation: str, pilot: LivePilot, level: ContentLevel | None) -> str:
    """A client's name of a conversation: as it is where text may be kept, else a keyed hash.

    Where only this request's header is strict, a name that looks like an id stays, so that its conversation stays one.
    """
    if pilot.strictest_level == "full":
        shape = _ID if level not in (None, "full") else _STORABLE
        if _HASHED.fullmatch(conversation) or shape.fullmatch(conversation):
            return conversation
    return "n-" + pilot.content.hidden(conversation)


def level_of(pilot: LivePilot, hint: ContentLevel | None, *segments: str) -> ContentLevel:
    """How much may be kept: the strictest of the pilot, the segments (its own, its conversation's) and the header."""
    return strictest(*(pilot.content.level(segment, hint) for segment in segments))
