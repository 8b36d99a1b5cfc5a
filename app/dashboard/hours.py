"""The page of engineering hours: log, correct, remove, and what they come to; plain forms, in place where there is script."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.hours_rows import Change, changed_row, is_in_place
from app.dashboard.hours_views import EntryView, facts_of, history_lines, sums_of
from app.dashboard.places import pilot_address
from app.dashboard.responses import STATUS
from app.dashboard.visitors import Door, Visitor
from app.domain.hours import KINDS
from app.domain.words import Role
from app.errors import Conflict, InvalidInput, ServiceError
from app.pipeline.hours import correct_hours, hours_history, log_hours, may_change, remove_hours
from app.pipeline.hours_totals import totals_of
from app.store.hours import newest_hours
from app.store.pilots import get_pilot
from app.store.session import session_scope

PER_PAGE = 50
MOST_PAGES = 10_000
SAID = {
    "logged": "The hours are stored.",
    "corrected": "The hours are corrected; what they replaced stays in their history.",
    "removed": "The hours are removed; they stay in their history.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was wrong with a form, and what was typed; `entry` `None` = the form that logs."""

    error: ServiceError
    form: Mapping[str, str] = field(default_factory=dict)
    entry: int | None = None

    @property
    def messages(self) -> list[str]:
        """Each problem in a sentence."""
        problems = self.error.problems if isinstance(self.error, InvalidInput) else ()
        return [problem.message for problem in problems] or [self.error.message]


def add_hours_pages(router: APIRouter, door: Door) -> None:
    """Adds the page, its forms and its style."""
    pages = HoursPages(door)
    for address, method, endpoint in (
        ("/pilots/{name}/hours", "GET", pages.show),
        ("/pilots/{name}/hours", "POST", pages.log),
        ("/pilots/{name}/hours/{entry:number}", "GET", pages.history),
        ("/pilots/{name}/hours/{entry:number}/correct", "POST", pages.correct),
        ("/pilots/{name}/hours/{entry:number}/remove", "POST", pages.remove),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"hours_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class HoursPages:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str, said: str = "", after: int = 0) -> Response:
        """The newest entries, the form that logs, and what all of them come to; `after` pages are left out."""
        visitor = self.door.visitor(request)
        return self._page(visitor, name, said=SAID.get(said, ""), after=min(max(after, 0), MOST_PAGES))

    def log(self, request: Request, name: str, form: Form) -> Response:
        """Stores hours; what is wrong is said beside what was typed."""
        visitor = self._labeller(request, form)
        try:
            with session_scope(self.door.session_factory) as session:
                log_hours(session, name, _fields(form), visitor.principal.name)
        except InvalidInput as error:
            return self._page(visitor, name, refusal=Refusal(error, form))
        return _back(name, "logged")

    def correct(self, request: Request, name: str, entry: int, form: Form) -> Response:
        """Puts a corrected entry in place of one."""
        visitor = self._labeller(request, form)
        try:
            with session_scope(self.door.session_factory) as session:
                new = correct_hours(session, name, entry, _fields(form), visitor.principal, reason=form.get("reason", ""))
        except (InvalidInput, Conflict) as error:
            return self._refused(request, visitor, name, Refusal(error, form, entry))
        return self._done(request, visitor, name, "corrected", form, new.id)

    def remove(self, request: Request, name: str, entry: int, form: Form) -> Response:
        """Marks an entry as removed."""
        visitor = self._labeller(request, form)
        try:
            with session_scope(self.door.session_factory) as session:
                remove_hours(session, name, entry, visitor.principal, reason=form.get("reason", ""))
        except (InvalidInput, Conflict) as error:
            return self._refused(request, visitor, name, Refusal(error, form, entry))
        return self._done(request, visitor, name, "removed", form, None)

    def history(self, request: Request, name: str, entry: int) -> Response:
        """All versions of an entry."""
        visitor = self.door.visitor(request)
        with session_scope(self.door.session_factory) as session:
            pilot = get_pilot(session, name)
            versions = hours_history(session, name, entry)
        lines = history_lines(versions, pilot.configuration.pilot.timezone)
        return pilot_page("hours_history.html", self.door, visitor, pilot, "hours", title="An entry of hours", lines=lines)

    def _done(
        self, request: Request, visitor: Visitor, name: str, said: str, form: Mapping[str, str], row: int | None
    ) -> Response:
        """The row again and what changed with it, in place; without script the page anew."""
        if not is_in_place(request):
            return _back(name, said, _after(form))
        return changed_row(self.door, visitor, name, Change(row, SAID[said], after=_after(form)))

    def _refused(self, request: Request, visitor: Visitor, name: str, refusal: Refusal) -> Response:
        if not is_in_place(request) or refusal.entry is None:
            return self._page(visitor, name, refusal=refusal, after=_after(refusal.form))
        status = STATUS[type(refusal.error)]
        change = Change(refusal.entry, "", refusal.form, refusal.messages, _after(refusal.form), status)
        return changed_row(self.door, visitor, name, change)

    def _page(self, visitor: Visitor, name: str, *, said: str = "", refusal: Refusal | None = None, after: int = 0) -> Response:
        with session_scope(self.door.session_factory) as session:
            pilot = get_pilot(session, name)
            _, totals = totals_of(session, pilot)
            found = newest_hours(session, pilot.id, skip=after * PER_PAGE, count=PER_PAGE)
        typed = refusal.form if refusal is not None else {}
        at = refusal.entry if refusal is not None else None
        now = datetime.now(UTC).astimezone(ZoneInfo(pilot.configuration.pilot.timezone))
        new = {"who": visitor.principal.name, "worked_on": now.date().isoformat()}
        return pilot_page(
            "hours.html",
            self.door,
            visitor,
            pilot,
            "hours",
            status=200 if refusal is None else STATUS[type(refusal.error)],
            title="Engineering hours",
            facts=facts_of(totals, pilot.configuration),
            sums=sums_of(totals),
            entries=[
                EntryView.of(version, typed if version.entry.id == at else None, may=may_change(version, visitor.principal))
                for version in found
            ],
            new=typed if refusal is not None and at is None else new,
            problems=refusal.messages if refusal is not None else [],
            count=totals.every.entries,
            after=after,
            pages=-(-totals.every.entries // PER_PAGE),
            said=said,
            kinds=KINDS,
            address=pilot_address(name, "hours"),
            is_fragment=False,
        )

    def _labeller(self, request: Request, form: dict[str, str]) -> Visitor:
        return self.door.permitted(self.door.sender(request, form), Role.LABELLER, "logging hours")


def _fields(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of an entry; a browser leaves out what is empty or not ticked."""
    texts = {name: form.get(name, "") for name in ("who", "worked_on", "hours", "kind")}
    note = form.get("note", "").replace("\r\n", "\n")
    return {**texts, "recurring": "true" if "recurring" in form else "false", "note": note}


def _after(form: Mapping[str, str]) -> int:
    text = form.get("after", "")
    return min(int(text), MOST_PAGES) if text.isascii() and text.isdecimal() else 0


def _back(name: str, said: str, after: int = 0) -> Response:
    query = {"said": said} | ({"after": str(after)} if after else {})
    return RedirectResponse(f"/pilots/{quote(name, safe='')}/hours?{urlencode(query)}", 303)
