"""The API's description is complete: every route is typed, says who may ask, and how it fails."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine
from starlette.testclient import TestClient

from app.store.session import make_session_factory
from tests.api import an_api

METHODS = {"get", "post", "put", "delete", "patch"}
ROUTES = {
    "GET /api/v1/pilots", "POST /api/v1/pilots", "GET /api/v1/pilots/{name}", "PUT /api/v1/pilots/{name}/configuration",
    "POST /api/v1/pilots/{name}/start", "POST /api/v1/pilots/{name}/stop", "POST /api/v1/pilots/{name}/extend",
    "POST /api/v1/pilots/{name}/default", "POST /api/v1/pilots/{name}/detach", "POST /api/v1/pilots/{name}/mirror",
    "GET /api/v1/pilots/{name}/status",
    "POST /api/v1/pilots/{name}/imports", "PUT /api/v1/imports/{id}/chunks", "POST /api/v1/imports/{id}/commit",
    "GET /api/v1/imports/{id}", "DELETE /api/v1/imports/{id}",
    "POST /api/v1/pilots/{name}/replays", "GET /api/v1/replays/{id}", "POST /api/v1/replays/{id}/cancel",
    "POST /api/v1/pilots/{name}/rehearsals/plan", "POST /api/v1/pilots/{name}/rehearsals",
    "GET /api/v1/pilots/{name}/rehearsals", "GET /api/v1/rehearsals/{id}", "POST /api/v1/rehearsals/{id}/cancel",
    "POST /api/v1/pilots/{name}/grading", "GET /api/v1/pilots/{name}/grading",
    "GET /api/v1/pilots/{name}/grading/versions",
    "GET /api/v1/pilots/{name}/invoices", "POST /api/v1/pilots/{name}/invoices",
    "DELETE /api/v1/pilots/{name}/invoices/{invoice_id}",
    "GET /api/v1/pilots/{name}/hours", "POST /api/v1/pilots/{name}/hours", "POST /api/v1/pilots/{name}/hours/import",
    "GET /api/v1/pilots/{name}/hours/export", "PATCH /api/v1/pilots/{name}/hours/{id}",
    "DELETE /api/v1/pilots/{name}/hours/{id}", "GET /api/v1/pilots/{name}/hours/{id}/history",
    "GET /api/v1/pilots/{name}/labels", "POST /api/v1/pilots/{name}/labels", "GET /api/v1/pilots/{name}/labels/next",
    "POST /api/v1/pilots/{name}/labels/undo",
    "GET /api/v1/pilots/{name}/labels/export", "POST /api/v1/pilots/{name}/labels/import",
    "GET /api/v1/pilots/{name}/scorecard", "GET /api/v1/pilots/{name}/days", "POST /api/v1/plan",
    "POST /api/v1/plan/models", "POST /api/v1/plan/usage",
    "GET /api/v1/pilots/{name}/routing",
    "GET /api/v1/gateway-routing",
    "POST /api/v1/pilots/{name}/reports", "GET /api/v1/pilots/{name}/reports", "GET /api/v1/reports/{id}",
    "GET /api/v1/reports/{id}/bundle", "GET /api/v1/pilots/{name}/decisions", "POST /api/v1/pilots/{name}/decisions",
    "GET /api/v1/pilots/{name}/alerts", "GET /api/v1/pilots/{name}/messages", "POST /api/v1/pilots/{name}/notify/test",
    "GET /api/v1/pilots/{name}/erasures", "POST /api/v1/pilots/{name}/erasures", "POST /api/v1/erasures/verify",
    "GET /api/v1/encryption", "POST /api/v1/encryption/rotate", "POST /api/v1/encryption/encrypt-old",
    "POST /api/v1/pilots/{name}/shred",
    "GET /api/v1/pilots/{name}/erasures/{erasure_id}",
    "GET /api/v1/keys", "POST /api/v1/keys", "DELETE /api/v1/keys/{name}",
    "GET /api/v1/people", "POST /api/v1/people", "POST /api/v1/people/{name}/role", "POST /api/v1/people/{name}/disable",
    "POST /api/v1/people/{name}/enable", "POST /api/v1/people/{name}/reset",
    "POST /ingest",
    "GET /health/live", "GET /health/ready", "GET /health/parts",
}  # fmt: skip


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    factory = make_session_factory(create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    with an_api(factory, tmp_path_factory.mktemp("home"), role=None) as api:
        assert isinstance(api, TestClient)
        found: dict[str, Any] = api.get("/openapi.json").json()
        return found


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def _plain(route: str) -> str:
    """Numbers may be called what their stage calls them."""
    for number in ("import_id", "replay_id", "rehearsal_id", "report_id", "entry_id"):
        route = route.replace(f"{{{number}}}", "{id}")
    return route


def test_every_promised_route_is_described(description: dict[str, Any]) -> None:
    assert {_plain(route) for route, _ in operations(description)} == ROUTES


def test_every_operation_has_its_own_id_a_tag_and_a_description(description: dict[str, Any]) -> None:
    found = list(operations(description))
    ids = [operation["operationId"] for _, operation in found]
    assert len(set(ids)) == len(ids)
    assert [route for route, operation in found if not (operation.get("tags") and operation.get("description"))] == []


def test_every_answer_has_a_schema(description: dict[str, Any]) -> None:
    untyped = [
        f"{route} {status}"
        for route, operation in operations(description)
        for status, answer in operation["responses"].items()
        for media in (answer.get("content") or {"": {}} if status != "204" else {}).values()
        if not media.get("schema")
    ]
    assert untyped == []


def test_all_but_health_needs_a_bearer_key(description: dict[str, Any]) -> None:
    (name,) = description["components"]["securitySchemes"]
    assert description["components"]["securitySchemes"][name]["scheme"] == "bearer"
    for route, operation in operations(description):
        assert (operation.get("security") == [{name: []}]) == ("/health/" not in route), route


def test_every_error_has_the_one_shape(description: dict[str, Any]) -> None:
    for route, operation in operations(description):
        if "/health/" in route:
            continue
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "404", "409", "422", "500"} <= errors.keys(), route
        for status, answer in errors.items():
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorBody"}, f"{route} {status}"


def test_every_write_with_a_body_describes_it(description: dict[str, Any]) -> None:
    with_body = {"POST /api/v1/pilots", "PUT /api/v1/pilots/{name}/configuration", "POST /api/v1/keys"}
    with_body |= {"POST /api/v1/pilots/{name}/hours/import", "PUT /api/v1/imports/{id}/chunks"}
    described = {
        _plain(route) for route, operation in operations(description) if operation.get("requestBody", {}).get("content")
    }
    assert with_body <= described
