"""Importing exports: all or nothing, once, never two of the same; what is removed stays in the history."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.pipeline.invoices import invoice_lines
from app.store.audit import list_actions
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api

INVOICES = "/api/v1/pilots/support-bot/invoices"
USAGE = "day,model,requests,input_tokens,cached_input_tokens,output_tokens\n2026-11-02,m,1,10,4,5\n2026-11-03,m,1,20,0,5\n"
COSTS = "day,model,usd\n2026-11-02,m,1.50\n2026-11-03,M,-0.25\n"
OTHER = "day,model,usd\n2026-11-03,m,9\n2026-11-04,m,2\n"
ALL = "day,model,usd\n2026-11-02,(all models),3\n"


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        assert made.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        yield made


def put(api: TestClient, content: str, name: str, *, replace: bool = False) -> Any:
    return api.post(INVOICES, content=content, params={"file_name": name, "replace": replace})


def counted(session_factory: SessionFactory) -> list[tuple[str, str, int | None, Decimal | None]]:
    with session_scope(session_factory) as session:
        lines = invoice_lines(session, get_pilot(session, "support-bot").id)
    return [(str(line.day), line.model, line.input_tokens, line.usd) for line in lines]


def test_usage_and_costs_complete_each_other(api: TestClient, session_factory: SessionFactory) -> None:
    first = put(api, USAGE, "usage.csv").json()
    assert (first["status"], first["invoice"]["lines"], first["invoice"]["usd"]) == ("new", 2, None)
    assert put(api, COSTS, "costs.csv").json()["invoice"]["usd"] == "1.25"
    assert counted(session_factory) == [
        ("2026-11-02", "m", 10, Decimal("1.50000000")),
        ("2026-11-03", "M", 20, Decimal("-0.25000000")),
    ]
    again = put(api, USAGE, "renamed.csv").json()
    assert (again["status"], again["invoice"]["file_name"]) == ("unchanged", "usage.csv")


@pytest.mark.parametrize("content", [OTHER, ALL])
def test_the_same_day_and_model_twice_names_the_other_file(
    api: TestClient, session_factory: SessionFactory, content: str
) -> None:
    put(api, COSTS, "costs.csv")
    refused = put(api, content, "other.csv")
    assert refused.status_code == 409
    assert "is in costs.csv" in refused.json()["error"]["message"]
    assert len(api.get(INVOICES).json()["invoices"]) == 1
    assert len(counted(session_factory)) == 2


def test_what_replaces_counts_until_it_is_removed(api: TestClient, session_factory: SessionFactory) -> None:
    put(api, COSTS, "costs.csv")
    done = put(api, OTHER, "other.csv", replace=True).json()
    assert done["replaced"] == ["costs.csv"]
    assert [usd for *_, usd in counted(session_factory)] == [Decimal("1.5"), Decimal(9), Decimal(2)]
    removed = api.delete(f"{INVOICES}/{done['invoice']['id']}").json()
    assert removed["voided_by"] == "test-operator"
    assert [usd for *_, usd in counted(session_factory)] == [Decimal("1.5"), Decimal("-0.25")]
    assert [each["voided_at"] is None for each in api.get(INVOICES).json()["invoices"]] == [True, False]
    assert put(api, OTHER, "other.csv", replace=True).json()["status"] == "new"
    with session_scope(session_factory) as session:
        actions = [action for _, action in list_actions(session) if action.startswith("invoice")]
    assert actions == ["invoice.import", "invoice.import", "invoice.remove", "invoice.import"]


def test_costs_of_all_models_replace_those_of_each(api: TestClient, session_factory: SessionFactory) -> None:
    put(api, USAGE, "usage.csv")
    put(api, COSTS, "costs.csv")
    put(api, ALL, "all.csv", replace=True)
    assert counted(session_factory) == [
        ("2026-11-02", "(all models)", None, Decimal(3)),
        ("2026-11-02", "m", 10, None),
        ("2026-11-03", "M", 20, Decimal("-0.25")),
    ]


def test_a_wrong_line_imports_nothing(api: TestClient) -> None:
    refused = put(api, COSTS + "2026-11-04,,1\n2026-11-05,m,x\n", "costs.csv")
    assert refused.status_code == 422
    assert [(p["line"], p["field"]) for p in refused.json()["error"]["problems"]] == [(4, "model"), (5, "usd")]
    assert api.get(INVOICES).json()["invoices"] == []
    assert api.delete(f"{INVOICES}/7").status_code == 404
    assert put(api, COSTS, "a\nb").status_code == 422
    assert put(api, "x" * (17 << 20), "large.csv").status_code == 413
