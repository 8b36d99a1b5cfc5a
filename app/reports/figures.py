"""Numbers and times as a reader meets them; an unknown number is the word, never a zero."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.domain.scorecard import EstimateModel, MoneyEstimate

UNKNOWN = "unknown"
NOTHING = "—"
UNITS = ("%", " ms", " s")
SMALL_SHARE = 0.1
BRIEF_SECONDS = 0.1
WHOLE_DOLLARS_FROM = 100
SURELY = 0.999


def percent(value: float | None, digits: int = 1) -> str:
    """A share: `48.3%`."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f}%"


def small_percent(value: float | None) -> str:
    """A share that is mostly small: two digits below ten percent."""
    return UNKNOWN if value is None else percent(value, 2 if abs(value) < SMALL_SHARE else 1)


def chance(value: float | None) -> str:
    """A share of draws; all or none of them is still not certain."""
    if value is None:
        return UNKNOWN
    if value > SURELY:
        return f"over {percent(SURELY)}"
    return f"under {percent(1 - SURELY)}" if value < 1 - SURELY else percent(value)


def number(value: float | None, digits: int = 2) -> str:
    """A plain number."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def count(value: float | None) -> str:
    """A whole number with thousands apart."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """A time; under a tenth of a second in milliseconds."""
    if value is None:
        return UNKNOWN
    return f"{1000 * value:.0f} ms" if 0 < value < BRIEF_SECONDS else f"{value:.2f} s"


def money(value: Decimal | float | None) -> str:
    """Whole dollars from 100 up, cents below: `$1,234`, `-$12.50`."""
    if value is None:
        return UNKNOWN
    amount = abs(Decimal(value))
    is_whole = amount >= WHOLE_DOLLARS_FROM or amount == amount.to_integral_value()
    text = f"${amount:,.0f}" if is_whole else f"${amount:,.2f}"
    return f"-{text}" if value < 0 else text


def interval(low: str, high: str) -> str:
    """Both ends of an interval in words, their unit said once; nothing where one is unknown."""
    if UNKNOWN in (low, high):
        return ""
    unit = next((unit for unit in UNITS if low.endswith(unit) and high.endswith(unit)), "")
    return f"{low.removesuffix(unit)} to {high}"


def share_with_interval(estimate: EstimateModel, *, small: bool = False) -> str:
    """`48.3% (46.0 to 50.6%)`."""
    show = small_percent if small else percent
    return _together(show(estimate.value), interval(show(estimate.low), show(estimate.high)))


def number_with_interval(estimate: EstimateModel, digits: int = 2) -> str:
    """`0.71 (0.64 to 0.78)`."""
    ends = interval(number(estimate.low, digits), number(estimate.high, digits))
    return _together(number(estimate.value, digits), ends)


def seconds_with_interval(estimate: EstimateModel) -> str:
    """`1.20 s (1.14 to 1.29 s)`."""
    return _together(seconds(estimate.value), interval(seconds(estimate.low), seconds(estimate.high)))


def money_with_interval(estimate: MoneyEstimate) -> str:
    """`$1,234 ($1,100 to $1,400)`; without a known range the amount alone."""
    return _together(money(estimate.value), interval(money(estimate.low), money(estimate.high)))


def reached_with_interval(estimate: EstimateModel, digits: int = 0) -> str:
    """What may never be reached: `12.0 (8.0 to 31.0)`, `12.0 (8.0 to never)`, `never (at best 8.0)`; all unknown = `never`."""
    low, high = number(estimate.low, digits), number(estimate.high, digits)
    if estimate.value is None:
        return "never" if estimate.low is None else f"never (at best {low})"
    if estimate.low is not None and estimate.high is None:
        return f"{number(estimate.value, digits)} ({low} to never)"
    return _together(number(estimate.value, digits), interval(low, high))


def moment(at: datetime | None, timezone: str) -> str:
    """A time in the pilot's own zone, which is named: `30 Nov 2026, 09:12 (Europe/Berlin)`."""
    return UNKNOWN if at is None else f"{local_time(at, timezone)} ({timezone})"


def local_time(at: datetime, timezone: str) -> str:
    """A time in the pilot's own zone, where the zone is named beside it."""
    local = at.astimezone(ZoneInfo(timezone))
    return f"{local.day} {local:%b %Y, %H:%M}"


def names(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _together(value: str, ends: str) -> str:
    return f"{value} ({ends})" if ends and value != UNKNOWN else value
