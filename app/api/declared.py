"""A request's address as it is declared, without what stands in its places: that may be anybody's words."""

from starlette.types import Scope

API_PREFIX = "/api/v1"
NO_ROUTE = "none"


def route_of(scope: Scope) -> str:
    """There are as many as the code declares; what nobody declared is one of them. Routers do not know their prefix."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return NO_ROUTE
    is_of_the_api = scope["path"].startswith(f"{API_PREFIX}/") and not route.startswith(API_PREFIX)
    return f"{API_PREFIX}{route}" if is_of_the_api else str(route)
