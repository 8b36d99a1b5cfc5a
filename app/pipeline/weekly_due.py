"""When reports are due: pure calendar, in the pilot's own zone."""

from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.domain.notify_table import ReportTable
from app.domain.pilot import Pilot
from app.domain.words import PilotState

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK = timedelta(days=7)
# What ended longer ago is history: a report of it is made when somebody asks.
MADE_UP_FOR = WEEK


def newest_slot(table: ReportTable, timezone: str, now: datetime) -> datetime | None:
    """The last moment by now at which a weekly report was due; `None` = never.

    An hour that a change of clocks skips or has twice is still one moment of its day.
    """
    if table.weekly == "never":
        return None
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    day = today - timedelta(days=(today.weekday() - WEEKDAYS.index(table.weekly)) % 7)
    slot = datetime.combine(day, time(table.weekly_hour), zone).astimezone(UTC)
    if slot > now:
        slot = datetime.combine(day - WEEK, time(table.weekly_hour), zone).astimezone(UTC)
    return slot


def period_of(slot: datetime, timezone: str) -> str:
    """The ISO week that a slot's day lies in, as `2026-W48`."""
    week = slot.astimezone(ZoneInfo(timezone)).isocalendar()
    return f"{week.year}-W{week.week:02d}"


def due_period(pilot: Pilot, now: datetime) -> str | None:
    """The week whose report is due; `None` if none is.

    A pilot's first one is due at the first slot after it began to count and was started, its last one at the first slot after
    its window's end: what was missed is made up for until the next slot, and not afterwards.
    """
    table, timezone = pilot.configuration.report, pilot.configuration.pilot.timezone
    slot = newest_slot(table, timezone, now)
    begins = [moment for moment in (pilot.started_at, pilot.starts_at) if moment is not None]
    if pilot.state is not PilotState.RUNNING or slot is None or not begins or slot < max(begins):
        return None
    ends = pilot.ends_at
    return period_of(slot, timezone) if ends is None or is_first_after(ends, slot) else None


def is_first_after(ends: datetime, slot: datetime) -> bool:
    """Whether a part of the week before the slot lies within the window."""
    return slot - WEEK < ends


def is_last_week(pilot: Pilot, now: datetime) -> bool:
    """Whether the window is over, so that no other weekly report follows."""
    return pilot.ends_at is not None and pilot.ends_at <= now


def is_final_due(pilot: Pilot, now: datetime, *, closed_until: datetime | None, made_for: Collection[int]) -> bool:
    """Whether the final report is to be made: the pilot was stopped, or its last day is closed; an extension asks for another.

    Args:
        pilot: As it stands.
        now: The moment.
        closed_until: End of the last closed day of the newest scorecard.
        made_for: For how many planned days there are final reports.
    """
    if pilot.days in made_for or pilot.starts_at is None or pilot.started_at is None:
        return False
    if pilot.state is PilotState.STOPPED:
        return pilot.stopped_at is not None and now - pilot.stopped_at <= MADE_UP_FOR
    ends = pilot.ends_at
    is_over = pilot.state is PilotState.RUNNING and ends is not None and ends <= now
    return is_over and closed_until is not None and ends is not None and closed_until >= ends
