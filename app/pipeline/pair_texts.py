"""The texts of pairs as people read them: what was asked, and what each side replied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.domain.exchange import Json
from app.domain.grading import PairKey
from app.domain.pair_query import TextPlace
from app.domain.payload import tool_calls_of
from app.domain.pilot import Pilot
from app.graders.canonical import canonical_calls
from app.graders.judge_texts import shown_messages
from app.pipeline.receipts import removals
from app.store.payloads import REFERENCE_ARM, REQUEST_ARM, read_payloads


@dataclass(frozen=True, slots=True)
class Said:
    """One message or reply: its text, and each tool call as canonical JSON."""

    role: str
    text: str
    tool_calls: tuple[str, ...] = ()

    @property
    def joined(self) -> str:
        """All of it."""
        return "\n".join([self.text, *self.tool_calls])


@dataclass(frozen=True, slots=True)
class ReplyText:
    """What an arm said; of a failure, the server's own words.

    Attributes:
        reasoning: What it thought aloud, where the server says so; never shown to a judge.
    """

    said: Said
    reasoning: str = ""
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class PairTexts:
    """What is kept of a pair; `None` = nothing.

    Attributes:
        reference: An answer to the request that is known to be right.
        removed: When and why the texts were removed, in words; "" = they were not.
    """

    messages: tuple[Said, ...] | None
    incumbent: ReplyText | None
    other: ReplyText | None
    reference: str | None = None
    removed: str = ""

    @property
    def asked(self) -> str:
        """The last message of a user, or the last of all; "" = not kept."""
        messages = self.messages or ()
        last = next((each for each in reversed(messages) if each.role == "user"), messages[-1] if messages else None)
        return last.text if last is not None else ""

    def joined(self, place: TextPlace) -> str:
        """All that stands in a place."""
        replies = [each.said for each in (self.incumbent, self.other) if each is not None]
        request = list(self.messages or ())
        chosen = {TextPlace.REQUEST: request, TextPlace.REPLIES: replies}.get(place, [*request, *replies])
        return "\n".join(said.joined for said in chosen)


NOTHING = PairTexts(None, None, None)


def pair_texts(session: Session, pilot: Pilot, keys: Sequence[PairKey]) -> dict[PairKey, PairTexts]:
    """The texts of these pairs, as they are stored."""
    bodies = read_payloads(session, sorted({key.exchange_id for key in keys})) if keys else {}
    bare = sorted({key.exchange_id for key in keys if (key.exchange_id, REQUEST_ARM) not in bodies})
    removed = removals(session, pilot, bare)
    return {key: replace(_texts(bodies, key, pilot.incumbent.id), removed=removed.get(key.exchange_id, "")) for key in keys}


def _texts(bodies: Mapping[tuple[int, int], Json], key: PairKey, incumbent: int) -> PairTexts:
    request = bodies.get((key.exchange_id, REQUEST_ARM))
    reference = bodies.get((key.exchange_id, REFERENCE_ARM))
    messages = (
        None if request is None else tuple(Said(role, text, tuple(calls)) for role, text, calls in shown_messages(request))
    )
    sides = [_reply(bodies.get((key.exchange_id, arm))) for arm in (incumbent, key.arm_id)]
    return PairTexts(messages, sides[0], sides[1], reference if isinstance(reference, str) else None)


def _reply(body: Json | None) -> ReplyText | None:
    if body is None:
        return None
    calls = tuple(canonical_calls(tool_calls_of(body.get("tool_calls"))))
    said = Said("reply", body.get("content") or body.get("message") or "", calls)
    return ReplyText(said, body.get("reasoning") or "", body.get("refusal") is True)
