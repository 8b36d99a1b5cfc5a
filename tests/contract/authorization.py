"""The authorization matrix: every route and page with the role it declares, a request for each, and the table in docs/."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from app.api.roles import EXTENSION, PUBLIC
from app.dashboard.page_roles import ANYBODY, ROLES
from app.domain.words import Role

# Written out a second time on purpose: what `app.domain.access` computes is compared with it.
HOLDERS: dict[str, tuple[str, ...]] = {
    "none": ("nobody", "ingest", "viewer", "labeller", "operator", "admin"),
    "ingest": ("ingest", "operator", "admin"),
    "viewer": ("viewer", "labeller", "operator", "admin"),
    "labeller": ("labeller", "operator", "admin"),
    "operator": ("operator", "admin"),
    "admin": ("admin",),
}
METHODS = ("get", "post", "put", "patch", "delete")
# What stands for a parameter of a path: nothing that exists, but where only a known word gets as far as the question.
_VALUES = {"step": "start", "path": "none.css"}
# Where the smallest allowed question is a long computation, or one that needs a higher role than the route.
_BODIES = {"POST /api/v1/plan": {"margin": "none"}}
_QUERIES = {"GET /api/v1/pilots/{name}/labels/export": "?queue=drawn"}
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_NUMBER = "4242424"


class Route(NamedTuple):
    """One route or page; `role` is the declared one, `None` if nobody declared any."""

    method: str
    path: str
    role: str | None
    body: tuple[str, Any] | None = None

    @property
    def name(self) -> str:
        """As people speak of it."""
        return f"{self.method} {self.path}"

    @property
    def address(self) -> str:
        """With a value for each parameter."""
        return _PARAMETER.sub(lambda found: _VALUES.get(found[1], _NUMBER), self.path)


def api_routes(description: dict[str, Any]) -> Iterator[Route]:
    """All operations of an OpenAPI description."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                role = operation.get(EXTENSION)
                name = f"{method.upper()} {path}"
                needed = _QUERIES.get(name) or _query(operation, description)
                body = _body(operation, description)
                yield Route(method.upper(), f"{path}{needed}", role, body and (body[0], _BODIES.get(name, body[1])))


def page_routes(addresses: list[str]) -> Iterator[Route]:
    """All pages and forms."""
    for address in addresses:
        method, _, path = address.partition(" ")
        role = PUBLIC if address in ANYBODY else ROLES.get(address)
        yield Route(method, path, role if role is None else str(role.value if isinstance(role, Role) else role))


def table_of(routes: list[Route]) -> str:
    """The matrix as a table of Markdown."""
    columns = ("nobody", "ingest", "viewer", "labeller", "operator", "admin")
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for route in routes:
        marks = ("yes" if column in HOLDERS[route.role or ""] else "" for column in columns)
        lines.append(f"| `{route.method} {route.path.partition('?')[0]}` | {' | '.join(marks)} |")
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines)


def _query(operation: dict[str, Any], description: dict[str, Any]) -> str:
    needed = [each for each in operation.get("parameters", ()) if each["in"] == "query" and each.get("required")]
    return "?" + "&".join(f"{each['name']}={sample(each['schema'], description)}" for each in needed) if needed else ""


def _body(operation: dict[str, Any], description: dict[str, Any]) -> tuple[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    for media, said in content.items():
        return media, sample(said.get("schema", {}), description)
    return None


def sample(schema: dict[str, Any], description: dict[str, Any]) -> Any:
    """The smallest value that a schema allows, near enough: only what is required."""
    if "$ref" in schema:
        return sample(description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], description)
    for choice in (*schema.get("enum", ()), *((schema["const"],) if "const" in schema else ())):
        return choice
    for combined in ("anyOf", "oneOf", "allOf"):
        if combined in schema:
            return sample(schema[combined][0], description)
    if schema.get("type") == "object":
        return {name: sample(schema["properties"][name], description) for name in schema.get("required", ())}
    return _simple(schema, description)


def _simple(schema: dict[str, Any], description: dict[str, Any]) -> Any:
    kind, text_format = schema.get("type"), schema.get("format")
    if kind == "array":
        return [sample(schema["items"], description)] * schema.get("minItems", 0)
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if kind == "string":
        known = {"date": "2026-01-05", "date-time": "2026-01-05T10:00:00Z"}.get(text_format or "")
        return known or ("0" * 64 if "64" in schema.get("pattern", "") else "x" * max(1, schema.get("minLength", 1)))
    return False if kind == "boolean" else None
