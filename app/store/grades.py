"""Pairs read for grading, their grades, and what became of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.domain.exchange import Failure, Json, Reply
from app.domain.grading import IMPORTED, NewGrade, PairKey, PairRecord, Settlement, StoredGrade
from app.domain.payload import tool_calls_of
from app.domain.pilot import Pilot
from app.domain.rubric_scores import Score
from app.domain.words import FailureKind
from app.store.pairs import HAS_TEXT
from app.store.payloads import REFERENCE_ARM, REQUEST_ARM, read_payloads
from app.store.quoted import quotes, sealed_facts
from app.store.rubric_scores import forget_unanswered, read_scores
from app.store.text_removal import forget_late
from app.store.texts import texts_of

GRADED_HERE = "graded"
BEFORE_ALL = PairKey(0, 0)

_PILOT_OF = text("SELECT pilot_id FROM exchanges WHERE id = :exchange")
_LOCK = text("""
SELECT exchange_id, arm_id FROM pairs
WHERE pilot_id = :pilot AND state = 'pending' AND rule IS NULL AND (exchange_id, arm_id) > (:exchange, :arm)
ORDER BY exchange_id, arm_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_READ = text("""
SELECT k.exchange_id, k.arm_id, e.external_id, e.arrived_at, e.segment, e.reason, e.sample_point, e.text_erased_at,
       i.exchange_id IS NOT NULL AS has_incumbent, i.failure AS i_failure, i.status AS i_status,
       i.caused_by_adaptation AS i_adaptation, i.checks AS i_checks, r.checks,
       i.finish_reason AS i_finish_reason, r.finish_reason,
       r.exchange_id IS NOT NULL AS has_other, r.failure, r.status, r.caused_by_adaptation
FROM unnest(CAST(:exchanges AS bigint[]), CAST(:arms AS bigint[])) WITH ORDINALITY AS k(exchange_id, arm_id, number)
JOIN exchanges e ON e.id = k.exchange_id
LEFT JOIN replies i ON i.exchange_id = k.exchange_id AND i.arm_id = :incumbent
LEFT JOIN replies r ON r.exchange_id = k.exchange_id AND r.arm_id = k.arm_id
ORDER BY k.number
""")
_GRADES = text("""
SELECT exchange_id, arm_id, version, shown_first, value, ungraded FROM grades
WHERE exchange_id = ANY(CAST(:exchanges AS bigint[])) AND grader = 'judge' AND rater = :rater
ORDER BY id
""")
_INSERT = text("""
INSERT INTO grades (pilot_id, exchange_id, arm_id, grader, rater, version, shown_first, value, ungraded, reason, facts,
    source, at, cost_usd)
SELECT :pilot, n.exchange_id, n.arm_id, n.grader, n.rater, n.version, n.shown_first, n.value, n.ungraded, n.reason,
    CAST(n.facts AS jsonb), :source, n.at, n.cost_usd
FROM unnest(
    CAST(:exchange_ids AS bigint[]), CAST(:arm_ids AS bigint[]), CAST(:graders AS text[]), CAST(:raters AS text[]),
    CAST(:versions AS text[]), CAST(:orders AS text[]), CAST(:values AS float8[]), CAST(:ungraded AS text[]),
    CAST(:reasons AS text[]), CAST(:facts AS text[]), CAST(:times AS timestamptz[]), CAST(:costs AS numeric[])
) AS n(exchange_id, arm_id, grader, rater, version, shown_first, value, ungraded, reason, facts, at, cost_usd)
ON CONFLICT DO NOTHING
""")
# A row that is locked is being touched: what was found out about it is out of date.
_SETTLE = text("""
WITH s AS (
    SELECT n.* FROM unnest(
        CAST(:exchange_ids AS bigint[]), CAST(:arm_ids AS bigint[]), CAST(:settled AS bool[]), CAST(:rules AS text[]),
        CAST(:preferences AS float8[]), CAST(:ungraded AS text[]), CAST(:facts AS text[]), CAST(:graded AS float8[])
    ) AS n(exchange_id, arm_id, is_settled, rule, preference, ungraded, facts, graded)
), mine AS (
    SELECT p.exchange_id, p.arm_id FROM pairs p JOIN s ON p.exchange_id = s.exchange_id AND p.arm_id = s.arm_id
    WHERE p.state = 'pending' AND p.claimed_by IS NOT DISTINCT FROM CAST(:worker AS text)
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE pairs p SET state = CASE WHEN s.is_settled THEN 'settled' ELSE 'pending' END,
    rule = s.rule, preference = s.preference, ungraded = s.ungraded, facts = CAST(s.facts AS jsonb),
    claimed_until = NULL, claimed_by = NULL, settled_at = CASE WHEN s.is_settled THEN now() END,
    final_preference = coalesce(s.preference, s.graded), is_again = p.is_again AND NOT s.is_settled,
    length_difference = (
        SELECT r.content_chars - i.content_chars FROM replies r
        JOIN replies i ON i.exchange_id = r.exchange_id JOIN arms a ON a.id = i.arm_id AND a.role = 'incumbent'
        WHERE r.exchange_id = p.exchange_id AND r.arm_id = p.arm_id
    )
FROM s JOIN mine USING (exchange_id, arm_id)
WHERE p.exchange_id = s.exchange_id AND p.arm_id = s.arm_id
""")


