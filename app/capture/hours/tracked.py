"""What trackers' entries have in common: places, identity, the way from what was written to an entry."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import TypeVar

from app.capture.hours.days import DayReader
from app.capture.hours.durations import rounded
from app.capture.hours.fields import MAX_HOURS, MAX_NOTE, ReadEntry, ReadHours, read_who, refused
from app.capture.hours.kinds import KindRules, is_recurring
from app.domain.hours import HoursEntry
from app.errors import Problem

Read = TypeVar("Read")
LONGEST_TIMER_HOURS = 24


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is to be read."""

    rules: KindRules
    days: DayReader


@dataclass(slots=True)
class Place:
    """One entry's place in the file, and what is wrong there."""

    line: int | None = None
    path: str = ""
    problems: list[Problem] = field(default_factory=list)

    def read(self, name: str, reader: Callable[..., Read], *arguments: object) -> Read | None:
        """What the reader makes of a field; `None` where it refuses, which is a problem of this place."""
        try:
            return reader(*arguments)
        except ValueError as error:
            self.wrong(name, f"{name} {error}")
            return None

    def wrong(self, name: str, message: str) -> None:
        """Notes a problem of a field."""
        self.problems.append(Problem(message, field=f"{self.path}.{name}".lstrip("."), line=self.line))


@dataclass(slots=True)
class Tracked:
    """An entry of a tracker, as far as it could be read."""

    place: Place
    who: str
    day: date | None
    began: time | None
    hours: Decimal | None
    labels: Mapping[str, Sequence[str]]
    note: str
    number: str = ""
    is_timed: bool = False
    hours_column: str = "Duration"
    who_column: str = "User"


def entries_of(source: str, found: Iterable[Tracked], terms: Terms, problems: list[Problem]) -> ReadHours:
    """The entries, all or none; every wrong line is named."""
    made: list[ReadEntry] = []
    times: Counter[str] = Counter()
    too_short = 0
    for tracked in found:
        entry = _entry(tracked, terms.rules)
        problems += tracked.place.problems
        if entry is None or tracked.place.problems:
            continue
        identity = _identity(source, tracked)
        times[identity] += 1
        number = identity if times[identity] == 1 else f"{identity}#{times[identity]}"
        if entry.hours:
            made.append(ReadEntry(entry, number))
        else:
            too_short += 1
    if problems:
        raise refused(sorted(problems, key=lambda problem: problem.line or 0))
    return ReadHours(source, made, too_short)


def _entry(tracked: Tracked, rules: KindRules) -> HoursEntry | None:
    place = tracked.place
    who = place.read(tracked.who_column, read_who, tracked.who)
    hours = _bounded(tracked) if tracked.hours is not None else None
    labels = {name: [label for label in level if label.strip()] for name, level in tracked.labels.items()}
    kind = place.read("kind", rules.kind_of, labels)
    if who is None or tracked.day is None or hours is None or kind is None:
        return None
    return HoursEntry(0, who, tracked.day, hours, kind, is_recurring(kind, labels), _shortened(tracked.note))


def _bounded(tracked: Tracked) -> Decimal | None:
    hours = rounded(tracked.hours or Decimal(0))
    most = LONGEST_TIMER_HOURS if tracked.is_timed else MAX_HOURS
    if hours > most:
        why = ": was a timer left running?" if tracked.is_timed else ""
        tracked.place.wrong(
            tracked.hours_column, f"{tracked.hours_column} must be at most {most} hours in one entry, not {hours}{why}"
        )
        return None
    return hours


def _shortened(note: str) -> str:
    note = note.replace("\x00", "").strip()
    return note if len(note) <= MAX_NOTE else note[: MAX_NOTE - 1] + "…"


def _identity(source: str, tracked: Tracked) -> str:
    """The tracker's number, else a digest of who began when, and on which issue: the same with other tags, hours or remarks."""
    if tracked.number:
        return tracked.number
    named = ("issue",) if tracked.began is not None else ("issue", "project", "task")
    facts = [source, tracked.who.casefold(), str(tracked.day), str(tracked.began)]
    facts += [label.casefold() for name in named for label in tracked.labels.get(name, ())]
    return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:32]
