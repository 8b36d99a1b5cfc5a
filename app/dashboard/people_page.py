"""People who may sign in: add one, change a role, disable, give another password; for admins."""

from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.moments import utc_day, utc_moment
from app.dashboard.responses import page, problem_status
from app.dashboard.visitors import Door, Visitor
from app.domain.people import PERSON_ROLES, Person
from app.domain.words import Role
from app.errors import InvalidInput, Problem, ServiceError
from app.pipeline import people as work
from app.pipeline.people_passwords import new_password
from app.store.people import list_people
from app.store.session import session_scope

ADDRESS = "/people"
WHAT = "managing people"
ROLES = {
    Role.VIEWER: "sees figures and reports, never a text of production",
    Role.LABELLER: "also labels pairs, blind",
    Role.OPERATOR: "also reads texts, makes reports, signs decisions, runs pilots",
    Role.ADMIN: "also manages people and API keys, reads the audit log",
}
SAID = {
    "role": "The role is changed; the person has to sign in again.",
    "disabled": "The person may not sign in any more, and is signed out everywhere.",
    "enabled": "The person may sign in again, with the password of before.",
}


class Shown(NamedTuple):
    """A password that is shown this once."""

    name: str
    password: str


class Line(NamedTuple):
    """One person as the page says it."""

    name: str
    role: Role
    facts: str
    is_enabled: bool


def add_people_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its forms."""
    pages = PeoplePage(door)
    for address, method, endpoint in (
        (ADDRESS, "GET", pages.show),
        (ADDRESS, "POST", pages.add),
        (f"{ADDRESS}/{{name}}/role", "POST", pages.change_role),
        (f"{ADDRESS}/{{name}}/disable", "POST", pages.disable),
        (f"{ADDRESS}/{{name}}/enable", "POST", pages.enable),
        (f"{ADDRESS}/{{name}}/reset", "POST", pages.reset),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"people_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, said: str = "") -> Response:
        """Everybody who may sign in, or might once."""
        return self._page(self.door.admin(request, WHAT), said=SAID.get(said, ""))

    def add(self, request: Request, form: Form) -> Response:
        """Adds a person with a password that is shown once and has to be changed at the first sign-in."""
        visitor = self.door.admin(request, WHAT, form)
        password = new_password()
        try:
            new = work.NewPerson(form.get("name", ""), _role(form), password, must_change_password=True)
            added = work.add_person(self.door.session_factory, self.door.sign_ins.passwords, new, by=visitor.principal.name)
        except ServiceError as error:
            return self._page(visitor, problem=error, given=form)
        return self._page(visitor, shown=Shown(added.name, password))

    def change_role(self, request: Request, name: str, form: Form) -> Response:
        """Gives a person another role."""
        visitor = self.door.admin(request, WHAT, form)
        try:
            role = _role(form)
            with session_scope(self.door.session_factory) as session:
                work.change_role(session, name, role, by=visitor.principal.name)
        except ServiceError as error:
            return self._page(visitor, problem=error)
        return _back("role")

    def disable(self, request: Request, name: str, form: Form) -> Response:
        """Shuts a person out."""
        visitor = self.door.admin(request, WHAT, form)
        try:
            with session_scope(self.door.session_factory) as session:
                work.disable_person(session, name, by=visitor.principal.name)
        except ServiceError as error:
            return self._page(visitor, problem=error)
        return _back("disabled")

    def enable(self, request: Request, name: str, form: Form) -> Response:
        """Lets a person in again."""
        visitor = self.door.admin(request, WHAT, form)
        with session_scope(self.door.session_factory) as session:
            work.enable_person(session, name, by=visitor.principal.name)
        return _back("enabled")

    def reset(self, request: Request, name: str, form: Form) -> Response:
        """Gives a person another password, shown once."""
        visitor = self.door.admin(request, WHAT, form)
        password = new_password()
        passwords = self.door.sign_ins.passwords
        person = work.reset_password(self.door.session_factory, passwords, name, password, by=visitor.principal.name)
        return self._page(visitor, shown=Shown(person.name, password))

    def _page(
        self,
        visitor: Visitor,
        *,
        said: str = "",
        shown: Shown | None = None,
        problem: ServiceError | None = None,
        given: dict[str, str] | None = None,
    ) -> Response:
        with self.door.session_factory() as session:
            lines = [_line(person) for person in list_people(session)]
        return page(
            "people.html",
            200 if problem is None else problem_status(problem),
            lines=lines,
            roles=ROLES,
            said=said,
            shown=shown,
            problem=problem and problem.message,
            given=given or {},
            place="people",
            **self.door.frame(visitor),
        )


def _line(person: Person) -> Line:
    facts = [
        f"disabled {utc_day(person.disabled_at)}" if person.disabled_at else "",
        f"last here {utc_moment(person.last_seen_at)}" if person.last_seen_at else "never signed in",
        f"password of {utc_day(person.password_set_at)}",
        "has to choose one at the next sign-in" if person.must_change_password else "",
    ]
    return Line(person.name, person.role, " · ".join(filter(None, facts)), person.disabled_at is None)


def _role(form: dict[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError:
        message = f"choose a role: one of {', '.join(PERSON_ROLES)}"
        raise InvalidInput(message, (Problem(message, field="role", code="not_allowed"),)) from None


def _back(said: str) -> Response:
    return RedirectResponse(f"{ADDRESS}?said={said}", 303)
