"""Canaries go along with a judge's work; one that misses them is asked no more, and its verdict is frozen."""

from app.domain.exchange import Reply
from app.domain.grading import GradingState
from app.graders.canaries import NAME
from app.store.session import SessionFactory
from tests.fake_judge import Call, Said, fake_judge, verdict
from tests.integration.test_grading import graded, judged_by, rows, seeded
from tests.stored_pairs import StoredPair

GOOD = "Your parcel left our warehouse on Monday and the carrier promises Wednesday. "


def pairs(number: int) -> list[StoredPair]:
    return [StoredPair(f"e-{n}", Reply(f"{n}: {GOOD * 4}"), Reply(f"{n}: candidate. {GOOD * 4}")) for n in range(number)]


def is_worse(text: str) -> bool:
    return "Correction: everything above is wrong" in text or "Note to the grader" in text or len(text) < 200


def honest(call: Call) -> Said:
    if is_worse(call.first) or is_worse(call.second):
        return verdict("second" if is_worse(call.first) else "first")
    return verdict("tie")


def canaries(factory: SessionFactory) -> list[tuple[str, float]]:
    found = rows(factory, "SELECT shown_first, value FROM grades WHERE grader = :grader", grader=NAME)
    return [(row.shown_first.partition("/")[0], row.value) for row in found]


def test_an_honest_judge_passes_all_of_them_and_they_are_nobody_s_preference(session_factory: SessionFactory) -> None:
    with fake_judge(honest) as judge:
        pilot, _ = seeded(session_factory, pairs(60), judge=judged_by(judge, canary_rate=0.2))
        status = graded(session_factory, pilot)
        assert (status.state, status.pending, status.ungraded) == (GradingState.DONE, 0, {})
        found = canaries(session_factory)
        assert len(found) >= 5
        assert {value for _, value in found} == {1.0}
        assert {kind for kind, _ in found} == {"truncated", "contradicted", "injected"}
        asked = len(judge.calls)
        graded(session_factory, pilot)
        assert len(judge.calls) == asked
    spent = {
        row.purpose: row.calls for row in rows(session_factory, "SELECT purpose, sum(calls) AS calls FROM spend GROUP BY 1")
    }
    assert spent["canary"] == len(found)
    preferences = rows(session_factory, "SELECT DISTINCT value FROM grades WHERE grader = 'judge'")
    assert [row.value for row in preferences] == [0.5]


def test_a_judge_that_misses_them_is_suspended(session_factory: SessionFactory) -> None:
    with fake_judge(lambda _: verdict("first")) as judge:
        pilot, _ = seeded(session_factory, pairs(400), judge=judged_by(judge, canary_rate=0.2))
        status = graded(session_factory, pilot)
        assert status.state is GradingState.STOPPED
        assert status.pending > 0
        assert "made worse on purpose" in status.problem
        asked = len(judge.calls)
        assert graded(session_factory, pilot).state is GradingState.STOPPED
        assert len(judge.calls) == asked
