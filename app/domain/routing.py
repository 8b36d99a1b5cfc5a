"""Where the gateway sends what, as the file `PILOT_HOME/routing.json` says it.

The file is replaced as a whole whenever a pilot changes; the gateway needs nothing else to forward.
"""

from dataclasses import dataclass, field
from typing import Any

from app.domain.toml_table import ContentLevel

FILE_NAME = "routing.json"
# The same once more, for a gateway that starts while the file is damaged or gone.
COPY_NAME = "routing.last.json"
SWITCH_NAME = "mirror.off"
VERSION = 1


@dataclass(frozen=True, slots=True)
class PilotRoute:
    """One pilot that is not detached.

    Attributes:
        incumbent_url: Up to and with `/v1`, no slash at the end: `/v1/X` goes to `{incumbent_url}/X`.
        mirrors: It is running and its mirroring is on; else it forwards unmirrored.
        strictest_level: The strictest content level that any of its segments has: what is not `full` is sealed in Redis and
            its reply carries the request again.
    """

    name: str
    incumbent_url: str
    mirrors: bool
    strictest_level: ContentLevel


@dataclass(frozen=True, slots=True)
class Routing:
    """All of the file; `default` is the pilot of plain `/v1`."""

    default: str | None = None
    pilots: dict[str, PilotRoute] = field(default_factory=dict)


def routing_document(routing: Routing) -> dict[str, Any]:
    """The file's content."""
    pilots = {
        route.name: {"incumbent_url": route.incumbent_url, "mirrors": route.mirrors, "strictest_level": route.strictest_level}
        for route in routing.pilots.values()
    }
    return {"version": VERSION, "default": routing.default, "pilots": pilots}


def routing_of(document: dict[str, Any]) -> Routing:
    """Reads the file's content; raises `KeyError`, `TypeError` or `ValueError` if it is of another shape."""
    if document["version"] != VERSION:
        message = f"routing file of version {document['version']!r}; this gateway reads version {VERSION}"
        raise ValueError(message)
    pilots = {name: PilotRoute(name=name, **found) for name, found in document["pilots"].items()}
    return Routing(default=document["default"], pilots=pilots)
