"""The pairs of a report: the worst, the best and some at random, masked, for those who may read texts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.domain.access import Principal
from app.domain.exchange import Failure, Reply
from app.domain.grading import PairKey
from app.domain.labelling import Label, LabelSource
from app.domain.pilot import Pilot
from app.domain.report import PairExample
from app.domain.words import FailureKind, Role
from app.pipeline.evidence_pairs import MOST_CHARS, choose_examples
from app.pipeline.grading import settle_without_model
from app.pipeline.pilots import start_pilot
from app.pipeline.reporting import make_report, view_report
from app.reports.examples import WITHHELD
from app.reports.rendering import render
from app.store.labels import put_labels
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.stored_pairs import ARRIVED, StoredPair, a_request, store_imported_grade, store_pairs

SECRET, ORDER = "anna.secret@example.com", "ORD-123456"
NOW = ARRIVED + timedelta(days=10)
OPERATOR, VIEWER = Principal("ops", Role.OPERATOR), Principal("boss", Role.VIEWER)
# Preference in both orders, by the exchange's own id.
GRADED = {f"e-{number:02d}": (number % 5) / 4 for number in range(20)}
CONTENT = {"audit_reads": True, "patterns": [{"name": "ORDER", "pattern": r"ORD-\d{6}"}]}


def _pair(name: str, day: int = 0) -> StoredPair:
    asked = a_request(f"{name}: write to {SECRET} about {ORDER}")
    return StoredPair(
        name, Reply(f"{name} says yes"), Reply(f"{name} " + "says no " * 400), asked, arrived_at=ARRIVED + timedelta(days=day)
    )


@pytest.fixture
def pilot(session_factory: SessionFactory) -> Pilot:
    tables = {"judge": {"rater": "gpt-4"}, "content": CONTENT, "report": {"examples": 3}, "pilot": {"starts": ARRIVED.date()}}
    with session_scope(session_factory) as session:
        made = a_pilot(session, **tables)
        made = start_pilot(session, made.name, "ops", ARRIVED).pilot
        late, failed = _pair("late", 10), StoredPair("failed", Reply("fine"), Failure(FailureKind.TIMEOUT))
        ids = store_pairs(session, made, [*map(_pair, GRADED), late, failed])
        for name, value in (GRADED | {"late": 0.0}).items():
            for first in ("incumbent", "qwen") if name != "e-05" else ("qwen",):
                store_imported_grade(session, made, ids[name], rater="gpt-4", value=value, shown_first=first)
        session.execute(text("UPDATE exchanges SET conversation_id = 'talk' WHERE external_id IN ('e-00', 'e-10')"))
        session.execute(text("UPDATE grades SET reason = 'because ' || :secret"), {"secret": SECRET})
        arm = made.arm_named("qwen").id
        put_labels(
            session,
            made.id,
            [
                Label(PairKey(ids["e-03"], arm), "anna", 1.0, ARRIVED, LabelSource.PAGE, critical=True),
                Label(PairKey(ids["e-09"], arm), "anna", 1.0, ARRIVED, LabelSource.PAGE),
                Label(PairKey(ids["e-15"], arm), "anna", 0.0, ARRIVED, LabelSource.PAGE),
            ],
        )
    settle_without_model(session_factory, made)
    return made


def test_the_worst_the_best_and_some_at_random(session_factory: SessionFactory, pilot: Pilot) -> None:
    with session_factory() as session:
        first, again = (
            choose_examples(session, pilot, until=ARRIVED + timedelta(days=5), key=b"key") for _ in range(2)
        )  # fmt: skip
    assert first == again
    by_kind: dict[str, list[PairExample]] = {}
    for example in first:
        by_kind.setdefault(example.chosen_as, []).append(example)
    assert {kind: len(found) for kind, found in by_kind.items()} == {"worst": 3, "best": 3, "random": 3}
    worst, best = by_kind["worst"], by_kind["best"]
    assert (worst[0].exchange, worst[0].is_critical, worst[0].rule) == ("e-03", True, "people")
    assert (worst[1].exchange, worst[1].preference) == ("e-15", 0.0)
    assert worst[2].exchange in ("e-00", "e-10")  # both orders; e-05 has one
    assert (best[0].exchange, best[0].preference) == ("e-09", 1.0)
    assert all(example.preference == 1.0 and example.rule == "judge" for example in best[1:])
    names = [example.exchange for example in first]
    assert len(set(names)) == 9
    assert not {"late", "failed"} & {example.exchange for example in worst + best}
    for example in first:
        shown = example.model_dump_json()
        assert SECRET not in shown
        assert ORDER not in shown
        assert "[EMAIL:" in example.request
        assert "[ORDER:" in example.request
        assert len(example.candidate_reply) <= MOST_CHARS
        assert example.is_cut == ("failed" not in example.exchange)


def test_a_report_shows_pairs_to_those_who_may_read_them(session_factory: SessionFactory, pilot: Pilot) -> None:
    made = make_report(session_factory, pilot.name, NOW, examples=True)
    seen, withheld = (view_report(session_factory, made, who) for who in (OPERATOR, VIEWER))
    assert len(seen.examples) == 9
    assert (withheld.examples, withheld.examples_withheld) == ([], True)
    assert "says no" in render(seen, "md").content.decode()
    for name in ("md", "json"):
        shown = render(withheld, name).content.decode()
        assert "says no" not in shown
        assert (WITHHELD in shown) == (name != "json")
    with session_factory() as session:
        noted = session.execute(text("SELECT actor, facts FROM audit_log WHERE action = 'pair.read'")).all()
        assert [(row.actor, row.facts["page"], len(row.facts["exchanges"])) for row in noted] == [("ops", f"report {made}", 9)]
        session.execute(text("DELETE FROM payloads"))
        until = datetime(2027, 1, 1, tzinfo=UTC)
        assert choose_examples(session, get_pilot(session, pilot.name), until=until, key=b"key") == []
        assert choose_examples(session, pilot, until=None, key=b"key") == []
