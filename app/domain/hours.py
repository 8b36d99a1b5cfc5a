"""Logged engineering hours."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

HoursKind: TypeAlias = Literal["set-up", "prompt porting", "tuning", "incident", "upgrade", "evaluation", "on-call", "other"]


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
