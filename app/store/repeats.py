"""Repeats of the same call: whether the second answer was the first again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class NewRepeat:
    """What came of asking an arm again; `external_id` names the exchange."""

    external_id: str
    arm_id: int
    at: datetime
    is_deterministic: bool
    is_equal: bool | None
    failure: str | None
    total_seconds: float | None

    @property
    def key(self) -> tuple[str, int]:
        """Which call it repeats."""
        return self.external_id, self.arm_id


def add_repeats(session: Session, pilot_id: int, repeats: Iterable[NewRepeat]) -> set[tuple[str, int]]:
    """Stores repeats of exchanges that are there; the keys of those that are new."""
    added = set()
    for each in sorted(repeats, key=lambda each: each.key):  # one order for all: no deadlocks
        values = {name: getattr(each, name) for name in NewRepeat.__slots__}
        if session.execute(_ADD, values | {"pilot_id": pilot_id}).scalar() is not None:
            added.add(each.key)
    return added


def known_exchanges(session: Session, pilot_id: int, external_ids: Iterable[str]) -> set[str]:
    """Which exchanges are there."""
    return set(session.scalars(_KNOWN, {"pilot_id": pilot_id, "ids": sorted(set(external_ids))}))


_ADD = text("""
INSERT INTO repeats (exchange_id, arm_id, pilot_id, at, is_deterministic, is_equal, failure, total_seconds)
SELECT e.id, :arm_id, :pilot_id, :at, :is_deterministic, :is_equal, :failure, :total_seconds
FROM exchanges e WHERE e.pilot_id = :pilot_id AND e.external_id = :external_id
ON CONFLICT DO NOTHING RETURNING exchange_id
""")
_KNOWN = text("SELECT external_id FROM exchanges WHERE pilot_id = :pilot_id AND external_id = ANY(:ids)")
