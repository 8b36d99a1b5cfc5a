"""Who may ask what: read from each route's own dependency, and said in OpenAPI as `x-role`; a silent route is refused."""

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.api.dependencies import Require
from app.domain.access import RANK
from app.domain.words import Role

EXTENSION = "x-role"
# Asked without a key: whether the process lives, and what it counts.
PUBLIC = "none"


def declares(role: Role) -> dict[str, str]:
    """`openapi_extra` of an endpoint that checks the role itself instead of by a dependency."""
    return {EXTENSION: role.value}


def describe_roles(router: APIRouter, *, is_public: bool = False) -> APIRouter:
    """The same router; each route says in OpenAPI which role it needs.

    Raises:
        RuntimeError: A route of a router that is not public has no role: nobody decided who may ask it.
    """
    for route in router.routes:
        if isinstance(route, APIRoute):
            said = route.openapi_extra or {}
            role = role_of(route)
            declared = role.value if role is not None else said.get(EXTENSION, PUBLIC if is_public else None)
            if declared is None:
                address = f"{', '.join(route.methods or ())} {route.path}"
                message = f"{address} has no role: give it Viewer, Operator or another of app/api/dependencies.py"
                raise RuntimeError(message)
            route.openapi_extra = {**said, EXTENSION: declared}
    return router


def role_of(route: APIRoute) -> Role | None:
    """The highest role among a route's dependencies; `None` if none of them asks for one."""
    asked = [each.call.role for each in _all(route.dependant) if isinstance(each.call, Require)]
    return max(asked, key=RANK.__getitem__, default=None)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from _all(each)
