"""Which conversations take part: a point in [0, 1) for each, compared with the sampling rate, so that samples are nested."""

import hashlib

_BITS = 53  # what a double holds exactly


def sample_point(conversation_id: str) -> float:
    """The conversation's point in [0, 1): the first 53 bits of the SHA-256 of its id."""
    digest = hashlib.sha256(conversation_id.encode()).digest()
    return float((int.from_bytes(digest[:8]) >> (64 - _BITS)) / (1 << _BITS))
