"""Logging engineering hours, one by one or from a CSV file."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from sqlalchemy.orm import Session

from app.domain.hours import HoursEntry, HoursKind
from app.errors import InvalidInput, Problem
from app.store import hours as store
from app.store.audit import record
from app.store.pilots import get_pilot

KINDS: tuple[str, ...] = get_args(HoursKind)
COLUMNS = ("who", "worked_on", "hours", "kind", "recurring", "note")
REQUIRED = frozenset(COLUMNS[:4])
MAX_HOURS = Decimal(744)  # a whole month: entries may sum up weeks of several people
CENT = Decimal("0.01")
MAX_NAME = 100
MAX_NOTE = 1000
YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class HoursImport:
    """What an import did: lines that are stored already, as often as the file has them, are `unchanged`."""

    lines: int
    new: int
    unchanged: int


def log_hours(session: Session, pilot_name: str, raw: dict[str, str], by: str) -> HoursEntry:
    """Logs hours; `InvalidInput` names every field that is wrong."""
    pilot = get_pilot(session, pilot_name)
    entry, problems = read_entry(raw)
    if entry is None:
        message = "the hours are wrong: " + "; ".join(problem.message for problem in problems)
        raise InvalidInput(message, tuple(problems))
    (stored,) = store.insert_hours(session, pilot.id, [entry], by=by)
    record(session, by, "hours.add", pilot.id, hours=str(stored.hours), kind=stored.kind)
    return stored


def import_hours(session: Session, pilot_name: str, text: bytes, by: str) -> HoursImport:
    """Logs all lines of a CSV file or none; the same file again adds nothing."""
    pilot = get_pilot(session, pilot_name, for_update=True)
    entries = _read_csv(text)
    there = Counter(replace(entry, id=0) for entry in store.list_hours(session, pilot.id))
    new = []
    for entry in entries:
        if there[entry] > 0:
            there[entry] -= 1
        else:
            new.append(entry)
    store.insert_hours(session, pilot.id, new, by=by)
    record(session, by, "hours.import", pilot.id, lines=len(entries), new=len(new))
    return HoursImport(len(entries), len(new), len(entries) - len(new))


def read_entry(raw: dict[str, str], line: int | None = None) -> tuple[HoursEntry | None, list[Problem]]:
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


def _who(text: str) -> str:
    if not text or len(text) > MAX_NAME or not text.isprintable():
        message = f"must be a name of 1 to {MAX_NAME} characters"
        raise ValueError(message)
    return text


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        message = f"must be a date such as 2026-11-02, not {text!r}"
        raise ValueError(message) from None


def _hours(text: str) -> Decimal:
    try:
        amount = Decimal(text)
        if 0 < amount <= MAX_HOURS and amount == amount.quantize(CENT):
            return amount.quantize(CENT)
    except InvalidOperation:  # also the comparison with NaN
        pass
    message = f"must be a number above 0 and at most {MAX_HOURS} with at most 2 decimals, not {text!r}"
    raise ValueError(message)


def _kind(text: str) -> str:
    if text not in KINDS:
        message = f"must be one of {', '.join(KINDS)}, not {text!r}"
        raise ValueError(message)
    return text


def _yes_no(text: str) -> bool:
    if text.lower() not in YES_NO:
        message = f"must be true or false, not {text!r}"
        raise ValueError(message)
    return YES_NO[text.lower()]


def _note(text: str) -> str:
    if len(text) > MAX_NOTE or "\x00" in text:
        message = f"must have at most {MAX_NOTE} characters"
        raise ValueError(message)
    return text


READERS: dict[str, Callable[[str], Any]] = {
    "who": _who, "worked_on": _date, "hours": _hours, "kind": _kind, "recurring": _yes_no, "note": _note,
}  # fmt: skip


def _read_csv(text: bytes) -> list[HoursEntry]:
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _refused([Problem("the file must be UTF-8", line=line)]) from None
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    entries: list[HoursEntry] = []
    problems: list[Problem] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        problems += _header_problems(header)
        line = reader.line_num + 1
        for row in reader if not problems else ():
            entry, wrong = _row(header, row, line)
            problems += wrong
            entries += [entry] if entry is not None else []
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(Problem(f"this is not CSV: {error}", line=reader.line_num))
    if problems:
        raise _refused(problems)
    return entries


def _row(header: list[str], row: list[str], line: int) -> tuple[HoursEntry | None, list[Problem]]:
    if not row:  # an empty line
        return None, []
    if len(row) != len(header):
        return None, [Problem(f"there are {len(row)} columns, the header has {len(header)}", line=line)]
    return read_entry(dict(zip(header, row, strict=True)), line)


def _header_problems(header: list[str]) -> list[Problem]:
    unknown = [name for name in header if name not in COLUMNS]
    missing = sorted(REQUIRED - set(header))
    problems = [Problem(f"unknown column {name!r}; known: {', '.join(COLUMNS)}", field=name, line=1) for name in unknown]
    problems += [Problem(f"the column {name!r} is missing", field=name, line=1) for name in missing]
    if len(set(header)) != len(header):
        problems.append(Problem("a column is there twice", line=1))
    return problems


def _refused(problems: list[Problem]) -> InvalidInput:
    return InvalidInput(f"no hours were imported: {len(problems)} problems", tuple(problems))
