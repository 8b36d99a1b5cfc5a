"""API keys: list them, issue one, revoke one; for admins."""

from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.moments import utc_day
from app.dashboard.responses import page, problem_status
from app.dashboard.visitors import Door, Visitor
from app.domain.words import Role
from app.errors import InvalidInput, Problem, ServiceError
from app.pipeline.access import issue_key
from app.pipeline.people import revoke_key_but_the_last
from app.store.keys import list_keys
from app.store.session import session_scope

ADDRESS = "/keys"
WHAT = "managing API keys"
ROLES = {
    Role.INGEST: "for applications: hands in what they saw, and nothing else",
    Role.VIEWER: "reads figures and reports, never a text of production",
    Role.LABELLER: "also labels pairs, blind",
    Role.OPERATOR: "also reads texts, imports, makes reports, runs pilots",
    Role.ADMIN: "also manages people and API keys",
}


class Shown(NamedTuple):
    """A key that is shown this once."""

    name: str
    key: str


def add_keys_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its forms."""
    pages = KeysPage(door)
    for address, method, endpoint in (
        (ADDRESS, "GET", pages.show),
        (ADDRESS, "POST", pages.issue),
        (f"{ADDRESS}/revoke", "POST", pages.revoke),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"keys_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, said: str = "") -> Response:
        """All keys, without the keys."""
        visitor = self.door.admin(request, WHAT)
        return self._page(visitor, said="The key is revoked." if said == "revoked" else "")

    def issue(self, request: Request, form: Form) -> Response:
        """Makes a key; this answer is the only place where it is ever shown."""
        visitor = self.door.admin(request, WHAT, form)
        try:
            name, role = form.get("name", "").strip(), _role(form)
            with session_scope(self.door.session_factory) as session:
                key, _ = issue_key(session, name, role, self.door.pepper, by=visitor.principal.name)
        except ServiceError as error:
            return self._page(visitor, problem=error, given=form)
        return self._page(visitor, shown=Shown(name, key))

    def revoke(self, request: Request, form: Form) -> Response:
        """Ends a key, unless nobody would be left who manages the service."""
        visitor = self.door.admin(request, WHAT, form)
        name = form.get("name", "")
        try:
            with session_scope(self.door.session_factory) as session:
                revoke_key_but_the_last(session, name, by=visitor.principal.name)
        except ServiceError as error:
            return self._page(visitor, problem=error)
        return RedirectResponse(f"{ADDRESS}?said=revoked", 303)

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
            keys = list_keys(session)
        return page(
            "keys.html",
            200 if problem is None else problem_status(problem),
            valid=[key for key in keys if key.revoked_at is None],
            revoked=[key for key in keys if key.revoked_at is not None],
            utc_day=utc_day,
            roles=ROLES,
            said=said,
            shown=shown,
            problem=problem and problem.message,
            given=given or {},
            place="keys",
            **self.door.frame(visitor),
        )


def _role(form: dict[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError:
        message = f"choose a role: one of {', '.join(Role)}"
        raise InvalidInput(message, (Problem(message, field="role", code="not_allowed"),)) from None
