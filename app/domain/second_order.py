"""Which pairs a judge is always asked about in both orders, whatever it says first: a random tenth of them."""

import hashlib
from typing import Literal

SecondOrder = Literal["decisive", "always"]
ALWAYS: SecondOrder = "always"
SHARE = 0.1
# A word of its own, so that the draw has nothing to do with the coin that decides which reply is shown first.
_SALT = "second-order"
_POINTS = 2**64


def in_random_tenth(external_id: str, arm: str) -> bool:
    """Whether the pair belongs to the random tenth: the same each time, whatever the judge says."""
    digest = hashlib.sha256(f"{_SALT}\x00{external_id}\x00{arm}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < SHARE * _POINTS


def is_asked_twice(second_order: SecondOrder, external_id: str, arm: str) -> bool:
    """Whether both orders are asked even if the first answer is a tie."""
    return second_order == ALWAYS or in_random_tenth(external_id, arm)
