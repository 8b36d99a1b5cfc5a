"""The page of the decision: what the report says, what holds, who signed what, and the form that signs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.decision_views import choices, facts_of, line_of
from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.places import pilot_address
from app.dashboard.responses import STATUS
from app.dashboard.visitors import Door, Visitor
from app.domain.words import Outcome, Role
from app.errors import InvalidInput, NotFound, Problem
from app.pipeline.decisions import (
    LONGEST_OVERRIDE,
    MOST_REASON,
    Signing,
    read_record,
    report_to_sign,
    sign_decision,
    warnings_on,
)
from app.store.pilots import get_pilot
from app.store.reports import LARGEST_ID, newest_reports

LONGEST_ID = 19
SIGNED = "The decision is signed. It stays as it is; a later one can take its place."


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was wrong with the form, and what was typed."""

    error: InvalidInput
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def messages(self) -> list[str]:
        """Each problem in a sentence."""
        return [problem.message for problem in self.error.problems] or [self.error.message]


def add_decision_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its form."""
    pages = DecisionPage(door)
    for method, endpoint in (("GET", pages.show), ("POST", pages.sign)):
        router.add_api_route(
            "/pilots/{name}/decision",
            endpoint,
            methods=[method],
            response_class=HTMLResponse,
            name=f"decision_page_{endpoint.__name__}",
        )


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str, report: str = "", said: str = "") -> Response:
        """The newest report, or the one that is named, and all that was ever signed."""
        return self._page(self.door.visitor(request), name, number=_number(report), said=SIGNED if said == "signed" else "")

    def sign(self, request: Request, name: str, form: Form) -> Response:
        """Signs; what is wrong is said beside what was typed."""
        visitor = self.door.permitted(self.door.sender(request, form), Role.OPERATOR, "signing a decision")
        with self.door.session_factory() as session:
            timezone = get_pilot(session, name).configuration.pilot.timezone
        try:
            signing = _signing(form, timezone)
            sign_decision(self.door.session_factory, name, signing, by=visitor.principal.name, now=datetime.now(UTC))
        except InvalidInput as error:
            return self._page(visitor, name, number=_number(form.get("report", "")), refusal=Refusal(error, form))
        return RedirectResponse(f"{pilot_address(name, 'decision')}?said=signed", 303)

    def _page(
        self, visitor: Visitor, name: str, *, number: int | None = None, said: str = "", refusal: Refusal | None = None
    ) -> Response:
        now = datetime.now(UTC)
        with self.door.session_factory() as session:
            pilot = get_pilot(session, name)
            newest = newest_reports(session, [pilot.id]).get(pilot.name)
            report = report_to_sign(session, pilot, number)
            record = read_record(session, pilot, now)
        timezone = pilot.configuration.pilot.timezone
        return pilot_page(
            "decision.html",
            self.door,
            visitor,
            pilot,
            "decision",
            status=200 if refusal is None else STATUS[InvalidInput],
            title="Decision",
            timezone=timezone,
            report=facts_of(report, record, timezone) if report is not None else None,
            warnings=warnings_on(report, newest, now) if report is not None and newest is not None else (),
            lines=[line_of(*each, timezone) for each in reversed(record.decisions)],
            broken=record.broken,
            said=said,
            problems=refusal.messages if refusal is not None else [],
            typed=refusal.form if refusal is not None else {},
            choices=choices(),
            last_day=(now + LONGEST_OVERRIDE - timedelta(days=1)).date().isoformat(),
            first_day=now.date().isoformat(),
            most_reason=MOST_REASON,
            may_sign=visitor.principal.may(Role.OPERATOR),
        )


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID and 1 <= int(text) <= LARGEST_ID):
        message = f"there is no report {text[:20]!r}"
        raise NotFound(message)
    return int(text)


def _signing(form: Mapping[str, str], timezone: str) -> Signing:
    chosen = form.get("outcome", "")
    if chosen not in {outcome.value for outcome in Outcome}:
        message = f"outcome: choose one of {', '.join(Outcome)}"
        raise InvalidInput(message, (Problem(message, field="outcome"),))
    return Signing(
        outcome=Outcome(chosen),
        name=form.get("name", "").strip(),
        role=form.get("role", "").strip(),
        report=_number(form.get("report", "")),
        candidate=form.get("candidate") or None,
        reason=form.get("reason", ""),
        expires_at=_end_of(form.get("until", ""), timezone),
    )


def _end_of(day: str, timezone: str) -> datetime | None:
    """The end of a day where the pilot is; `None` = none was given."""
    if not day.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(day.strip()), time(23, 59, 59), ZoneInfo(timezone)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"until: must be a day as 2027-03-01, is {day[:20]!r}"
        raise InvalidInput(message, (Problem(message, field="until"),)) from None
