"""The fields of one entry as texts: what is allowed in each, and what is said of the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from app.domain.hours import KINDS, HoursEntry
from app.errors import InvalidInput, Problem

COLUMNS = ("who", "worked_on", "hours", "kind", "recurring", "note")
REQUIRED = frozenset(COLUMNS[:4])
MAX_HOURS = Decimal(744)  # a whole month: entries may sum up weeks of several people
CENT = Decimal("0.01")
MAX_NAME = 100
MAX_NOTE = 1000
MAX_PROBLEMS = 100
YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """An entry of a file; `external_id` is the tracker's, "" in our own format."""

    entry: HoursEntry
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class ReadHours:
    """What a file has; `too_short` entries are below 18 seconds, which is 0.00 hours."""

    source: str
    entries: list[ReadEntry]
    too_short: int = 0


def refused(problems: list[Problem]) -> InvalidInput:
    """The error of a file of which nothing is imported; it lists the first 100 problems and counts all."""
    count = len(problems)
    message = f"no hours were imported: {count} problem{'s' if count != 1 else ''}"
    if count > MAX_PROBLEMS:
        message += f", of which the first {MAX_PROBLEMS} are shown"
    return InvalidInput(message, tuple(problems[:MAX_PROBLEMS]), count=count)


def read_entry(raw: Mapping[str, str], line: int | None = None) -> tuple[HoursEntry | None, list[Problem]]:
    """One entry of texts, or what is wrong with it."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, read in READERS.items():
        try:
            values[field] = read(raw.get(field, "").strip())
        except ValueError as error:
            problems.append(Problem(f"{field} {error}", field=field, line=line))
    if problems:
        return None, problems
    return HoursEntry(0, is_recurring=values.pop("recurring"), **values), []


def read_who(text: str) -> str:
    """Who worked."""
    if not text or len(text) > MAX_NAME or not text.isprintable():
        message = f"must be a name of 1 to {MAX_NAME} characters"
        raise ValueError(message)
    return text


def read_day(text: str) -> date:
    """A calendar day, ISO 8601 alone."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        message = f"must be a date such as 2026-11-02, not {text!r}"
        raise ValueError(message) from None


def read_hours_amount(text: str) -> Decimal:
    """Hours with at most 2 decimals."""
    try:
        amount = Decimal(text)
        if 0 < amount <= MAX_HOURS and amount == amount.quantize(CENT):
            return amount.quantize(CENT)
    except InvalidOperation:  # also the comparison with NaN
        pass
    message = f"must be a number above 0 and at most {MAX_HOURS} with at most 2 decimals, not {text!r}"
    raise ValueError(message)


def read_kind(text: str) -> str:
    """One of the kinds."""
    if text not in KINDS:
        message = f"must be one of {', '.join(KINDS)}, not {text!r}"
        raise ValueError(message)
    return text


def read_yes_no(text: str) -> bool:
    """True or false in usual words; nothing is false."""
    if text.lower() not in YES_NO:
        message = f"must be true or false, not {text!r}"
        raise ValueError(message)
    return YES_NO[text.lower()]


def read_note(text: str) -> str:
    """A remark."""
    if len(text) > MAX_NOTE or "\x00" in text:
        message = f"must have at most {MAX_NOTE} characters"
        raise ValueError(message)
    return text


READERS: dict[str, Callable[[str], Any]] = {
    "who": read_who, "worked_on": read_day, "hours": read_hours_amount, "kind": read_kind, "recurring": read_yes_no,
    "note": read_note,
}  # fmt: skip
