"""Which conversations and which of their pairs people look at: drawn by hash, before any outcome is seen."""

import hashlib

_BITS = 53  # what a double holds exactly


def draw_point(seed: str, conversation: str) -> float:
    """The conversation's point in [0, 1): it is drawn if the point is below its segment's label probability."""
    return _point("conversation", seed, conversation)


def is_drawn(seed: str, conversation: str, chance: float) -> bool:
    """Whether people are asked about the conversation; `seed` "" = nothing is registered, nobody is drawn."""
    return bool(seed) and chance > 0 and draw_point(seed, conversation) < chance


def pair_point(seed: str, exchange: str) -> float:
    """The exchange's point in [0, 1): of a drawn conversation the pair with the least one is labelled."""
    return _point("pair", seed, exchange)


def _point(*parts: str) -> float:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> (64 - _BITS)) / (1 << _BITS)
