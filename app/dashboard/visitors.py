"""Who looks at the pages: a person with a session, or whoever has an API key, in the header or signed in with it."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from app.dashboard.places import service_places_for
from app.dashboard.sessions import PageSession, Signer
from app.domain.access import Principal
from app.domain.people import Person, PersonSession
from app.domain.words import Role
from app.errors import MustChangePassword, NotAuthenticated, NotPermitted
from app.pipeline.access import authenticate
from app.pipeline.people_sign_in import SignIns
from app.store.keys import find_key_named
from app.store.session import Publish, SessionFactory


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks; `session` is `None` for a program, `person` and `person_session` for everybody with a key."""

    principal: Principal
    session: PageSession | None
    person: Person | None = None
    person_session: PersonSession | None = None

    @property
    def may_make_reports(self) -> bool:
        """Whether the role allows to make a report."""
        return self.principal.may(Role.OPERATOR)

    @property
    def may_label(self) -> bool:
        """Whether the role allows to label pairs."""
        return self.principal.may(Role.LABELLER)


@dataclass(frozen=True, slots=True)
class Door:
    """Lets visitors in."""

    session_factory: SessionFactory
    pepper: str
    signer: Signer
    sign_ins: SignIns
    publish: Publish | None = None

    def visitor(self, request: Request, *, is_here: bool = True) -> Visitor:
        """Who asks; `NotAuthenticated` without a valid key or cookie, `MustChangePassword` for whom an admin gave one.

        Args:
            request: Theirs.
            is_here: `False` = the page asks by itself, which keeps no session from being over.
        """
        found = self.anybody(request, is_here=is_here)
        if found.person is not None and found.person.must_change_password:
            message = "your password was set by an admin; choose one of your own first"
            raise MustChangePassword(message)
        return found

    def anybody(self, request: Request, *, is_here: bool = True) -> Visitor:
        """Who asks, also if all that he may do is to choose a password."""
        header = request.headers.get("authorization")
        if header is not None:
            return Visitor(self.holder_of(_bearer(header)), None)
        token = request.cookies.get(self.signer.person_cookie)
        found = None if token is None else self._person(token, is_here=is_here)
        return found or self._key_session(request, was_person=token is not None)

    def holder_of(self, key: str) -> Principal:
        """The holder of a key; `NotAuthenticated` if it is unknown or revoked, or only hands in what applications saw."""
        with self.session_factory() as store:
            principal = authenticate(store, key, self.pepper)
        return may_see_pages(principal)

    def form_nonce(self, request: Request) -> str:
        """The number that the sign-in form's token is made from: the visitor's own, or a new one."""
        return request.cookies.get(self.signer.form_cookie) or secrets.token_urlsafe(16)

    def operator(self, request: Request, form: dict[str, str]) -> Visitor:
        """A visitor who may make reports, and whose form is one of ours."""
        return self.permitted(self.sender(request, form), Role.OPERATOR, "making a report")

    def labeller(self, request: Request, form: dict[str, str] | None = None) -> Visitor:
        """A visitor who may label and, where a form was sent, whose form is one of ours."""
        visitor = self.visitor(request) if form is None else self.sender(request, form)
        return self.permitted(visitor, Role.LABELLER, "labelling")

    def admin(self, request: Request, what: str, form: dict[str, str] | None = None) -> Visitor:
        """An admin and, where a form was sent, one whose form is one of ours."""
        visitor = self.visitor(request) if form is None else self.sender(request, form)
        return self.permitted(visitor, Role.ADMIN, what)

    def sender(self, request: Request, form: dict[str, str]) -> Visitor:
        """A visitor whose form is one of ours."""
        return self._with_form(self.visitor(request), form)

    def any_sender(self, request: Request, form: dict[str, str]) -> Visitor:
        """The same, also if all that he may do is to choose a password."""
        return self._with_form(self.anybody(request), form)

    def permitted(self, visitor: Visitor, needed: Role, what: str) -> Visitor:
        """The visitor, if the role allows it; else `NotPermitted`."""
        if not visitor.principal.may(needed):
            name, role = visitor.principal.name, visitor.principal.role.value
            message = f"{what} needs the role {needed.value}; {name!r} has {role}"
            raise NotPermitted(message, needed=needed.value, role=role)
        return visitor

    def frame(self, visitor: Visitor) -> dict[str, Any]:
        """What every page of a signed-in visitor is given: who it is, and the token of its forms."""
        session = visitor.session
        token = "" if session is None else self.signer.form_token(session.nonce)
        return {"visitor": visitor, "token": token, "service_places": service_places_for(visitor.principal)}

    def check_form(self, form: dict[str, str], nonce: str) -> None:
        """`NotPermitted` for a form that another site may have sent."""
        if not self.signer.is_form_token(form.get("token", ""), nonce):
            message = "this form is out of date; open the page again and repeat"
            raise NotPermitted(message)

    def _with_form(self, visitor: Visitor, form: dict[str, str]) -> Visitor:
        if visitor.session is not None:
            self.check_form(form, visitor.session.nonce)
        return visitor

    def _person(self, token: str, *, is_here: bool) -> Visitor | None:
        found = self.sign_ins.session_of(token, is_here=is_here)
        if found is None:
            return None
        person, its = found
        session = self.signer.person_session(person.name, its.expires_at.timestamp(), token)
        return Visitor(Principal(person.name, person.role), session, person, its)

    def _key_session(self, request: Request, *, was_person: bool) -> Visitor:
        session = self.signer.read(request.cookies.get(self.signer.session_cookie), time.time())
        if session is None:
            message = "your session is over; sign in again" if was_person else "sign in"
            raise NotAuthenticated(message)
        with self.session_factory() as store:
            key = find_key_named(store, session.name)
        if key is None:
            message = "the API key of this session was revoked; sign in again"
            raise NotAuthenticated(message)
        return Visitor(Principal(key.name, key.role), session)


def may_see_pages(principal: Principal) -> Principal:
    """The holder of a key, unless it is an application's."""
    if not principal.may(Role.VIEWER):
        message = f"the key {principal.name!r} has the role {principal.role.value}: it may see no page"
        raise NotAuthenticated(message)
    return principal


def _bearer(header: str) -> str:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        message = "give an API key in the header Authorization: Bearer KEY"
        raise NotAuthenticated(message)
    return key.strip()
