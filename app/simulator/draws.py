"""Random numbers that depend on what they are for and on nothing else: the same key is the same number everywhere."""

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_NORMAL = NormalDist()


def uniform(*key: object) -> float:
    """A number in (0, 1) drawn by hashing the key."""
    digest = blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / 2**64


def one_of(options: Sequence[T], *key: object) -> T:
    """One of the options, each equally likely."""
    return options[int(uniform(*key) * len(options))]


def weighted(weights: Mapping[T, float], *key: object) -> T:
    """One of the keys of `weights`, as likely as its share of their sum."""
    point = uniform(*key) * sum(weights.values())
    chosen = None
    for chosen, weight in weights.items():  # noqa: B007 - the last one stays if rounding leaves a rest
        point -= weight
        if point < 0:
            break
    if chosen is None:
        message = "weights is empty"
        raise ValueError(message)
    return chosen


def shuffled(items: Sequence[T], *key: object) -> list[T]:
    """The items in a drawn order."""
    order = sorted(range(len(items)), key=lambda index: uniform(*key, index))
    return [items[index] for index in order]


def lognormal(median: float, spread: float, *key: object) -> float:
    """A number around `median`; `spread` is the standard deviation of its logarithm."""
    return median * math.exp(spread * _NORMAL.inv_cdf(uniform(*key)))
