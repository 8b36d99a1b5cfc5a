"""When reports are due: time zones, changes of clocks, workers that were down, first and last weeks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.notify_table import ReportTable
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.pipeline.weekly_due import due_period, is_final_due, is_last_week, newest_slot, period_of
from tests.builders import a_configuration

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def pilot_of(starts: str = "2026-11-02T00:00", *, started: str | None = None, timezone: str = "UTC", **report: object) -> Pilot:
    configuration = a_configuration(pilot={"timezone": timezone, "days": 28}, report=report)
    return Pilot(
        id=1, name="support-bot", state=PilotState.RUNNING, configuration=configuration, arms=(), starts_at=at(starts),
        extended_days=0, is_default=False, is_detached=False, mirror_on=True, created_at=at(starts),
        started_at=at(started or starts), stopped_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("weekly", "hour", "now", "slot"),
    [
        ("monday", 6, "2026-11-23T04:59", "2026-11-16T05:00"),  # 06:00 in Berlin is 05:00 UTC in winter
        ("monday", 6, "2026-11-23T05:00", "2026-11-23T05:00"),
        ("monday", 6, "2026-11-29T23:59", "2026-11-23T05:00"),
        ("sunday", 23, "2026-11-29T21:59", "2026-11-22T22:00"),
        ("sunday", 23, "2026-11-30T09:00", "2026-11-29T22:00"),
        ("sunday", 2, "2026-03-29T12:00", "2026-03-29T01:00"),  # 02:00 does not exist that night
        ("sunday", 2, "2026-10-25T12:00", "2026-10-25T00:00"),  # 02:00 is there twice: the first
        ("monday", 6, "2026-10-26T04:59", "2026-10-19T04:00"),  # a week of 169 hours
        ("monday", 0, "2026-11-22T23:00", "2026-11-22T23:00"),
    ],
)
def test_a_slot_is_a_local_hour_of_a_local_day(weekly: str, hour: int, now: str, slot: str) -> None:
    table = ReportTable.model_validate({"weekly": weekly, "weekly_hour": hour})
    assert newest_slot(table, BERLIN, at(now)) == at(slot)


def test_a_week_is_named_by_the_local_day_of_its_slot() -> None:
    assert period_of(at("2026-11-22T23:00"), BERLIN) == "2026-W48"
    assert period_of(at("2026-11-22T23:00"), "UTC") == "2026-W47"
    assert period_of(at("2027-01-01T12:00"), "UTC") == "2026-W53"


@pytest.mark.parametrize(
    ("now", "period"),
    [
        ("2026-11-02T06:00", "2026-W45"),  # it began six hours ago: the first report says so
        ("2026-11-09T05:59", "2026-W45"),
        ("2026-11-09T06:00", "2026-W46"),
        ("2026-11-14T17:00", "2026-W46"),  # the worker was down on Monday: made up for
        ("2026-11-16T06:00", "2026-W47"),  # what was missed before that is not
        ("2026-11-30T06:00", "2026-W49"),  # the window ended at midnight: the last one
        ("2026-12-06T23:00", "2026-W49"),
        ("2026-12-07T06:00", None),
    ],
)
def test_one_report_a_week_from_the_first_slot_to_the_first_one_after_the_end(now: str, period: str | None) -> None:
    assert due_period(pilot_of(), at(now)) == period


@pytest.mark.parametrize(
    ("pilot", "now"),
    [
        (pilot_of("2026-11-03T00:00"), "2026-11-08T12:00"),  # it began after this week's slot
        (pilot_of("2026-11-02T00:00", started="2026-11-04T12:00"), "2026-11-08T12:00"),  # so it was started
        (pilot_of("2026-12-01T00:00"), "2026-11-30T12:00"),
        (pilot_of(weekly="never"), "2026-11-10T12:00"),
        (replace(pilot_of(), state=PilotState.STOPPED), "2026-11-10T12:00"),
        (replace(pilot_of(), state=PilotState.DRAFT), "2026-11-10T12:00"),
        (replace(pilot_of(), starts_at=None, started_at=None), "2026-11-10T12:00"),
    ],
)
def test_no_report_is_due_of_what_has_not_begun_or_does_not_run(pilot: Pilot, now: str) -> None:
    assert due_period(pilot, at(now)) is None


def test_the_last_week_is_the_one_after_the_window() -> None:
    assert not is_last_week(pilot_of(), at("2026-11-29T23:59"))
    assert is_last_week(pilot_of(), at("2026-11-30T00:00"))
    assert not is_last_week(replace(pilot_of(), extended_days=14), at("2026-11-30T00:00"))


ENDS = at("2026-11-30T00:00")
STOPPED = replace(pilot_of(), state=PilotState.STOPPED, stopped_at=at("2026-11-12T00:00"))


@pytest.mark.parametrize(
    ("pilot", "now", "closed", "made_for", "is_due"),
    [
        (pilot_of(), ENDS - timedelta(hours=1), ENDS - timedelta(days=1), set(), False),
        (pilot_of(), ENDS + timedelta(hours=1), ENDS - timedelta(days=1), set(), False),  # its last day is not closed
        (pilot_of(), ENDS + timedelta(hours=1), None, set(), False),
        (pilot_of(), ENDS + timedelta(hours=1), ENDS, set(), True),
        (pilot_of(), ENDS + timedelta(hours=1), ENDS, {28}, False),
        (replace(pilot_of(), extended_days=14), ENDS + timedelta(hours=1), ENDS, {28}, False),
        (replace(pilot_of(), extended_days=14), ENDS + timedelta(days=15), ENDS + timedelta(days=14), {28}, True),
        (STOPPED, at("2026-11-12T01:00"), None, set(), True),
        (STOPPED, at("2026-11-12T01:00"), None, {28}, False),
        (STOPPED, at("2026-11-20T01:00"), None, set(), False),  # it ended long before anybody made such reports
        (replace(pilot_of(), starts_at=None), ENDS, ENDS, set(), False),
    ],
)
def test_a_final_report_is_due_once_when_it_is_over(
    pilot: Pilot, now: datetime, closed: datetime | None, made_for: set[int], is_due: bool
) -> None:
    assert is_final_due(pilot, now, closed_until=closed, made_for=made_for) is is_due