def lock_undecided(session: Session, pilot_id: int, *, after: PairKey, limit: int) -> list[PairKey]:
    """Pending pairs that nobody has looked at yet, locked until the end of the transaction."""
    parameters = {"pilot": pilot_id, "exchange": after.exchange_id, "arm": after.arm_id, "limit": limit}
    return [PairKey(*row) for row in session.execute(_LOCK, parameters)]


def read_pairs(session: Session, pilot: Pilot, keys: Sequence[PairKey], *, rater: str | None) -> list[PairRecord]:
    """The pairs of these keys, in the same order, with the grades and scores of one rater (the judge's)."""
    if not keys:
        return []
    exchanges = sorted({key.exchange_id for key in keys})
    payloads = read_payloads(session, exchanges)
    grades = _read_grades(session, exchanges, rater) if rater is not None else {}
    has_rubrics = bool(pilot.configuration.rubric) and rater is not None
    scores = read_scores(session, exchanges, rater=rater or "") if has_rubrics else {}
    parameters = {
        "exchanges": [key.exchange_id for key in keys],
        "arms": [key.arm_id for key in keys],
        "incumbent": pilot.incumbent.id,
    }
    return [_record(row, pilot.incumbent.id, payloads, grades, scores) for row in session.execute(_READ, parameters)]


def insert_grades(session: Session, pilot_id: int, grades: Sequence[NewGrade]) -> None:
    """Stores grades; one that is there already stays as it is."""
    if not grades:
        return
    grades = sorted(grades, key=lambda grade: grade.key)  # one order for all: no deadlocks
    cipher = texts_of(session).sealing(pilot_id) if any(grade.reason for grade in grades) else None
    parameters = {
        "pilot": pilot_id,
        "source": GRADED_HERE,
        "exchange_ids": [grade.key.exchange_id for grade in grades],
        "arm_ids": [grade.key.arm_id for grade in grades],
        "graders": [grade.grader for grade in grades],
        "raters": [grade.rater for grade in grades],
        "versions": [grade.version for grade in grades],
        "orders": [grade.shown_first for grade in grades],
        "values": [grade.value for grade in grades],
        "ungraded": [grade.ungraded for grade in grades],
        "reasons": [cipher.seal_words(grade.reason) if cipher is not None and grade.reason else None for grade in grades],
        "facts": [orjson.dumps(grade.facts).decode() for grade in grades],
        "times": [grade.at for grade in grades],
        "costs": [grade.cost_usd for grade in grades],
    }
    session.execute(_INSERT, parameters)
    forget_late(session, {grade.key.exchange_id for grade in grades})


def save_settlements(session: Session, settlements: Sequence[Settlement], *, worker: str | None = None) -> None:
    """Writes what became of pending pairs; a pair that somebody else has touched or claimed meanwhile stays pending.

    Args:
        session: The transaction; `lock_undecided` or a lease must have gone before.
        settlements: At most one a pair.
        worker: Whose lease the pairs are under; `None` = nobody's.
    """
    if not settlements:
        return
    parameters = {
        "worker": worker,
        "exchange_ids": [each.key.exchange_id for each in settlements],
        "arm_ids": [each.key.arm_id for each in settlements],
        "settled": [each.is_settled for each in settlements],
        "rules": [each.rule.value if each.rule else None for each in settlements],
        "preferences": [each.preference for each in settlements],
        "ungraded": [each.ungraded for each in settlements],
        "facts": [orjson.dumps(each).decode() for each in _stored_facts(session, settlements)],
        "graded": [each.graded for each in settlements],
    }
    session.execute(_SETTLE, parameters)
    forget_late(session, {each.key.exchange_id for each in settlements if quotes(each.facts)})


def _stored_facts(session: Session, settlements: Sequence[Settlement]) -> list[dict[str, Any]]:
    """Facts with what may quote sealed; all pairs are of one pilot."""
    quoting = next((each for each in settlements if quotes(each.facts)), None)
    if quoting is None:
        return [dict(each.facts) for each in settlements]
    pilot_id = session.scalars(_PILOT_OF, {"exchange": quoting.key.exchange_id}).one()
    cipher = texts_of(session).sealing(pilot_id)
    return [sealed_facts(cipher, each.facts) for each in settlements]


