"""Single values of an export: days, counts, dollars; what is wrong is a `ValueError` that says what is allowed."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_TOKENS = 10**15
MOST_USD = Decimal(10**9)
FIRST_YEAR, LAST_YEAR = 2015, 2100
DAY = timedelta(days=1)
MAX_MODEL = 200


def count(value: Any) -> int:
    """A whole number from 0 on; exports write `59200.0`, too."""
    try:
        amount = _decimal(value)
        if 0 <= amount <= MOST_TOKENS and amount == amount.to_integral_value():
            return int(amount)
    except (InvalidOperation, TypeError):
        pass
    message = f"must be a whole number from 0 on such as 1234, without thousands marks, not {value!r}"
    raise ValueError(message)


def amount(value: Any) -> Decimal:
    """Dollars, or another decimal number; negative = a credit."""
    try:
        found = _decimal(value.strip().removeprefix("$") if isinstance(value, str) else value)
        if abs(found) <= MOST_USD:
            return found
    except (InvalidOperation, TypeError):
        pass
    message = f"must be a decimal number such as 12.34, without thousands marks, not {value!r}"
    raise ValueError(message)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise TypeError
    return Decimal(str(value).strip())


def dollars_only(currency: Any) -> None:
    """No other currency: an exchange rate is nobody's measurement."""
    if not isinstance(currency, str) or currency.strip().upper() != "USD":
        message = f"must be USD, not {currency!r}: only US dollars are compared; export the costs in US dollars"
        raise ValueError(message)


def model_name(value: Any) -> str:
    """A name of one line."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > MAX_MODEL or not text.isprintable():
        message = f"must be a model's name of 1 to {MAX_MODEL} characters, not {value!r}"
        raise ValueError(message)
    return text


def calendar_day(value: Any) -> date:
    """A day as the vendors write it: `2026-11-02`, `20261102` or, as Azure does, `11/02/2026` (month first)."""
    text = str(value).strip()
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%Y%m%d"):
        try:
            found = datetime.strptime(text, form).date()  # noqa: DTZ007 - a calendar day has no zone
        except ValueError:
            continue
        return _within(found, value)
    return instant_or_day(text)


def instant_or_day(text: str) -> date:
    """The UTC day of a moment that says its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"must be a day such as 2026-11-02 (or 11/02/2026, month first), not {text!r}"
        raise ValueError(message) from None
    if moment.tzinfo is None:
        message = f"needs a zone, as in 2026-11-02T00:00:00Z, not {text!r}"
        raise ValueError(message)
    return _within(moment.astimezone(UTC).date(), text)


def moment(value: Any) -> datetime:
    """Seconds since 1970, or ISO 8601 with a zone."""
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            found = datetime.fromisoformat(value.strip())
        else:
            found = datetime.fromtimestamp(float(_decimal(value)), UTC)
    except (ValueError, TypeError, OverflowError, OSError, InvalidOperation):
        message = f"must be seconds since 1970 or a time such as 2026-11-02T00:00:00Z, not {value!r}"
        raise ValueError(message) from None
    if found.tzinfo is None:
        message = f"needs a zone, as in 2026-11-02T00:00:00Z, not {value!r}"
        raise ValueError(message)
    _within(found.date(), value)
    return found.astimezone(UTC)


def bucket_day(start: Any, end: Any) -> date:
    """The one UTC day that a bucket of time lies in; without an end the bucket is that of its start's day."""
    first = moment(start)
    if end is None or end == "":
        return first.date()
    last = moment(end)
    if last <= first:
        message = f"must be after the start {start!r}, not {end!r}"
        raise ValueError(message)
    if (last - timedelta(microseconds=1)).date() != first.date():
        message = (
            f"must lie within one UTC day: {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC are two or more; "
            "export daily or hourly buckets in UTC"
        )
        raise ValueError(message)
    return first.date()


def _within(day: date, value: Any) -> date:
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        message = f"must be a day of {FIRST_YEAR} to {LAST_YEAR - 1}, not {value!r}"
        raise ValueError(message)
    return day
