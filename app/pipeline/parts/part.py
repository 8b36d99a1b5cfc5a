"""A day's part: numbers that are added to those of other days, and what they make together (decision 23)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import orjson

from app.statistics.log_sketch import LogSketch
from app.statistics.sums import Sums

ALL = ""
SIDES = ("incumbent", "candidate")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ArmPart:
    """What one or several days say of a candidate beside the incumbent.

    Attributes:
        counts: Of pairs, by what is counted: `coverage/…`, `ties`, `flips`, `ungraded/…` and the like.
        failures: Of the side of a segment, by kind; kind "" = asked.
        sums: Of the conversations that began, by segment and series.
        times: Of the side of a segment, by measure.
        tokens: Of the side of a segment and model: replies, input, cached input, output, each weighted.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[Key] = field(default_factory=Counter)
    sums: dict[Key, Sums] = field(default_factory=dict)
    times: dict[Key, LogSketch] = field(default_factory=dict)
    tokens: dict[Key, tuple[float, ...]] = field(default_factory=dict)

    def times_of(self, side: str, measure: str) -> LogSketch:
        """One side's times of all segments together."""
        return LogSketch.merged(times for key, times in self.times.items() if (key[0], key[2]) == (side, measure))


@dataclass(frozen=True, slots=True, eq=False)
class DayPart:
    """What one or several days add up to.

    Attributes:
        reasons: Of the exchanges, by their reason in the ledger.
        requests: Production requests that the counted exchanges stand for.
        busiest_minute: Most requests in a clock minute.
        arms: By candidate.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    requests: float = 0.0
    busiest_minute: float = 0.0
    arms: dict[str, ArmPart] = field(default_factory=dict)


def merged(parts: Iterable[DayPart]) -> DayPart:
    """All days together, added in their order."""
    listed = list(parts)
    return DayPart(
        reasons=_counted(part.reasons for part in listed),
        requests=sum(part.requests for part in listed),
        busiest_minute=max((part.busiest_minute for part in listed), default=0.0),
        arms={name: _arms_merged([part.arms[name] for part in listed if name in part.arms]) for name in _names(listed)},
    )


def _names(parts: list[DayPart]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part.arms))


def _arms_merged(arms: list[ArmPart]) -> ArmPart:
    sums: dict[Key, Sums] = {}
    tokens: dict[Key, tuple[float, ...]] = {}
    sketches: dict[Key, list[LogSketch]] = {}
    for arm in arms:
        for key, daily in arm.sums.items():
            sums[key] = sums.get(key, Sums()) + daily
        for key, numbers in arm.tokens.items():
            tokens[key] = tuple(np.add(tokens.get(key, (0.0,) * len(numbers)), numbers).tolist())
        for key, sketch in arm.times.items():
            sketches.setdefault(key, []).append(sketch)
    times = {key: LogSketch.merged(several) for key, several in sketches.items()}
    return ArmPart(_counted(arm.counts for arm in arms), _counted(arm.failures for arm in arms), sums, times, tokens)


def _counted(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    total: Counter[Any] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def to_bytes(part: DayPart) -> bytes:
    """As it is stored: JSON."""
    arms = {
        name: {
            "counts": arm.counts,
            "failures": _listed(arm.failures),
            "sums": _listed({key: astuple(sums) for key, sums in arm.sums.items()}),
            "times": _listed({key: (s.keys.tolist(), s.counts.tolist(), s.zeros) for key, s in arm.times.items()}),
            "tokens": _listed(arm.tokens),
        }
        for name, arm in part.arms.items()
    }
    document = {"reasons": part.reasons, "requests": part.requests, "busiest_minute": part.busiest_minute, "arms": arms}
    return orjson.dumps(document)


def from_bytes(content: bytes) -> DayPart:
    """The part that was stored."""
    document = orjson.loads(content)
    arms = {
        name: ArmPart(
            counts=Counter(arm["counts"]),
            failures=Counter(_keyed(arm["failures"])),
            sums={key: Sums(*numbers) for key, numbers in _keyed(arm["sums"]).items()},
            times={
                key: LogSketch(np.array(k, np.int64), np.array(c, np.int64), z)
                for key, (k, c, z) in _keyed(arm["times"]).items()
            },
            tokens={key: tuple(numbers) for key, numbers in _keyed(arm["tokens"]).items()},
        )
        for name, arm in document["arms"].items()
    }
    return DayPart(Counter(document["reasons"]), document["requests"], document["busiest_minute"], arms)


def _listed(by_key: dict[Key, Any]) -> list[tuple[Key, Any]]:
    return sorted(by_key.items())


def _keyed(listed: list[Any]) -> dict[Key, Any]:
    return {tuple(key): value for key, value in listed}
