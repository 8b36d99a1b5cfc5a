"""Days and times of day as trackers write them; a day that may be read in two ways is refused."""

import re
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from app.domain.hours import DayOrder
from app.domain.months import MONTHS

_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_NUMBERS = re.compile(r"(\d{1,2})([-/])(\d{1,2})\2(\d{4})")
_NAMED = re.compile(r"(\d{1,2})[-/. ]+([A-Za-z]{3,9})\.?[-/., ]+(\d{4}|\d{2})")
_NAME_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?\s*(?:([AaPp])\.?[Mm]\.?)?")
_LEAST_LETTERS = 3
_MOST_MONTHS = 12
_NOON = 12


class DayReader:
    """Reads the days of one file, all in the same order.

    Args:
        order: What people say of dates such as 02/03/2026; `None` = those are refused.
        timezone: Of the pilot: a moment with a zone counts on the day that it has there.
    """

    def __init__(self, order: DayOrder | None, timezone: str) -> None:
        self._order = order
        self._seen: tuple[DayOrder, str] | None = None
        self._zone = ZoneInfo(timezone)

    def day(self, text: str) -> date:
        """A calendar day; `ValueError` says what is wrong with it."""
        text = text.strip()
        try:
            found = self._plain(text) or self._numbers(text)
        except ValueError as error:
            if str(error).startswith("must"):
                raise
            found = None
        if found is None:
            message = f"must be a date such as 2026-11-02, not {text!r}"
            raise ValueError(message)
        return found

    def moment(self, text: str) -> tuple[date, time | None]:
        """A day and, if it is there, the time: `2026-01-12T23:30:00.000+0000`, `12/Jan/26 9:00 AM`, a day alone."""
        text = text.strip()
        try:
            whole = datetime.fromisoformat(text)
        except ValueError:
            whole = None
        if whole is not None and whole.tzinfo is not None:
            return self._local(whole, text)
        parts = re.fullmatch(rf"(.+?)[T,\s]+({_TIME.pattern})", text)
        return (self.day(parts[1]), read_time(parts[2])) if parts else (self.day(text), None)

    def _local(self, moment: datetime, text: str) -> tuple[date, time]:
        try:
            local = moment.astimezone(self._zone)
        except OverflowError:  # the first or the last day that there is
            message = f"must be a moment in the years 2 to 9998, not {text!r}"
            raise ValueError(message) from None
        return local.date(), local.time()

    def _plain(self, text: str) -> date | None:
        """What can be read in one way alone."""
        if found := _YEAR_FIRST.fullmatch(text):
            return date(int(found[1]), int(found[3]), int(found[4]))
        if found := _DOTTED.fullmatch(text):  # dots are written day first everywhere
            return date(int(found[3]), int(found[2]), int(found[1]))
        if found := _NAMED.fullmatch(text):
            return date(_year(found[3]), _month(found[2]), int(found[1]))
        if found := _NAME_FIRST.fullmatch(text):
            return date(int(found[3]), _month(found[1]), int(found[2]))
        return None

    def _numbers(self, text: str) -> date | None:
        found = _NUMBERS.fullmatch(text)
        if found is None:
            return None
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        order = self._order_of(first, second, text)
        day, month = (first, second) if order == "day-first" else (second, first)
        return date(year, month, day)

    def _order_of(self, first: int, second: int, text: str) -> DayOrder:
        if self._order is not None:
            return self._order
        if first == second:
            return "day-first"
        if first <= _MOST_MONTHS and second <= _MOST_MONTHS:
            message = f"must be a date that is read in one way, not {text!r}: say day-first or month-first (--dates)"
            raise ValueError(message)
        order: DayOrder = "day-first" if first > _MOST_MONTHS else "month-first"
        if self._seen is not None and self._seen[0] != order:
            message = f"must be written like the other dates of the file: {text!r} is {order}, {self._seen[1]!r} is not"
            raise ValueError(message)
        self._seen = self._seen or (order, text)
        return order


def read_time(text: str) -> time:
    """A time of day: `09:05`, `9:05:30`, `9:05 PM`."""
    found = _TIME.fullmatch(text.strip())
    try:
        if found is not None:
            return time(_hour(int(found[1]), found[4]), int(found[2]), int(found[3] or 0))
    except ValueError:  # an hour above 23, or 13 PM
        pass
    message = f"must be a time such as 09:05:30 or 9:05 PM, not {text!r}"
    raise ValueError(message)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= _NOON:
        raise ValueError
    return hour % _NOON + (_NOON if half in "Pp" else 0)


def _month(name: str) -> int:
    found = [at for at, month in enumerate(MONTHS, 1) if month.startswith(name.lower()) and len(name) >= _LEAST_LETTERS]
    if len(found) != 1:
        message = f"must have a month's English name, not {name!r}"
        raise ValueError(message)
    return found[0]


def _year(text: str) -> int:
    return int(text) if len(text) > 2 else 2000 + int(text)  # noqa: PLR2004 - Jira writes 12/Jan/26
