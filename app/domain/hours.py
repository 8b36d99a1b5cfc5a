"""Logged engineering hours."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

HoursKind: TypeAlias = Literal["set-up", "prompt porting", "tuning", "incident", "upgrade", "evaluation", "on-call", "other"]
KINDS: tuple[str, ...] = get_args(HoursKind)
# What a tracker's entries are taken for, which do not say it themselves: on-call, incidents, upgrades and tuning go on as long
# as the candidate serves; set-up, prompt porting and evaluation end with the move. Who logs an entry here says it.
RECURRING_KINDS = frozenset({"on-call", "incident", "upgrade", "tuning"})
DayOrder: TypeAlias = Literal["day-first", "month-first"]


@dataclass(frozen=True, slots=True)
class HoursEntry:
    """Hours that a person worked for the pilot.

    `is_recurring` = of a kind that comes again: those of the closed days are extrapolated to a month.
    """

    id: int
    who: str
    worked_on: date
    hours: Decimal
    kind: str
    is_recurring: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class HoursVersion:
    """An entry as it was logged, and what became of it; it counts while it is neither superseded nor removed.

    Attributes:
        source: Which file it came from (`csv`, `toggl`, `clockify`, `jira`); "" = it was logged here.
        external_id: The tracker's number of it, or a digest of who began when.
        superseded_by: The entry that replaced it.
        reason: Why it was replaced or removed.
    """

    entry: HoursEntry
    logged_by: str
    logged_at: datetime
    source: str = ""
    external_id: str = ""
    superseded_by: int | None = None
    removed_at: datetime | None = None
    removed_by: str | None = None
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is the one that counts."""
        return self.superseded_by is None and self.removed_at is None
