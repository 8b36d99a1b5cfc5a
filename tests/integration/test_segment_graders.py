"""Segments that rules decide, on a real database: grades, reasons why there is none, and the confusion table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.confusion import NO_LABEL
from app.domain.exchange import Failure, Reply
from app.domain.pilot import Pilot
from app.domain.words import FailureKind, Role
from app.graders.user_function import FunctionRules
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot, settle_without_model
from app.pipeline.pilots import start_pilot
from app.pipeline.scorecard import compute_scorecard
from app.store.pairs import touch_pairs
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, Published, an_api, bearer, key_for
from tests.builders import a_pilot
from tests.stored_pairs import ARRIVED, StoredPair, store_pairs
from tests.text_keys import plain

NOW = datetime(2026, 12, 1, tzinfo=UTC)
POLICY = """
import time

def decide(request, reply):
    if reply["content"] == "hang":
        time.sleep(60)
    if reply["content"] == "raise":
        raise ValueError("no decision")
    return "refund" if "sorry" in reply["content"] else "deny"
"""


def segment(grader: str, **more: Any) -> dict[str, Any]:
    return {"name": "triage", "match": {"header": "triage"}, "grader": grader, "incumbent_is_reference": True} | more


def seeded(
    factory: SessionFactory, replies: Sequence[tuple[str | Failure, str | Failure]], grader: str, **more: Any
) -> tuple[Pilot, dict[str, int]]:
    """A running pilot with one pair an hour."""
    sides = [[Reply(each) if isinstance(each, str) else each for each in pair] for pair in replies]
    pairs = [
        StoredPair(f"e-{n}", one, other, segment="triage", arrived_at=ARRIVED + n * timedelta(hours=1))
        for n, (one, other) in enumerate(sides)
    ]
    with session_scope(factory, Published()) as session:
        pilot = a_pilot(session, pilot={"starts": ARRIVED.date()}, segment=[segment(grader, **more)])
        ids = store_pairs(session, pilot, pairs)
        return start_pilot(session, pilot.name, "somebody", ARRIVED).pilot, ids


def pair_rows(factory: SessionFactory) -> list[Any]:
    """State, rule, preference or grade, why there is none, of each pair in order."""
    query = """SELECT p.state, p.rule, p.preference, g.value, p.ungraded, p.facts FROM pairs p
        LEFT JOIN grades g ON g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id ORDER BY p.exchange_id"""
    with factory() as session:
        found = session.execute(text(query)).all()
        return [SimpleNamespace(**row._asdict() | {"facts": clear(session, row.facts)}) for row in found]


def clear(session: Session, facts: dict[str, Any]) -> dict[str, Any]:
    """What a function said may be a text of production, and so it is sealed."""
    return {name: plain(session, value) for name, value in facts.items()}


def test_labels_are_compared_and_their_confusion_keeps_its_direction(session_factory: SessionFactory) -> None:
    timeout = Failure(FailureKind.TIMEOUT)
    replies: list[tuple[str | Failure, str | Failure]] = [
        ("spam", "spam"), ("spam", "Spam."), ("spam", "ham"), ("spam", "ham"), ("ham", "spam"), ("ham", "ham"),
        ("ham", "x" * 200), ("x" * 200, "ham"), ("spam", timeout),
    ]  # fmt: skip
    pilot, _ = seeded(session_factory, replies, "label")
    card = compute_scorecard(session_factory, pilot.name, now=NOW)
    rows = pair_rows(session_factory)
    assert [row.rule for row in rows] == ["equal", *["grader"] * 4, "equal", "grader", "grader", "failure"]
    assert [row.value for row in rows] == [0.5, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0, None, None]
    assert rows[7].ungraded == "reference_no_label"
    model = card.candidates["qwen"].segments["triage"]
    assert model.confusion is not None
    assert model.confusion.counts == {"spam": {"spam": 2, "ham": 2}, "ham": {"spam": 1, "ham": 1, NO_LABEL: 1}}
    assert (model.confusion.agreement.value, model.confusion.agreement.n) == (round(3 / 7, 10), 7)
    assert model.win_rate.n == 8  # the failure counts 0, what has no grade is left out
    assert card.candidates["qwen"].quality.ungraded == {"reference_no_label": 1}
    early = compute_scorecard(session_factory, pilot.name, ARRIVED - timedelta(hours=12), now=NOW)
    assert early.candidates["qwen"].segments["triage"].confusion is None


def test_a_function_of_ones_own_decides_in_the_worker_alone(session_factory: SessionFactory, tmp_path: Path) -> None:
    (tmp_path / "policy.py").write_text(POLICY)
    replies = [
        ("so sorry", "sorry!"), ("so sorry", "no"), ("no", "sorry!"), ("never", "never"), ("no", "raise"), ("no", "hang"),
    ]  # fmt: skip
    pilot, ids = seeded(session_factory, replies, "python:policy:decide")
    settle_without_model(session_factory, pilot)
    assert {(row.state, row.rule, row.value) for row in pair_rows(session_factory)} == {("pending", None, None)}
    limits = GradingLimits(functions=FunctionRules(frozenset({"policy"}), tmp_path, seconds=1.0))
    assert not grade_pilot(session_factory, pilot.id, limits)
    rows = pair_rows(session_factory)
    assert [row.rule for row in rows] == ["grader", "grader", "grader", "equal", "grader", "grader"]
    assert [row.value for row in rows] == [0.5, 0.0, 0.0, 0.5, None, None]
    assert [row.ungraded for row in rows[3:]] == [None, "function_failed", "function_timeout"]
    assert rows[4].facts == {"message": "ValueError: no decision", "unasked": "function_failed"}
    confusion = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"].segments["triage"].confusion
    assert confusion is not None
    assert confusion.counts == {"deny": {"deny": 1, "refund": 1}, "refund": {"deny": 1, "refund": 1}}

    # What failed is tried again when a grading is asked for; what has a grade is not counted twice.
    (tmp_path / "policy.py").write_text(POLICY.replace("time.sleep(60)", "pass").replace("raise ValueError", "str"))
    with session_scope(session_factory, Published()) as session:
        ask_for_grading(session, pilot.name, "somebody")
        touch_pairs(session, [ids["e-1"]])
    grade_pilot(session_factory, pilot.id, limits)
    with session_factory() as session:
        versions = session.execute(text("SELECT exchange_id, version FROM grades")).all()
    assert len({row.version for row in versions}) == 2
    assert {row.state for row in pair_rows(session_factory)} == {"settled"}
    confusion = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"].segments["triage"].confusion
    assert confusion is not None
    assert confusion.agreement.n == 6


def test_a_module_that_may_not_be_run_leaves_pairs_ungraded(session_factory: SessionFactory) -> None:
    pilot, _ = seeded(session_factory, [("a", "b"), ("a", "c")], "python:os:getcwd")
    grade_pilot(session_factory, pilot.id, GradingLimits())
    rows = pair_rows(session_factory)
    assert [row.ungraded for row in rows] == ["function_failed"] * 2
    assert "PILOT_GRADER_MODULES" in rows[0].facts["message"]
    assert rows[0].value is None


def test_fields_of_json_give_a_grade_and_its_facts(session_factory: SessionFactory) -> None:
    pilot, _ = seeded(session_factory, [('{"a": 1, "b": 2}', '{"a": "1", "b": 3}'), ("no json", "{}")], "json_fields")
    settle_without_model(session_factory, pilot)
    rows = pair_rows(session_factory)
    assert [(row.value, row.ungraded) for row in rows] == [(0.25, None), (None, "reference_not_json")]
    with session_factory() as session:
        grade = session.execute(text("SELECT grader, version, facts FROM grades")).one()
    assert (grade.grader, grade.version) == ("json_fields", "1")
    assert grade.facts == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "paths": ["$.b"]}


def test_the_service_refuses_a_pilot_that_names_a_module_of_its_own(session_factory: SessionFactory, tmp_path: Path) -> None:
    segments = '[[segment]]\nname = "a"\nmatch = { header = "a" }\ngrader = "python:os:system"\n'
    with an_api(session_factory, tmp_path) as api:
        refused = api.post("/api/v1/pilots", content=PILOT_TOML + segments)
        assert refused.status_code == 422
        assert "PILOT_GRADER_MODULES (it is not set)" in refused.text
        assert api.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        assert api.put("/api/v1/pilots/support-bot/configuration", content=PILOT_TOML + segments).status_code == 422
    with an_api(session_factory, tmp_path, role=None, grader_modules="policy") as api:
        headers = bearer(key_for(Role.OPERATOR, session_factory))
        allowed = PILOT_TOML.replace("support-bot", "other") + segments.replace("os:system", "policy:decide")
        assert api.post("/api/v1/pilots", content=allowed, headers=headers).status_code == 201
