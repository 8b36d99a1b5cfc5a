"""What logged hours come to: by kind, by person, by week, and what comes back every month."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.costs.upkeep import Upkeep, upkeep_of
from app.domain.hours import KINDS, HoursEntry
from app.domain.pilot import Pilot
from app.store.hours import closed_days_of, list_hours

Key = TypeVar("Key")
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hours:
    """A sum of hours."""

    one_off: Decimal = Decimal(0)
    recurring: Decimal = Decimal(0)
    entries: int = 0

    @classmethod
    def of(cls, entries: Iterable[HoursEntry]) -> "Hours":
        """The sums of some entries."""
        found = list(entries)
        recurring = sum((entry.hours for entry in found if entry.is_recurring), Decimal(0))
        return cls(sum((entry.hours for entry in found), Decimal(0)) - recurring, recurring, len(found))


@dataclass(frozen=True, slots=True)
class WeekHours:
    """One week's hours; `week` is that of the pilot, `None` before its first day and for a pilot without one."""

    week: int | None
    starts_on: date
    hours: Hours


@dataclass(frozen=True, slots=True)
class Totals:
    """All sums of a pilot's hours; `upkeep` is `None` until recurring hours were worked on a closed day."""

    every: Hours
    by_kind: dict[str, Hours]
    by_person: dict[str, Hours]
    by_week: list[WeekHours]
    upkeep: Upkeep | None
    closed_days: int


def totals_of(session: Session, pilot: Pilot) -> tuple[list[HoursEntry], Totals]:
    """The entries that count and their sums."""
    entries = list_hours(session, pilot.id)
    return entries, totals(entries, first_day_of(pilot), closed_days_of(session, pilot.id))


def totals(entries: Sequence[HoursEntry], first_day: date | None, closed_days: Sequence[int]) -> Totals:
    """The sums of entries."""
    recurring = [(_day(entry, first_day), entry.hours) for entry in entries if first_day is not None and entry.is_recurring]
    kinds = _grouped(entries, lambda entry: entry.kind)
    people = _grouped(entries, lambda entry: entry.who)
    return Totals(
        every=Hours.of(entries),
        by_kind={kind: Hours.of(kinds[kind]) for kind in KINDS if kind in kinds},
        by_person={who: Hours.of(people[who]) for who in sorted(people)},
        by_week=_weeks(entries, first_day),
        upkeep=upkeep_of(recurring, closed_days),
        closed_days=len(closed_days),
    )


def first_day_of(pilot: Pilot) -> date | None:
    """The calendar day on which the pilot begins, where it lives."""
    if pilot.starts_at is None:
        return None
    return pilot.starts_at.astimezone(ZoneInfo(pilot.configuration.pilot.timezone)).date()


def _weeks(entries: Sequence[HoursEntry], first_day: date | None) -> list[WeekHours]:
    """Weeks of the pilot, or from Monday where it has no first day; the newest first."""
    monday = date(1970, 1, 5)
    grouped = _grouped(entries, lambda entry: (entry.worked_on - (first_day or monday)) // WEEK)
    return [
        WeekHours(
            number + 1 if first_day is not None and number >= 0 else None,
            (first_day or monday) + number * WEEK,
            Hours.of(grouped[number]),
        )
        for number in sorted(grouped, reverse=True)
    ]


def _grouped(entries: Iterable[HoursEntry], key: Callable[[HoursEntry], Key]) -> dict[Key, list[HoursEntry]]:
    groups: dict[Key, list[HoursEntry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return groups


def _day(entry: HoursEntry, first_day: date | None) -> int:
    return 0 if first_day is None else (entry.worked_on - first_day).days + 1
