"""How long an entry lasted: clock, decimal hours, or words; to the hundredth of an hour."""

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from app.capture.hours.fields import CENT

SECONDS = Decimal(3600)
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")
_SHORT = re.compile(r"(\d{1,4}):([0-5]\d)")
_CLASSIC = re.compile(r"(\d{1,5}):([0-5]\d) ?min")
_DECIMAL = re.compile(r"(\d{1,4})(?:\.(\d{1,10})|,(\d{1,2}))?")
_WORDS = re.compile(
    r"(?:(\d{1,4}(?:[.,]\d{1,2})?)\s*h(?:(?:ou)?rs?|ours?)?)?\s*(?:(\d{1,5})\s*m(?:in(?:ute)?s?)?)?\s*(?:(\d{1,6})\s*s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
_DAYS = re.compile(r"\d+\s*[wd]\b", re.IGNORECASE)
_TOLERANCE_SECONDS = 60
_ALLOWED = "must be a duration such as 01:30:00, 1.5 or 1h 30m"
# Jira keeps whole minutes in seconds; no worklog is as long as a plain number of hours above this one.
_LEAST_SECONDS = 60
_MOST_DIGITS = 9


def rounded(hours: Decimal) -> Decimal:
    """To the hundredth of an hour."""
    return hours.quantize(CENT, ROUND_HALF_UP)


def read_duration(text: str, span: timedelta | None = None) -> Decimal:
    """Hours of `01:30:00`, `1:30`, `1.5`, `1,5`, `1h 30m` or `90:00 min`; `ValueError` says what is allowed.

    Args:
        text: As the tracker writes it.
        span: From start to end, if both are known: `47:06` may mean minutes and seconds, so it must agree.
    """
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        return _of(hours=found[1], minutes=found[2], seconds=found[3])
    if found := _SHORT.fullmatch(text):
        return _short(text, _of(hours=found[1], minutes=found[2]), span)
    if found := _CLASSIC.fullmatch(text):
        return _of(minutes=found[1], seconds=found[2])
    if _DECIMAL.fullmatch(text):
        return Decimal(text.replace(",", "."))
    return _worded(text)


def read_spent(text: str) -> Decimal:
    """Hours of Jira's `Time Spent`: `1h 30m`, `1.5`, or whole seconds from 60 on."""
    text = text.strip()
    if text.isdecimal() and text.isascii():
        hours = read_seconds(text)
        if int(text) < _LEAST_SECONDS:
            message = f"must say its unit, not {text!r}: 1h 30m, 1.5, or call the column Hours or Time Spent (seconds)"
            raise ValueError(message)
        return hours
    return read_duration(text)


def read_seconds(text: str) -> Decimal:
    """Hours of whole seconds."""
    text = text.strip()
    if not (text.isdecimal() and text.isascii() and len(text) <= _MOST_DIGITS):
        message = f"must be whole seconds of at most {_MOST_DIGITS} digits, not {text[:40]!r}"
        raise ValueError(message)
    return Decimal(text) / SECONDS


def span_of(day: date, began: time | None, end_day: date | None, ended: time | None) -> timedelta | None:
    """From start to end by the clock on the wall; an end before the start without a day of its own is on the next day."""
    if began is None or ended is None:
        return None
    span = datetime.combine(end_day or day, ended) - datetime.combine(day, began)
    if end_day is None and span < timedelta():
        span += timedelta(days=1)
    if span < timedelta():
        message = "must not be before the start"
        raise ValueError(message)
    return span


def _short(text: str, hours: Decimal, span: timedelta | None) -> Decimal:
    away = 0.0 if span is None else abs(float(hours * SECONDS) - span.total_seconds())
    # By the clock on the wall an hour is missing or doubled where summer time changes.
    if away > _TOLERANCE_SECONDS and abs(away - float(SECONDS)) > _TOLERANCE_SECONDS:
        message = f"{_ALLOWED}, not {text!r}, which is not what lies between start and end"
        raise ValueError(message)
    return hours


def _worded(text: str) -> Decimal:
    found = _WORDS.fullmatch(text)
    if found is not None and any(found.groups()):
        return _of(hours=(found[1] or "0").replace(",", "."), minutes=found[2] or "0", seconds=found[3] or "0")
    more = "; how long a day or week is depends on the tracker's settings" if _DAYS.search(text) else ""
    message = f"{_ALLOWED}, not {text!r}{more}"
    raise ValueError(message)


def _of(*, hours: str = "0", minutes: str = "0", seconds: str = "0") -> Decimal:
    return Decimal(hours) + (Decimal(minutes) * 60 + Decimal(seconds)) / SECONDS
