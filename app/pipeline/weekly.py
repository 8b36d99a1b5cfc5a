"""Reports that nobody asks for: each running pilot's weekly one, and the final one when its days are over."""

import logging
from datetime import datetime

from app.domain.pilot import Pilot
from app.domain.report import ReportKind
from app.domain.words import PilotState
from app.errors import Conflict, ServiceError
from app.pipeline.reporting import make_report
from app.pipeline.weekly_due import due_period, is_final_due, newest_slot, period_of
from app.store.pilots import get_pilot, list_pilots
from app.store.session import Publish, SessionFactory
from app.store.weekly_reports import closed_until, final_days, only_reporter, weekly_report_of

BY = "calendar"

log = logging.getLogger(__name__)


def make_weekly_reports(session_factory: SessionFactory, now: datetime, *, publish: Publish | None = None) -> int:
    """Makes the weekly and final reports that are due, each once; gives how many. One pilot's trouble is not another's."""
    with session_factory() as session:
        pilots = [pilot for pilot in list_pilots(session) if pilot.state is not PilotState.DRAFT]
    made, troubles = 0, list[Exception]()
    for pilot in pilots:
        try:
            made += _make_due(session_factory, pilot, now, publish)
        except ServiceError as error:
            log.warning("no report of %s was made: %s", pilot.name, error.message)
        except Exception as error:  # raised below, once the other pilots have had their turn
            troubles.append(error)
    if troubles:
        message = "reports could not be made"
        raise ExceptionGroup(message, troubles)
    return made


def _make_due(session_factory: SessionFactory, pilot: Pilot, now: datetime, publish: Publish | None) -> int:
    if not _due(session_factory, pilot, now):
        return 0
    with only_reporter(session_factory, pilot.id) as is_mine:
        # Looked at again: what another worker made meanwhile is not due any more.
        due = _due(session_factory, pilot, now) if is_mine else {}
        for kind, period in due.items():
            make_report(session_factory, pilot.name, now, by=BY, kind=kind, period=period, publish=publish)
    return len(due)


def _due(session_factory: SessionFactory, pilot: Pilot, now: datetime) -> dict[ReportKind, str]:
    """Which kinds are due, with the week of a weekly one."""
    due = dict[ReportKind, str]()
    with session_factory() as session:
        period = due_period(pilot, now)
        if period is not None and weekly_report_of(session, pilot.id, period) is None:
            due[ReportKind.WEEKLY] = period
        until, made_for = closed_until(session, pilot.id), final_days(session, pilot.id)
    if is_final_due(pilot, now, closed_until=until, made_for=made_for):
        due[ReportKind.FINAL] = ""
    return due


def make_asked_report(
    session_factory: SessionFactory,
    name: str,
    now: datetime,
    *,
    by: str,
    kind: ReportKind = ReportKind.ON_DEMAND,
    examples: bool = False,
    bundle: bool = False,
    publish: Publish | None = None,
) -> int:
    """A report because somebody asks; a weekly one is that of the present week, and is refused where that is there.

    Raises:
        Conflict: This week has its report, or weekly reports are switched off.
    """
    period = _asked_period(session_factory, name, now) if kind is ReportKind.WEEKLY else ""
    return make_report(
        session_factory, name, now, by=by, kind=kind, period=period, examples=examples, bundle=bundle, publish=publish
    )


def _asked_period(session_factory: SessionFactory, name: str, now: datetime) -> str:
    with session_factory() as session:
        pilot = get_pilot(session, name)
        slot = newest_slot(pilot.configuration.report, pilot.configuration.pilot.timezone, now)
        if slot is None:
            message = 'weekly reports are switched off (report.weekly = "never"); make one on demand'
            raise Conflict(message, pilot=name)
        period = period_of(slot, pilot.configuration.pilot.timezone)
        there = weekly_report_of(session, pilot.id, period)
    if there is not None:
        message = f"the week {period} has its weekly report already: number {there}"
        raise Conflict(message, pilot=name, report=there)
    return period
