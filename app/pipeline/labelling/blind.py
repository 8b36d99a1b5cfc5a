"""Pairs shown blind: the replies in an order drawn by hash, and a token that says, sealed, which is whose."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.domain.exchange import Reply
from app.domain.grading import PairKey, PairRecord
from app.domain.labelling import Queue
from app.domain.pilot import Pilot
from app.domain.words import ArmRole
from app.errors import InvalidInput, Problem
from app.graders.canonical import canonical_calls
from app.graders.judge_texts import shown_messages
from app.pipeline.labelling.queues import PairToLabel
from app.pipeline.pairwise import comparison_of
from app.pipeline.settlement import arm_name

_PURPOSE = b"labels"
_FORM = struct.Struct(">qq?d")  # exchange, arm, whether the arm's reply was first, draw probability (0 = not drawn)
MAX_TOKEN_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ShownPair:
    """Which pair was shown in which order; whoever labels holds only the sealed form of it."""

    key: PairKey
    arm_is_first: bool
    draw_probability: float | None

    @property
    def queue(self) -> Queue:
        """Which queue it was from."""
        return Queue.UNCERTAIN if self.draw_probability is None else Queue.DRAWN


class Sealing:
    """Seals and opens tokens: the same pair, order and pilot always has the same one, and nobody without the key can read it.

    Args:
        pepper: The server's secret; the key is derived from it.
    """

    def __init__(self, pepper: str) -> None:
        self._cipher = AESSIV(hmac.digest(pepper.encode(), _PURPOSE, hashlib.sha512))

    def token(self, pilot: Pilot, shown: ShownPair) -> str:
        """The sealed form."""
        plain = _FORM.pack(shown.key.exchange_id, shown.key.arm_id, shown.arm_is_first, shown.draw_probability or 0.0)
        return base64.urlsafe_b64encode(self._cipher.encrypt(plain, [_bound(pilot)])).decode().rstrip("=")

    def open(self, pilot: Pilot, token: str) -> ShownPair:
        """What a token says; `InvalidInput` if it is not one of ours for this pilot."""
        try:
            text = token[:MAX_TOKEN_LENGTH]
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            exchange, arm, first, chance = _FORM.unpack(self._cipher.decrypt(sealed, [_bound(pilot)]))
        except (InvalidTag, binascii.Error, ValueError, struct.error):
            message = f"the token is none of this service for the pilot {pilot.name!r}"
            raise InvalidInput(message, (Problem(message, field="token", code="unknown_token"),)) from None
        return ShownPair(PairKey(exchange, arm), first, chance or None)


def _bound(pilot: Pilot) -> bytes:
    return f"{pilot.id}:{pilot.created_at.isoformat()}".encode()


def shown_for(pair: PairToLabel, rater: str) -> ShownPair:
    """The order in which a rater sees a pair: a coin of rater and pair, the same each time."""
    text = "\x1f".join(("order", rater, pair.external_id, str(pair.key.arm_id)))
    coin = hashlib.blake2b(text.encode(), digest_size=1).digest()[0]
    return ShownPair(pair.key, bool(coin & 1), pair.draw_probability)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message of the request, or one reply: text and tool calls as canonical JSON."""

    role: str
    text: str
    tool_calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BlindPair:
    """What a person sees of a pair, and no more."""

    messages: tuple[Spoken, ...]
    first: Spoken
    second: Spoken


def blind_pair(pilot: Pilot, record: PairRecord, shown: ShownPair) -> BlindPair | None:
    """A pair in the order in which it is shown; `None` if its texts are not kept (any more)."""
    first = arm_name(pilot, shown.key.arm_id) if shown.arm_is_first else ArmRole.INCUMBENT.value
    if record.request is None or not isinstance(record.incumbent, Reply) or not isinstance(record.other, Reply):
        return None
    comparison = comparison_of(pilot, record, first)
    messages = tuple(Spoken(role, text, tuple(calls)) for role, text, calls in shown_messages(comparison.request))
    return BlindPair(messages, _reply("First", comparison.first), _reply("Second", comparison.second))


def _reply(role: str, reply: Reply) -> Spoken:
    return Spoken(role, reply.content or "", tuple(canonical_calls(reply.tool_calls)))
