"""Importing exports: all or nothing, once, never two of the same; what is removed stays in the history."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.pilot import Pilot
from app.domain.scorecard import CandidateModel
from app.domain.words import GateName, GateOutcome, Role
from app.pipeline.invoices import import_invoice, invoice_lines, remove_invoice
from app.pipeline.scorecard import compute_scorecard
from app.store.audit import list_actions
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api
from tests.integration.scorecard_pilots import gate_of, spread
from tests.integration.scorecard_rows import DAY, NOW, START
from tests.integration.test_scorecard_days import a_running_pilot

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
        lines = invoice_lines(session, get_pilot(session, "support-bot"))
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


def test_a_file_that_another_one_replaced_counts_again_when_it_is_to_replace(
    api: TestClient, session_factory: SessionFactory
) -> None:
    number = put(api, COSTS, "costs.csv").json()["invoice"]["id"]
    put(api, OTHER, "other.csv", replace=True)
    unchanged = put(api, COSTS, "costs.csv").json()
    assert (unchanged["status"], unchanged["invoice"]["id"]) == ("unchanged", number)
    assert "other.csv counts instead" in unchanged["notes"][0]
    again = put(api, COSTS, "costs.csv", replace=True).json()
    assert (again["status"], again["replaced"]) == ("new", ["other.csv"])
    assert [usd for *_, usd in counted(session_factory)] == [Decimal("1.5"), Decimal("-0.25"), Decimal(2)]
    assert put(api, COSTS, "costs.csv", replace=True).json()["status"] == "unchanged"
    assert [each["voided_at"] is None for each in api.get(INVOICES).json()["invoices"]] == [False, True, True]


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


def billed(usd_a_day: str) -> bytes:
    days = [f"{(START + number * DAY).date()},gpt-5.1,10,10000,0,1000,{usd_a_day}" for number in range(28)]
    return "\n".join(["day,model,requests,input_tokens,cached_input_tokens,output_tokens,usd", *days]).encode()


def bill(factory: SessionFactory, pilot: Pilot, usd_a_day: str) -> int:
    with session_scope(factory) as session:
        done = import_invoice(
            session, pilot.name, billed(usd_a_day), file_name=f"{usd_a_day}.csv", replace_others=True, by="test"
        )
    return done.invoice.id


def computed(factory: SessionFactory, pilot: Pilot) -> CandidateModel:
    return compute_scorecard(factory, pilot.name, now=NOW).candidates["qwen"]


def test_an_invoice_that_differs_makes_the_saving_unknown_until_it_is_removed(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(280))
    bill(session_factory, pilot, "2.00")
    agrees = computed(session_factory, pilot)
    assert agrees.cost.reconciliation is not None
    assert agrees.cost.reconciliation.total.usd.difference_rate == pytest.approx(0)
    assert gate_of(agrees, GateName.SAVING) is not GateOutcome.UNKNOWN
    number = bill(session_factory, pilot, "2.50")
    differs = computed(session_factory, pilot)
    assert gate_of(differs, GateName.SAVING) is GateOutcome.UNKNOWN
    reason = next(gate.reason for gate in differs.gates if gate.name is GateName.SAVING)
    assert "differ by 20.0%" in reason
    assert differs.cost.incumbent_usd_per_month.value == agrees.cost.incumbent_usd_per_month.value
    with session_scope(session_factory) as session:
        remove_invoice(session, pilot.name, number, "test")
    assert gate_of(computed(session_factory, pilot), GateName.SAVING) == gate_of(agrees, GateName.SAVING)


def test_only_what_is_compared_of_an_invoice_is_in_the_data_hash(session_factory: SessionFactory) -> None:
    pilot = a_running_pilot(session_factory, spread(28))
    moment = START + 14 * DAY

    def hash_with(day: int, row: str) -> str:
        content = f"day,model,usd\n{(START + day * DAY).date()},{row}\n".encode()
        with session_scope(session_factory) as session:
            import_invoice(session, pilot.name, content, file_name="a.csv", replace_others=True, by="test")
        return compute_scorecard(session_factory, pilot.name, as_of=moment, now=NOW).data_hash

    plain = compute_scorecard(session_factory, pilot.name, as_of=moment, now=NOW).data_hash
    assert hash_with(20, "gpt-5.1,1") == plain
    compared = hash_with(5, "gpt-5.1,1")
    assert compared != plain
    assert hash_with(14, "gpt-5.1,1") == compared
    assert hash_with(5, "gpt-5.1-2025-11-13,1.00") == compared
    assert hash_with(5, "gpt-5.1,1.01") != compared


def test_a_viewer_plans_from_an_export_and_nothing_is_stored(session_factory: SessionFactory, tmp_path: Path) -> None:
    with an_api(session_factory, tmp_path, role=Role.VIEWER) as api:
        plan = api.post("/api/v1/plan/usage", content=billed("2.00")).json()
        assert (plan["format"], plan["days"], plan["advice"]) == ("plain CSV", 28, "stay")
        assert plan["month"]["usd"] == "60.83"
        assert api.post("/api/v1/plan/usage", content=billed("2.00"), params={"privacy": True}).json()["advice"] == "pilot"
        refused = api.post("/api/v1/plan/usage", content=b"day,model,usd\nx,m,1\n")
        assert (refused.status_code, refused.json()["error"]["problems"][0]["line"]) == (422, 2)
        assert put(api, COSTS, "costs.csv").status_code in (403, 404)
