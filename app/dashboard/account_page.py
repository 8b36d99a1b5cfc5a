"""One's own account: the role, the password, the sessions in other browsers."""

from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.moments import utc_moment
from app.dashboard.responses import ACCOUNT, page, problem_status
from app.dashboard.sign_in_page import set_person_cookie
from app.dashboard.visitors import Door, Visitor
from app.domain.people import Person, PersonSession
from app.domain.words import Role
from app.errors import Conflict, InvalidInput, Problem, ServiceError

MAY = {
    Role.VIEWER: "you see figures and reports, never a text of production.",
    Role.LABELLER: "you see figures and reports, and label pairs without being told whose reply is whose.",
    Role.OPERATOR: "you see all of a pilot, texts of production too; you make reports, sign decisions and run pilots.",
    Role.ADMIN: "you see all of a pilot, texts of production too; you run pilots, and manage people and API keys.",
}
SAID = {
    "password": "Your password is changed, and every other session of yours has ended.",
    "ended": "Your other sessions have ended.",
}


class Line(NamedTuple):
    """One session as the page says it."""

    is_this: bool
    began: str
    seen: str
    until: str


def add_account_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its forms."""
    pages = AccountPage(door)
    for address, method, endpoint in (
        (ACCOUNT, "GET", pages.show),
        (f"{ACCOUNT}/password", "POST", pages.change_password),
        (f"{ACCOUNT}/sessions", "POST", pages.end_others),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"account_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, said: str = "") -> Response:
        """Who the visitor is and what the visitor may do."""
        return self._page(self.door.anybody(request), said=SAID.get(said, ""))

    def change_password(self, request: Request, form: Form) -> Response:
        """Another password: ends all sessions, and begins a new one here."""
        visitor = self.door.any_sender(request, form)
        person, _ = _person_of(visitor)
        try:
            if form.get("chosen", "") != form.get("again", ""):
                message = "the two new passwords are not the same"
                raise InvalidInput(message, (Problem(message, field="again"),))
            token = self.door.sign_ins.change_password(person, form.get("present", ""), form.get("chosen", ""))
        except ServiceError as error:
            return self._page(visitor, problem=error)
        response = RedirectResponse(f"{ACCOUNT}?said=password", 303)
        set_person_cookie(response, request, self.door, token)
        return response

    def end_others(self, request: Request, form: Form) -> Response:
        """Signs the visitor out everywhere else."""
        person, here = _person_of(self.door.any_sender(request, form))
        self.door.sign_ins.end_others(person, here.id)
        return RedirectResponse(f"{ACCOUNT}?said=ended", 303)

    def _page(self, visitor: Visitor, *, said: str = "", problem: ServiceError | None = None) -> Response:
        person, lines = visitor.person, list[Line]()
        if person is not None and visitor.person_session is not None:
            here = visitor.person_session.id
            lines = [_line(each, here) for each in self.door.sign_ins.sessions_of(person)]
        return page(
            "account.html",
            200 if problem is None else problem_status(problem),
            person=person,
            may=MAY[visitor.principal.role],
            lines=lines,
            said=said,
            problem=problem and problem.message,
            **self.door.frame(visitor),
        )


def _person_of(visitor: Visitor) -> tuple[Person, PersonSession]:
    if visitor.person is None or visitor.person_session is None:
        message = f"{visitor.principal.name!r} is an API key: it has no password and no sessions of its own"
        raise Conflict(message)
    return visitor.person, visitor.person_session


def _line(session: PersonSession, here: int) -> Line:
    return Line(session.id == here, utc_moment(session.created_at), utc_moment(session.seen_at), utc_moment(session.expires_at))
