"""Sums of hours by the weeks of a pilot, and what comes back every month."""

from datetime import date
from decimal import Decimal

from app.domain.hours import HoursEntry
from app.pipeline.hours_totals import Hours, totals


def entry(day: int, hours: str, *, recurring: bool = True) -> HoursEntry:
    return HoursEntry(day, "ada", date(2026, 11, day), Decimal(hours), "on-call", recurring)


def test_weeks_count_from_the_first_day_of_the_pilot() -> None:
    found = totals([entry(3, "1"), entry(4, "2"), entry(10, "4", recurring=False), entry(11, "8")], date(2026, 11, 4), [])
    assert [(each.week, each.starts_on.day, each.hours) for each in found.by_week] == [
        (2, 11, Hours(Decimal(0), Decimal(8), 1)),
        (1, 4, Hours(Decimal(4), Decimal(2), 2)),
        (None, 28, Hours(Decimal(0), Decimal(1), 1)),
    ]
    assert found.upkeep is None


def test_only_recurring_hours_of_closed_days_make_a_month() -> None:
    worked = [entry(3, "100"), entry(4, "2"), entry(5, "50", recurring=False), entry(11, "4"), entry(19, "70")]
    found = totals(worked, date(2026, 11, 4), range(1, 15))
    assert found.upkeep is not None
    assert round(found.upkeep.value * 336 / 730, 12) == 6
    assert (found.upkeep.weeks, found.upkeep.entries, found.closed_days) == (2, 2, 14)
