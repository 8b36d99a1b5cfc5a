"""What pages a pilot has, in which order, and who may see them: the navigation is made from this list."""

from typing import NamedTuple
from urllib.parse import quote

from app.domain.access import Principal
from app.domain.words import Role


class Place(NamedTuple):
    """One page of a pilot; `path` is what stands behind the pilot's own address."""

    path: str
    title: str
    role: Role = Role.VIEWER


class Group(NamedTuple):
    """Pages under one heading."""

    title: str
    places: tuple[Place, ...]


GROUPS = (
    Group("The answer", (Place("", "Overview"), Place("reports", "Reports"), Place("decision", "Decision"))),
    Group(
        "The evidence",
        (
            Place("quality", "Quality"),
            Place("segments", "Segments"),
            Place("latency", "Latency"),
            Place("reliability", "Reliability"),
            Place("capacity", "Capacity"),
            Place("money", "Money"),
            Place("pairs", "Pairs", Role.OPERATOR),
        ),
    ),
    Group("The work", (Place("label", "Label pairs", Role.LABELLER), Place("hours", "Hours"))),
    Group("The set-up", (Place("coverage", "Coverage"), Place("alerts", "Alerts"), Place("settings", "Settings"))),
)
SERVICE = (
    Place("people", "People", Role.ADMIN),
    Place("keys", "API keys", Role.ADMIN),
    Place("audit", "Audit log", Role.ADMIN),
)


def pilot_address(name: str, path: str = "") -> str:
    """The address of a pilot's page."""
    return f"/pilots/{quote(name, safe='')}{'/' if path else ''}{path}"


def groups_for(principal: Principal) -> tuple[Group, ...]:
    """The pages of a pilot that somebody may see."""
    seen = (Group(group.title, _seen(group.places, principal)) for group in GROUPS)
    return tuple(group for group in seen if group.places)


def service_places_for(principal: Principal) -> tuple[Place, ...]:
    """The pages of the service that somebody may see."""
    return _seen(SERVICE, principal)


def _seen(places: tuple[Place, ...], principal: Principal) -> tuple[Place, ...]:
    return tuple(place for place in places if principal.may(place.role))
