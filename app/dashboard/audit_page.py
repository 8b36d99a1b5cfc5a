"""The audit log: who did what and when, newest first; for admins."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.dashboard.audit_words import WORDS, Fact, facts_of, sentence_of
from app.dashboard.responses import page
from app.dashboard.visitors import Door
from app.errors import InvalidInput, Problem
from app.store.audit import Action, ActionFilter, page_of_actions
from app.store.keys import list_keys
from app.store.people import list_people
from app.store.pilots import get_pilot, list_pilots
from app.store.session import session_scope

ADDRESS = "/audit"
PAGE_LENGTH = 100
FILTERS = ("actor", "action", "pilot", "since", "until")
MAX_NUMBER, LONGEST_NUMBER = 2**63 - 1, 19
LAST_DAY = date(9999, 12, 30)


class Line(NamedTuple):
    """One entry as the page says it."""

    id: int
    day: str
    at: str
    actor: str
    pilot: str | None
    sentence: str
    facts: list[Fact]


def add_audit_page(router: APIRouter, door: Door) -> None:
    """Adds the page."""
    pages = AuditPage(door)
    router.add_api_route(ADDRESS, pages.show, methods=["GET"], response_class=HTMLResponse, name="audit_page_show")


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The endpoint."""

    door: Door

    def show(self, request: Request) -> Response:
        """Entries that fit the filter, a hundred at a time; the address holds all of the filter."""
        visitor = self.door.admin(request, "reading the audit log")
        given = {name: text for name in FILTERS if (text := request.query_params.get(name, "").strip())}
        after = _number(request.query_params.get("after"))
        with session_scope(self.door.session_factory) as session:
            pilot_id = get_pilot(session, given["pilot"]).id if "pilot" in given else None
            found = page_of_actions(session, _filter(given, pilot_id), limit=PAGE_LENGTH + 1, after=after)
            pilots = [pilot.name for pilot in list_pilots(session)]
            actors = sorted({person.name for person in list_people(session)} | {key.name for key in list_keys(session)})
        lines = [_line(action) for action in found[:PAGE_LENGTH]]
        older = f"{ADDRESS}?{urlencode(given | {'after': lines[-1].id})}" if len(found) > PAGE_LENGTH else ""
        newest = f"{ADDRESS}?{urlencode(given)}" if after is not None else ""
        return page(
            "audit.html",
            lines=lines,
            given=given,
            older=older,
            newest=newest,
            pilots=pilots,
            actors=actors,
            actions=sorted(WORDS),
            place="audit",
            **self.door.frame(visitor),
        )


def _filter(given: dict[str, str], pilot_id: int | None) -> ActionFilter:
    last = _day(given, "until")
    return ActionFilter(
        actor=given.get("actor"),
        action=given.get("action"),
        pilot_id=pilot_id,
        since=_day(given, "since"),
        until=None if last is None else last + timedelta(days=1),
    )


def _day(given: dict[str, str], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        return datetime.combine(min(date.fromisoformat(given[name]), LAST_DAY), time(), UTC)
    except ValueError:
        message = f"{name} must be a day such as 2026-11-02, not {given[name]!r}"
        raise InvalidInput(message, (Problem(message, field=name),)) from None


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and int(text) <= MAX_NUMBER):
        message = f"after must be the number of an entry, not {text[:50]!r}"
        raise InvalidInput(message, (Problem(message, field="after"),))
    return int(text)


def _line(action: Action) -> Line:
    at = action.at.astimezone(UTC)
    return Line(
        action.id,
        f"{at.day} {at:%b %Y}",
        f"{at:%H:%M:%S}",
        action.actor,
        action.pilot,
        sentence_of(action),
        facts_of(action),
    )
