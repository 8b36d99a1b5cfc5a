"""Who may see each page and send each form; a page that is not listed here is not served (docs/authorization.md)."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.dashboard.assets import ROUTE
from app.dashboard.places import GROUPS, SERVICE
from app.domain.words import Role

# Whoever asks: the sign-in page, and the pages' own files.
ANYBODY = {"GET /sign-in", "POST /sign-in", f"GET {ROUTE}"}
_PILOT = "/pilots/{name}"
_PLACES = {f"GET {_PILOT}{'/' if place.path else ''}{place.path}": place.role for group in GROUPS for place in group.places}
_SERVICE = {f"GET /{place.path}": place.role for place in SERVICE}
_BY_ROLE = {
    Role.VIEWER: (
        "GET /",
        "POST /sign-out",
        "GET /account",
        "POST /account/password",
        "POST /account/sessions",
        f"GET {_PILOT}/now",
        f"GET {_PILOT}/money/what-if",
        f"GET {_PILOT}/hours/{{entry:number}}",
        "GET /reports/{report_id:number}",
        "GET /reports/{report_id:number}/download",
        "GET /reports/{report_id:number}/bundle",
    ),
    Role.LABELLER: (
        f"POST {_PILOT}/label",
        f"POST {_PILOT}/label/undo",
        f"POST {_PILOT}/hours",
        f"POST {_PILOT}/hours/{{entry:number}}/correct",
        f"POST {_PILOT}/hours/{{entry:number}}/remove",
    ),
    Role.OPERATOR: (
        f"POST {_PILOT}/reports",
        f"POST {_PILOT}/decision",
        f"POST {_PILOT}/alerts/test",
        f"GET {_PILOT}/settings/{{step}}",
        f"POST {_PILOT}/settings/{{step}}",
        f"GET {_PILOT}/pairs/{{number:number}}",
    ),
    Role.ADMIN: (
        "POST /people",
        "POST /people/{name}/role",
        "POST /people/{name}/disable",
        "POST /people/{name}/enable",
        "POST /people/{name}/reset",
        "POST /keys",
        "POST /keys/revoke",
    ),
}
ROLES: dict[str, Role] = _PLACES | _SERVICE | {address: role for role, listed in _BY_ROLE.items() for address in listed}


def addresses_of(router: APIRouter) -> list[str]:
    """Each page and form as `METHOD /path`, in the order of the routes."""
    return [
        f"{method} {route.path}"
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]  # fmt: skip


def check_roles(router: APIRouter) -> APIRouter:
    """The same router.

    Raises:
        RuntimeError: It has a page or form of which nobody said who may see or send it.
    """
    unlisted = [address for address in addresses_of(router) if address not in ROLES and address not in ANYBODY]
    if unlisted:
        message = f"no role is declared for {', '.join(unlisted)}: list it in app/dashboard/page_roles.py"
        raise RuntimeError(message)
    return router
