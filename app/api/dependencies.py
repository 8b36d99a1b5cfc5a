"""What endpoints are given: the process's services, and who asks."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.domain.words import Role
from app.errors import NotAuthenticated, NotPermitted
from app.pipeline.access import Principal, authenticate
from app.settings import Settings
from app.store.session import Publish, SessionFactory


@dataclass(frozen=True, slots=True)
class Services:
    """What a web process has; built once in `workers/web.py`."""

    settings: Settings
    session_factory: SessionFactory
    publish: Publish
    pepper: str


def services_of(request: Request) -> Services:
    """The services of the process that answers."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - make_api puts it there
    return found


ServicesDep = Annotated[Services, Depends(services_of)]

_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer KEY`.")


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def key_of(credentials: HTTPAuthorizationCredentials | None) -> str:
    """The key that was given; `NotAuthenticated` if there is none."""
    if credentials is None:
        message = "give an API key in the header Authorization: Bearer KEY"
        raise NotAuthenticated(message)
    return credentials.credentials


def authenticated(services: ServicesDep, credentials: Credentials) -> Principal:
    """Who asks; `NotAuthenticated` without a valid key."""
    key = key_of(credentials)
    with services.session_factory() as session:
        return authenticate(session, key, services.pepper)


@dataclass(frozen=True, slots=True)
class Require:
    """A dependency that gives the principal, and refuses one whose role is below `role`; OpenAPI's `x-role` is read from it."""

    role: Role

    def __call__(self, principal: Annotated[Principal, Depends(authenticated)]) -> Principal:
        """The principal, if it may."""
        return permitted(principal, self.role)


def permitted(principal: Principal, role: Role) -> Principal:
    """The principal, if it may do what the role may; else `NotPermitted`."""
    if not principal.may(role):
        message = f"this needs the role {role.value}; the key {principal.name!r} has {principal.role.value}"
        raise NotPermitted(message, needed=role.value, role=principal.role.value)
    return principal


Viewer = Annotated[Principal, Depends(Require(Role.VIEWER))]
Labeller = Annotated[Principal, Depends(Require(Role.LABELLER))]
Operator = Annotated[Principal, Depends(Require(Role.OPERATOR))]
Admin = Annotated[Principal, Depends(Require(Role.ADMIN))]
