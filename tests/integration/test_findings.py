"""Findings from the stored texts to the scorecard: both arms, once a reply and version, and never a stale scorecard."""

from typing import Any

import pytest
from sqlalchemy import delete, text, update

from app.domain.check_table import CheckTable
from app.domain.exchange import Failure, Reply
from app.domain.findings import FINDINGS, Findings, labels_of
from app.domain.pilot import Pilot
from app.domain.words import FailureKind
from app.graders.checks import refusal, truncated
from app.graders.checks.catalogue import checks_of
from app.pipeline.grading import GradingLimits, grade_pilot, settle_without_model
from app.pipeline.last_look import LastLook
from app.pipeline.pilots import start_pilot
from app.pipeline.reply_checks import find_in_settled
from app.pipeline.scorecard import compute_scorecard
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from app.store.tables import PayloadRow, PilotRow, ReplyRow
from app.store.touched import is_touched
from tests.api import Published
from tests.builders import a_pilot
from tests.integration.scorecard_rows import DAY, NOW, START
from tests.stored_pairs import StoredPair, a_request, store_pairs

NO, YES = Reply("I'm sorry, but I can't help with that."), Reply("Gladly: here it is.")
SAID_BY_SERVER = Reply("Not today.", is_refusal=True)
OWN: dict[str, Any] = {"name": "thanks", "pattern": "(?i)gladly", "must": "not_match", "segment": "other"}
REFUSAL, CUT = (f"{module.NAME}@{module.VERSION}" for module in (refusal, truncated))
ONLY_REFUSAL, NOTHING = frozenset({REFUSAL}), frozenset[str]()
OWN_LABEL = checks_of((CheckTable.model_validate(OWN),))[-1].label


def pairs() -> list[StoredPair]:
    both: list[tuple[Reply, Reply | Failure]] = [
        (NO, YES),
        (YES, NO),
        (YES, NO),
        (NO, NO),
        (YES, YES),
        (YES, Failure(FailureKind.TIMEOUT)),
    ]
    return [StoredPair(f"e-{n}", one, other, arrived_at=START + n * DAY) for n, (one, other) in enumerate(both)]


def a_running_pilot(
    factory: SessionFactory, *, more: list[StoredPair] | None = None, **tables: Any
) -> tuple[Pilot, dict[str, int]]:
    with session_scope(factory) as session:
        pilot = a_pilot(session, pilot={"name": "support-bot", "starts": START.date()}, **tables)
        running = start_pilot(session, pilot.name, "test", START - DAY).pilot
        return running, store_pairs(session, running, pairs() if more is None else more)


def found_in(factory: SessionFactory, pilot: Pilot, number: int) -> dict[str, Findings]:
    """What is stored of an exchange, by arm."""
    query = text("""
        SELECT a.name, f.checked, f.found, s.labels FROM reply_findings f JOIN arms a ON a.id = f.arm_id
        JOIN check_sets s ON s.id = f.set_id WHERE f.exchange_id = :number AND f.pilot_id = :pilot
    """)
    with factory() as session:
        rows = session.execute(query, {"number": number, "pilot": pilot.id})
        return {row.name: Findings(labels_of(row.checked, row.labels), labels_of(row.found, row.labels)) for row in rows}


def written(factory: SessionFactory) -> list[int]:
    with factory() as session:
        return sorted(session.scalars(text("SELECT xmin::text::bigint FROM reply_findings WHERE checked <> 0")))


def with_own_check(factory: SessionFactory, pilot: Pilot) -> Pilot:
    document = pilot.configuration.model_dump(mode="json") | {"check": [OWN]}
    with session_scope(factory) as session:
        session.execute(update(PilotRow).values(configuration=document))
        return get_pilot(session, pilot.name)


def test_settling_looks_at_the_replies_of_both_arms_once(session_factory: SessionFactory) -> None:
    pilot, ids = a_running_pilot(session_factory)
    settle_without_model(session_factory, pilot)
    first, second = found_in(session_factory, pilot, ids["e-0"]), found_in(session_factory, pilot, ids["e-1"])
    assert (first["incumbent"].found, first["qwen"].found) == (ONLY_REFUSAL, NOTHING)
    assert (second["incumbent"].found, second["qwen"].found) == (NOTHING, ONLY_REFUSAL)
    assert REFUSAL in first["qwen"].checked
    assert found_in(session_factory, pilot, ids["e-5"])["qwen"] == Findings()  # a failure says nothing
    before = written(session_factory)
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE pairs SET state = 'pending', rule = NULL"))
    settle_without_model(session_factory, pilot)
    assert written(session_factory) == before
    model = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"].checks
    rule = next(rule for rule in model.rules if rule.name == refusal.NAME)
    assert (model.exchanges, model.looked_at, rule.incumbent_only, rule.candidate_only, rule.both_found) == (5, 5, 1, 2, 1)
    assert rule.difference.value == pytest.approx(0.2)


