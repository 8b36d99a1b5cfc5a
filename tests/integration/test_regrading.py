"""A changed judge or grader is a new version: old grades stay, nothing is paid for twice."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.exchange import Reply
from app.errors import InvalidInput
from app.graders import equality
from app.pipeline.grading import ask_for_grading, grade_pilot
from app.pipeline.regrading import current_versions, versions_of
from app.store.session import SessionFactory, session_scope
from tests.api import Published, an_api
from tests.fake_judge import fake_judge
from tests.integration.test_grading import QUICK, decisive, graded, judged_by, rows, seeded
from tests.stored_pairs import StoredPair

EXACT = {"name": "labels", "grader": "exact", "incumbent_is_reference": True}


def set_model(factory: SessionFactory, model: str) -> None:
    query = "UPDATE pilots SET configuration = jsonb_set(configuration, '{judge,model}', to_jsonb(CAST(:model AS text)))"
    with session_scope(factory) as session:
        session.execute(text(query), {"model": model})


def test_another_judge_grades_anew_and_the_first_one_counts_again_for_nothing(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, decisive(4), judge=judged_by(judge, rater="the-judge", canary_rate=0))
        graded(session_factory, pilot)
        assert len(judge.calls) == 8
        set_model(session_factory, "judge-2")
        assert graded(session_factory, pilot).pending == 0
        assert len(judge.calls) == 16
        set_model(session_factory, "judge-1")
        assert graded(session_factory, pilot).pending == 0
        assert len(judge.calls) == 16
    with session_factory() as session:
        found = {(each.version, each.pairs, each.grades): is_current for each, is_current in versions_of(session, pilot.name)}
    assert sorted((pairs, grades) for _, pairs, grades in found) == [(4, 8), (4, 8)]
    assert sorted(found.values()) == [False, True]


def test_a_new_version_of_a_rule_grades_its_own_segment_alone(session_factory: SessionFactory) -> None:
    pairs = [StoredPair("a", Reply("yes"), Reply("no"), segment="labels"), *decisive(1)]
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, pairs, judge=judged_by(judge, canary_rate=0), segment=[EXACT])
        graded(session_factory, pilot)
        query = "UPDATE grades SET version = 'old', value = 0.5 WHERE grader = 'exact'"
        with session_scope(session_factory) as session:
            session.execute(text(query))
        asked = len(judge.calls)
        with session_scope(session_factory, Published()) as session:
            status = ask_for_grading(session, pilot.name, "somebody", grader="exact", version=equality.VERSION)
        assert status.pending == 1
        while grade_pilot(session_factory, pilot.id, QUICK):
            pass
        assert len(judge.calls) == asked
    found = rows(session_factory, "SELECT version, value FROM grades WHERE grader = 'exact' ORDER BY version")
    assert [(row.version, row.value) for row in found] == [(equality.VERSION, 0.0), ("old", 0.5)]


def test_a_grader_or_version_that_the_pilot_has_not_is_refused(session_factory: SessionFactory) -> None:
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, decisive(2), judge=judged_by(judge, canary_rate=0))
        graded(session_factory, pilot)
        first = current_versions(pilot.configuration)["judge"]
        set_model(session_factory, "judge-2")
        wrong: list[tuple[dict[str, str | None], str]] = [
            ({"grader": "exact"}, "its graders are judge"),
            ({"version": "x"}, "name it too"),
            ({"grader": "judge", "version": "x"}, "the present version of 'judge' is "),
            ({"grader": "judge", "version": first}, "2 pairs were graded by it, and those grades stay"),
        ]
        for named, says in wrong:
            with session_scope(session_factory, Published()) as session, pytest.raises(InvalidInput, match=says):
                ask_for_grading(session, pilot.name, "somebody", **named)


def test_the_api_lists_versions_and_takes_a_grader(session_factory: SessionFactory, tmp_path: Path) -> None:
    with fake_judge() as judge:
        pilot, _ = seeded(session_factory, decisive(1), judge=judged_by(judge, canary_rate=0))
        graded(session_factory, pilot)
        with an_api(session_factory, tmp_path) as api:
            address = f"/api/v1/pilots/{pilot.name}/grading"
            (version,) = api.get(f"{address}/versions").json()
            assert (version["grader"], version["rater"], version["pairs"], version["is_current"]) == (
                "judge",
                "judge-1",
                1,
                True,
            )
            assert api.post(address, json={"grader": "judge", "version": version["version"]}).status_code == 202
            assert api.post(address).status_code == 202
            refused = api.post(address, json={"grader": "nobody"})
            assert refused.status_code == 422
            assert "its graders are judge" in refused.text
