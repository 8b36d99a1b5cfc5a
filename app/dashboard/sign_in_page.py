"""Signing in with name and password or with an API key, and signing out."""

import re
import time
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.responses import page
from app.dashboard.sessions import KNOWN_SECONDS, LIFETIME_SECONDS
from app.dashboard.visitors import Door, may_see_pages
from app.errors import NotAuthenticated, TooManyAttempts
from app.store.audit import record
from app.store.people import has_people
from app.store.session import session_scope

LOCAL_ADDRESS = re.compile(r"/(?![/\\])[^\\\x00-\x1f]*")


def add_sign_in_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its forms."""
    pages = SignInPage(door)
    for address, method, endpoint in (
        ("/sign-in", "GET", pages.show),
        ("/sign-in", "POST", pages.sign_in),
        ("/sign-out", "POST", pages.sign_out),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"sign_in_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request) -> Response:
        """The forms that take name and password, or a key."""
        return self._show(request, "", "/", 200)

    def instead(self, request: Request, message: str) -> Response:
        """The same forms in place of a page that only a signed-in visitor sees."""
        goal = request.url.path if request.method == "GET" else "/"
        signer = self.door.signer
        is_first_visit = "authorization" not in request.headers and not (
            {signer.session_cookie, signer.person_cookie} & request.cookies.keys()
        )
        response = self._show(request, "" if is_first_visit else message, goal, 401)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def sign_in(self, request: Request, form: Form) -> Response:
        """Takes a password or a key once, and gives a cookie that holds neither."""
        goal = form.get("next", "/")
        goal = goal if LOCAL_ADDRESS.fullmatch(goal) else "/"
        self.door.check_form(form, request.cookies.get(self.door.signer.form_cookie, ""))
        try:
            return self._with_key(request, form["key"], goal) if "key" in form else self._with_password(request, form, goal)
        except NotAuthenticated as error:
            return self._show(request, error.message, goal, 401, form)
        except TooManyAttempts as error:
            response = self._show(request, error.message, goal, 429, form)
            response.headers["Retry-After"] = str(round(error.retry_after_seconds))
            return response

    def sign_out(self, request: Request, form: Form) -> Response:
        """Ends the session of this browser."""
        visitor = self.door.any_sender(request, form)
        if visitor.person is not None and visitor.person_session is not None:
            self.door.sign_ins.sign_out(visitor.person, visitor.person_session.id)
        elif visitor.session is not None:
            with session_scope(self.door.session_factory) as session:
                record(session, visitor.principal.name, "page.sign_out")
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(self.door.signer.session_cookie)
        response.delete_cookie(self.door.signer.person_cookie)
        return response

    def _with_password(self, request: Request, form: dict[str, str], goal: str) -> Response:
        signer, sign_ins, name = self.door.signer, self.door.sign_ins, form.get("name", "").strip()
        browser = signer.known_browser(request.cookies.get(signer.known_cookie), name, time.time())
        person, token = sign_ins.sign_in(name, form.get("password", ""), address=address_of(request), browser=browser)
        response = RedirectResponse("/account" if person.must_change_password else goal, 303)
        set_person_cookie(response, request, self.door, token)
        if browser is None:
            set_cookie(response, request, signer.known_cookie, signer.write_known(person.name, time.time()), KNOWN_SECONDS)
        response.delete_cookie(signer.session_cookie)
        response.delete_cookie(signer.form_cookie)
        return self._ended_before(request, response)

    def _with_key(self, request: Request, key: str, goal: str) -> Response:
        signer = self.door.signer
        principal = may_see_pages(self.door.sign_ins.holder_of_key(key.strip(), address=address_of(request)))
        with session_scope(self.door.session_factory) as session:
            record(session, principal.name, "page.sign_in", given="API key", address=address_of(request))
        response = RedirectResponse(goal, 303)
        set_cookie(
            response,
            request,
            signer.session_cookie,
            signer.write(signer.new_session(principal.name, time.time())),
            LIFETIME_SECONDS,
        )
        response.delete_cookie(signer.person_cookie)
        response.delete_cookie(signer.form_cookie)
        return self._ended_before(request, response)

    def _ended_before(self, request: Request, response: Response) -> Response:
        """Who signs in again leaves the session of before."""
        token = request.cookies.get(self.door.signer.person_cookie)
        found = None if token is None else self.door.sign_ins.session_of(token)
        if found is not None:
            self.door.sign_ins.sign_out(found[0], found[1].id)
        return response

    def _show(self, request: Request, message: str, goal: str, status: int, form: dict[str, str] | None = None) -> Response:
        nonce = self.door.form_nonce(request)
        token = self.door.signer.form_token(nonce)
        with self.door.session_factory() as session:
            people = has_people(session)
        given = form or {}
        response = page(
            "sign_in.html",
            status,
            message=message,
            goal=goal,
            token=token,
            has_people=people,
            given=given.get("name", ""),
            tried_key="key" in given,
        )
        set_cookie(response, request, self.door.signer.form_cookie, nonce, LIFETIME_SECONDS)
        return response


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy that is trusted, where the proxy says."""
    return request.client.host if request.client is not None else "unknown"


def set_person_cookie(response: Response, request: Request, door: Door, token: str) -> None:
    """Gives the browser the token of a person's session."""
    set_cookie(response, request, door.signer.person_cookie, token, int(door.sign_ins.terms.lifetime_seconds))


def set_cookie(response: Response, request: Request, name: str, value: str, seconds: int) -> None:
    """A cookie that no script reads and no other site sends."""
    is_encrypted = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict", secure=is_encrypted)