def test_a_rule_that_is_new_is_looked_for_when_grading_is_asked_for_and_the_scorecard_is_made_anew(
    session_factory: SessionFactory,
) -> None:
    pilot, ids = a_running_pilot(session_factory)
    compute_scorecard(session_factory, pilot.name, now=NOW)
    changed = with_own_check(session_factory, pilot)
    with session_scope(session_factory) as session:
        session.execute(delete(PayloadRow).where(PayloadRow.exchange_id == ids["e-1"]))
        assert not is_touched(session, pilot.id)
    before = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"].checks
    assert find_in_settled(session_factory, changed, seconds=60)
    with session_factory() as session:
        assert is_touched(session, pilot.id)
    after = compute_scorecard(session_factory, pilot.name, now=NOW).candidates["qwen"].checks
    assert "own:thanks" not in [rule.name for rule in before.rules]
    own = next(rule for rule in after.rules if rule.name == "own:thanks")
    assert (own.exchanges, own.incumbent_found, own.candidate_found) == (4, 2, 2)
    assert OWN_LABEL in found_in(session_factory, pilot, ids["e-4"])["qwen"].found
    kept = found_in(session_factory, pilot, ids["e-1"])  # its text is gone: what was found before stays
    assert (kept["qwen"].found, kept["incumbent"].found) == (ONLY_REFUSAL, NOTHING)
    settled = written(session_factory)
    assert find_in_settled(session_factory, changed, seconds=60)
    assert written(session_factory) == settled


def test_a_process_walks_over_all_settled_pairs_once_in_a_while_and_at_once_for_other_checks(
    session_factory: SessionFactory,
) -> None:
    pilot, ids = a_running_pilot(session_factory)
    settle_without_model(session_factory, pilot)
    last, stale = LastLook(), LastLook(seconds=0.0)
    for each in (last, stale):
        assert find_in_settled(session_factory, pilot, seconds=60, last_look=each)
    with session_scope(session_factory) as session:
        session.execute(text("DELETE FROM reply_findings WHERE exchange_id = :number"), {"number": ids["e-0"]})
    assert find_in_settled(session_factory, pilot, seconds=60, last_look=last)
    assert found_in(session_factory, pilot, ids["e-0"]) == {}
    assert find_in_settled(session_factory, pilot, seconds=60, last_look=stale)
    assert found_in(session_factory, pilot, ids["e-0"])["incumbent"].found == ONLY_REFUSAL
    changed = with_own_check(session_factory, pilot)
    assert find_in_settled(session_factory, changed, seconds=60, last_look=last)
    assert OWN_LABEL in found_in(session_factory, pilot, ids["e-4"])["qwen"].found


def test_a_turn_under_traffic_trusts_what_the_process_knows_and_one_that_settles_nothing_does_not(
    session_factory: SessionFactory,
) -> None:
    pilot, ids = a_running_pilot(session_factory)
    limits = GradingLimits(last_look=LastLook())
    grade_pilot(session_factory, pilot.id, limits)
    before = found_in(session_factory, pilot, ids["e-0"])
    with session_scope(session_factory) as session:
        session.execute(text("DELETE FROM reply_findings WHERE exchange_id = :number"), {"number": ids["e-0"]})
        session.execute(text("UPDATE pairs SET state = 'pending', rule = NULL WHERE exchange_id = :it"), {"it": ids["e-1"]})
    grade_pilot(session_factory, pilot.id, limits)
    assert found_in(session_factory, pilot, ids["e-0"]) == {}
    grade_pilot(session_factory, pilot.id, limits)
    assert found_in(session_factory, pilot, ids["e-0"]) == before != {}


def test_a_turn_that_has_no_time_left_says_that_there_is_more(session_factory: SessionFactory) -> None:
    pilot, _ = a_running_pilot(session_factory)
    assert not find_in_settled(session_factory, pilot, seconds=0)


def test_where_no_text_is_kept_what_the_mirror_found_counts_in_its_segment_alone(session_factory: SessionFactory) -> None:
    own = OWN | {"segment": "mail"}
    segments = [{"name": "mail", "match": {"path": "mail"}}]
    more = [
        StoredPair(f"e-{segment}", YES, YES, a_request(), segment=segment, arrived_at=START) for segment in ("mail", "other")
    ]
    pilot, ids = a_running_pilot(session_factory, more=more, check=[own], segment=segments)
    noted = Findings(frozenset({REFUSAL, CUT, OWN_LABEL}), frozenset({CUT, OWN_LABEL}))
    checks = {"text_digest": "x", "tools_digest": None, "violation": None, FINDINGS: noted.body}
    with session_scope(session_factory, Published()) as session:
        session.execute(delete(PayloadRow))
        session.execute(update(ReplyRow).values(checks=checks))
    settle_without_model(session_factory, pilot)
    assert found_in(session_factory, pilot, ids["e-mail"])["qwen"] == noted
    others = Findings(noted.checked - {OWN_LABEL}, frozenset({CUT}))
    assert found_in(session_factory, pilot, ids["e-other"])["incumbent"] == others
