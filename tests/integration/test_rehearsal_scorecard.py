"""What a rehearsal changes in a scorecard, and through the API."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.domain.estimate_models import EstimateModel
from app.domain.pilot import Pilot
from app.domain.rehearsal import ObjectiveModel, RehearsalModel, RehearsalTerms, StepOutcome, TargetModel
from app.domain.replay import ReplayState
from app.domain.serving_rate import ServingRate
from app.domain.words import GateName, GateOutcome, Role
from app.pipeline.rehearsal_present import objective_of, target_of
from app.pipeline.scorecard_inputs import inputs_hash_of, read_stored
from app.store.rehearsals import claim_rehearsal, finish_rehearsal, insert_rehearsal
from app.store.session import SessionFactory, session_scope
from tests.api import an_api
from tests.integration.rehearsing import a_recorded_pilot
from tests.integration.scorecard_pilots import QWEN, gate_of, qwen_of, spread, started
from tests.integration.scorecard_rows import NOW, START
from tests.unit.pipeline.test_under_load import a_rehearsal

LATENCY = {"total_p95_seconds": 3.0, "accept_imported": True}
TABLES: dict[str, Any] = {"latency": LATENCY, "candidate": [QWEN | {"license": "MIT", "gpu_usd_per_hour": "0.01"}]}


def store(
    session: Session, pilot: Pilot, outcome: StepOutcome, speed: float, *,
    rate: ServingRate | None = None, objective: ObjectiveModel | None = None, **target: Any,
) -> RehearsalModel:  # fmt: skip
    arm = pilot.arm_named("qwen")
    number = insert_rehearsal(session, pilot, arm=arm, terms=RehearsalTerms(), by="ada")
    claim_rehearsal(session, number, worker="w", lease_seconds=30)
    present = target_of(pilot.configuration.candidate_named("qwen")).model_dump()
    result = a_rehearsal((outcome, speed)).model_copy(
        update={
            "id": number, "target": TargetModel(**(present | target)), "rate": rate,
            "objective": objective or objective_of(pilot.configuration),
        }
    )  # fmt: skip
    assert finish_rehearsal(session, number, ReplayState.DONE, "", worker="w", result=result)
    return result


@pytest.mark.parametrize(
    ("outcome", "speed", "tested", "gate"),
    [
        (StepOutcome.MET, 1.0, True, GateOutcome.PASSES),
        (StepOutcome.MISSED, 1.0, True, GateOutcome.UNKNOWN),
        (StepOutcome.NOT_VALID, 1.0, False, GateOutcome.PASSES),
        (StepOutcome.MET, 0.5, False, GateOutcome.PASSES),
    ],
)
def test_a_rehearsal_is_a_load_test_and_no_evidence_of_latency(
    session: Session, outcome: StepOutcome, speed: float, *, tested: bool, gate: GateOutcome
) -> None:
    pilot = started(session, spread(280), **TABLES)
    before = qwen_of(session, pilot)
    assert (before.latency.load_tested, before.rehearsal, gate_of(before, GateName.LATENCY)) == (
        False, None, GateOutcome.PASSES,
    )  # fmt: skip
    store(session, pilot, outcome, speed)
    card = qwen_of(session, pilot)
    assert card.latency.load_tested is tested
    assert ("load_tested: false" not in card.verdict.not_tested) is tested
    assert gate_of(card, GateName.LATENCY) is gate
    assert card.latency.model_copy(update={"load_tested": False}) == before.latency  # no time of it counts
    words = next(each.reason for each in card.gates if each.name is GateName.LATENCY)
    assert ("under production's full load the rehearsal missed" in words) is (gate is GateOutcome.UNKNOWN)


def test_only_the_latest_of_the_candidate_as_it_is_now_counts_and_makes_the_scorecard_anew(session: Session) -> None:
    pilot = started(session, spread(28), **TABLES)
    stored = [inputs_hash_of(read_stored(session, pilot.name, as_of=None), NOW)]
    for target in ({"model": "another"}, {"base_url": "http://elsewhere/v1"}, {"replicas": 2}, {"gpus_per_replica": 8}):
        store(session, pilot, StepOutcome.MET, 1.0, **target)
        assert qwen_of(session, pilot).rehearsal is None
    store(session, pilot, StepOutcome.MET, 1.0, objective=ObjectiveModel(total_p95_seconds=30.0))
    assert qwen_of(session, pilot).rehearsal is None  # what kept 30 s is not shown to keep 3 s
    first = store(session, pilot, StepOutcome.MET, 1.0)
    stored.append(inputs_hash_of(read_stored(session, pilot.name, as_of=None), NOW))
    last = store(session, pilot, StepOutcome.MISSED, 1.0)
    stored.append(inputs_hash_of(read_stored(session, pilot.name, as_of=None), NOW))
    store(session, pilot, StepOutcome.NOT_VALID, 1.0)  # says nothing: the one before it stays
    assert len(set(stored)) == 3
    assert first != last
    assert qwen_of(session, pilot).rehearsal == last
    assert qwen_of(session, pilot, as_of=START).rehearsal is None  # it was made later


def test_a_later_shorter_rehearsal_takes_away_neither_the_load_test_nor_the_rate(session: Session) -> None:
    pilot = started(session, spread(28), **TABLES)
    rate = ServingRate(
        replicas=1, slots_per_replica=EstimateModel(value=4.0), requests_per_second_per_replica=EstimateModel(value=2.0),
        service_seconds_p50=0.5, service_seconds_p95=0.9,
    )  # fmt: skip
    rated = store(session, pilot, StepOutcome.MET, 0.5, rate=rate)
    tested = store(session, pilot, StepOutcome.MET, 1.0)
    store(session, pilot, StepOutcome.MET, 0.5)
    card = qwen_of(session, pilot)
    assert card.latency.load_tested
    assert card.rehearsal is not None
    assert (card.rehearsal.id, card.rehearsal.rate) == (tested.id, rate)
    assert card.rehearsal.notes[-1].startswith(f"What a replica carries is from rehearsal {rated.id}, ")


def test_rehearsals_through_the_api(session_factory: SessionFactory, tmp_path: Path) -> None:
    with session_scope(session_factory) as session:
        a_recorded_pilot(session, "http://127.0.0.1:1/v1", [number / 5 for number in range(120)])
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as api:
        plan = api.post("/api/v1/pilots/support-bot/rehearsals/plan", json={"minutes": 0.1, "speeds": [2.0]}).json()
        assert (plan["candidate"], plan["requests"], plan["usd_at_most"]) == ("qwen", 36, "0.000000")
        made = api.post("/api/v1/pilots/support-bot/rehearsals", json={"minutes": 0.1, "speeds": [2.0]})
        assert made.status_code == 202, made.text
        assert (made.json()["state"], made.json()["speeds"], made.json()["result"]) == ("queued", [2.0], None)
        again = api.post("/api/v1/pilots/support-bot/rehearsals", json={})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
        assert api.get(f"/api/v1/rehearsals/{made.json()['id']}").json() == made.json()
        assert api.post(f"/api/v1/rehearsals/{made.json()['id']}/cancel").json()["state"] == "cancelled"
        assert [each["state"] for each in api.get("/api/v1/pilots/support-bot/rehearsals").json()] == ["cancelled"]
        refused: tuple[dict[str, Any], ...] = (
            {"speeds": []},
            {"speeds": [0]},
            {"minutes": 0},
            {"candidate": "nobody"},
            {"speed": 1},
        )
        for wrong in refused:
            assert api.post("/api/v1/pilots/support-bot/rehearsals", json=wrong).status_code == 422
        assert api.get("/api/v1/rehearsals/99999").status_code == 404
    assert datetime.fromisoformat(made.json()["created_at"]) <= datetime.now(UTC)