# Rows that are locked are being touched, and thereby reopened.
_REOPEN_LEFT_OUT = text("""
WITH back AS (
    SELECT p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
    WHERE p.pilot_id = :pilot AND p.state = 'settled' AND p.rule IS NULL AND (
        p.facts ->> 'left_out' = 'not_sampled' AND e.sample_point < :rate
        OR p.facts ->> 'left_out' = 'outside_window'
            AND (CAST(:starts AS timestamptz) IS NULL OR e.arrived_at >= :starts AND e.arrived_at < :ends)
    )
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE pairs p SET state = 'pending', facts = '{}', settled_at = NULL
FROM back b WHERE p.exchange_id = b.exchange_id AND p.arm_id = b.arm_id
""")
# Answers that say nothing of the pair: asked again when a grading is asked for. What the judge answered stays answered.
_REOPEN_UNANSWERED = text(f"""
WITH gone AS (
    DELETE FROM grades WHERE pilot_id = :pilot AND (grader = 'judge' OR grader LIKE 'rubric:%') AND version <> :imported
        AND ungraded IS NOT NULL AND ungraded <> ALL(CAST(:final AS text[])) AND {HAS_TEXT.format("grades")}
    RETURNING exchange_id, arm_id
), back AS (
    SELECT p.exchange_id, p.arm_id FROM pairs p
    WHERE p.pilot_id = :pilot AND p.state = 'settled' AND {HAS_TEXT.format("p")}
        AND (p.facts ? 'unasked' OR (p.exchange_id, p.arm_id) IN (SELECT exchange_id, arm_id FROM gone))
    FOR UPDATE OF p SKIP LOCKED
)
UPDATE pairs p SET state = 'pending', rule = NULL, preference = NULL, ungraded = NULL, facts = '{{}}', settled_at = NULL,
    is_again = true
FROM back b WHERE p.exchange_id = b.exchange_id AND p.arm_id = b.arm_id
""")  # noqa: S608 - our own words


def reopen_left_out(session: Session, pilot: Pilot) -> None:
    """Pairs that were left out because of a sampling rate or a window that have changed since are looked at again."""
    parameters = {
        "pilot": pilot.id,
        "rate": pilot.configuration.sampling.rate,
        "starts": pilot.starts_at,
        "ends": pilot.ends_at,
    }
    session.execute(_REOPEN_LEFT_OUT, parameters)


def reopen_unanswered(session: Session, pilot_id: int, *, final: Iterable[str]) -> None:
    """Pairs that a judge did not answer, or was not asked for lack of money, are pending again.

    Args:
        session: The transaction.
        pilot_id: Whose pairs.
        final: Reasons that are the judge's own answer and stay.
    """
    reasons = sorted(final)
    forget_unanswered(session, pilot_id, final=reasons)
    session.execute(_REOPEN_UNANSWERED, {"pilot": pilot_id, "imported": IMPORTED, "final": reasons})


def _read_grades(session: Session, exchanges: list[int], rater: str) -> Mapping[PairKey, list[StoredGrade]]:
    found: dict[PairKey, list[StoredGrade]] = defaultdict(list)
    for row in session.execute(_GRADES, {"exchanges": exchanges, "rater": rater}):
        grade = StoredGrade(row.version, row.shown_first, row.value, row.ungraded)
        found[PairKey(row.exchange_id, row.arm_id)].append(grade)
    return found


def _record(
    row: Row[Any],
    incumbent_arm: int,
    payloads: Mapping[tuple[int, int], Any],
    grades: Mapping[PairKey, list[StoredGrade]],
    scores: Mapping[int, list[Score]],
) -> PairRecord:
    key = PairKey(row.exchange_id, row.arm_id)
    i_failure = _failure(row.i_failure, row.i_status, adaptation=bool(row.i_adaptation))
    failure = _failure(row.failure, row.status, adaptation=bool(row.caused_by_adaptation))
    incumbent = i_failure or _reply(
        payloads.get((key.exchange_id, incumbent_arm)) if row.has_incumbent else None, row.i_finish_reason
    )
    other = failure or _reply(payloads.get((key.exchange_id, key.arm_id)) if row.has_other else None, row.finish_reason)
    return PairRecord(
        key=key,
        external_id=row.external_id,
        arrived_at=row.arrived_at,
        segment=row.segment,
        reason=row.reason,
        sample_point=row.sample_point,
        request=payloads.get((key.exchange_id, REQUEST_ARM)),
        reference=payloads.get((key.exchange_id, REFERENCE_ARM)),
        incumbent=incumbent,
        other=other,
        grades=tuple(grades.get(key, ())),
        incumbent_checks=_checks(row.i_checks),
        other_checks=_checks(row.checks),
        is_erased=row.text_erased_at is not None,
        scores=tuple(each for each in scores.get(key.exchange_id, ()) if each.arm_id in {incumbent_arm, key.arm_id}),
    )


def _checks(found: Json | None) -> Json:
    """What was found in a reply; nothing where its digests were erased."""
    return found if found and "text_digest" in found else {}


def _failure(kind: str | None, status: int | None, *, adaptation: bool) -> Failure | None:
    return None if kind is None else Failure(FailureKind(kind), status, adaptation=adaptation)


def _reply(body: Any, finish_reason: str | None) -> Reply | None:
    if body is None:
        return None
    calls = tool_calls_of(body.get("tool_calls"))
    return Reply(body.get("content"), calls, finish_reason, is_refusal=body.get("refusal") is True)
