"""When two JSON scalars mean the same: numbers and dates however they are written, text without case and white space."""

import re
from collections.abc import Hashable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.domain.months import MONTHS
from app.graders.canonical import fold

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]*)(?:\.[0-9]+)?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[t ].+)?")
_YEAR_FIRST = re.compile(r"([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})")
_DAY_MONTH = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|\.)?[ -]([a-z]{3,9})\.?,?[ -]([0-9]{4})")
_MONTH_DAY = re.compile(r"([a-z]{3,9})\.? ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})")
_MONTH_NUMBERS = {name: number for number, month in enumerate(MONTHS, 1) for name in (month, month[:3])} | {"sept": 9}


def meaning(value: Any) -> Hashable:
    """What a JSON scalar means, so that what means the same is equal.

    `"1,200.0"` and 1200 are, `"2 March 2026"` and `"2026-03-02"`, `" Yes"` and `"yes"`. Text with leading zeros stays
    text, as do dates that could be another day elsewhere (`"02/03/2026"`).
    """
    if isinstance(value, str):
        text = fold(value)
        if _NUMBER.fullmatch(text):
            return "number", Decimal(text.replace(",", ""))
        moment = _moment(text)
        return ("moment", moment) if moment is not None else ("text", text)
    if isinstance(value, bool) or value is None:
        return "constant", value
    return "number", Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _moment(text: str) -> str | None:
    """A day or moment in ISO form, in UTC where it says its zone; `None` = none, or one that could be another day elsewhere."""
    if _ISO.fullmatch(text):
        return _iso(text)
    parts = _date_parts(text)
    try:
        return date(*parts).isoformat() if parts is not None else None
    except ValueError:
        return None


def _iso(text: str) -> str | None:
    try:
        return _spelled(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):  # no such day, or beyond the first or last year in UTC
        return None


def _spelled(found: datetime) -> str:
    if found.tzinfo is not None:
        return found.astimezone(UTC).isoformat()
    return found.date().isoformat() if found.time() == datetime.min.time() else found.isoformat()


def _date_parts(text: str) -> tuple[int, int, int] | None:
    """Year, month, day of the forms that everybody reads alike."""
    if found := _YEAR_FIRST.fullmatch(text):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _YEAR_LAST.fullmatch(text):
        return _by_place(int(found[1]), found[2], int(found[3]), int(found[4]))
    if found := _DAY_MONTH.fullmatch(text):
        day, name, year = found[1], found[2], found[3]
    elif found := _MONTH_DAY.fullmatch(text):
        day, name, year = found[2], found[1], found[3]
    else:
        return None
    return (int(year), _MONTH_NUMBERS[name], int(day)) if name in _MONTH_NUMBERS else None


def _by_place(first: int, separator: str, second: int, year: int) -> tuple[int, int, int] | None:
    """Day first with points or where only that is a date; month first where only that is."""
    if separator == "." or first > len(MONTHS) or first == second:
        return year, second, first
    return (year, first, second) if second > len(MONTHS) else None
