"""Logged engineering hours."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class HoursEntry:
    """Hours that a person worked for the pilot; `is_recurring` = they would come again every month."""

    id: int
    who: str
    worked_on: date
    hours: Decimal
    kind: str
    is_recurring: bool
    note: str = ""
