"""A shuffled order of whole numbers that needs no memory: number k of the order is computed, and so is the way back."""

import hashlib
from dataclasses import dataclass, field

ROUNDS = 4


@dataclass(frozen=True)
class Permutation:
    """A keyed one-to-one map of 0 … size - 1 onto itself: a Feistel network, walked until it is back in the range.

    Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (CT-RSA 2002), cycle walking.

    Attributes:
        size: How many numbers there are; at least 1.
        seed: Chooses the order.

    Example:
        >>> order = Permutation(5, seed=7)
        >>> sorted(order.at(k) for k in range(5))
        [0, 1, 2, 3, 4]
        >>> [order.place_of(order.at(k)) for k in range(5)]
        [0, 1, 2, 3, 4]
    """

    size: int
    seed: int
    _half_bits: int = field(init=False)
    _keys: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.size < 1:
            message = f"size must be at least 1, not {self.size}"
            raise ValueError(message)
        digest = hashlib.sha256(f"permutation {self.seed} {self.size}".encode()).digest()
        object.__setattr__(self, "_half_bits", max(1, ((self.size - 1).bit_length() + 1) // 2))
        object.__setattr__(self, "_keys", tuple(int.from_bytes(digest[8 * n : 8 * n + 8], "big") for n in range(ROUNDS)))

    def at(self, place: int) -> int:
        """The number at a place, 0 ≤ place < size."""
        found = self._once(place)
        while found >= self.size:
            found = self._once(found)
        return found

    def place_of(self, number: int) -> int:
        """Where a number stands: the inverse of `at`."""
        found = self._back(number)
        while found >= self.size:
            found = self._back(found)
        return found

    def _once(self, number: int) -> int:
        left, right = number >> self._half_bits, number & self._mask
        for key in self._keys:
            left, right = right, left ^ self._mixed(right, key)
        return left << self._half_bits | right

    def _back(self, number: int) -> int:
        left, right = number >> self._half_bits, number & self._mask
        for key in reversed(self._keys):
            left, right = right ^ self._mixed(left, key), left
        return left << self._half_bits | right

    @property
    def _mask(self) -> int:
        return (1 << self._half_bits) - 1

    def _mixed(self, value: int, key: int) -> int:
        """The finaliser of MurmurHash3, keyed."""
        mixed = (value ^ key) & 0xFFFFFFFFFFFFFFFF
        mixed = (mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCD & 0xFFFFFFFFFFFFFFFF
        mixed = (mixed ^ mixed >> 33) * 0xC4CEB9FE1A85EC53 & 0xFFFFFFFFFFFFFFFF
        return (mixed ^ mixed >> 33) & self._mask
