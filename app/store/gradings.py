"""Who grades what: leases on pairs, one grader a pilot, and how far each pilot is."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import GradingState, GradingStatus, PairKey
from app.store.judge_money import judge_spent
from app.store.session import SessionFactory
from app.store.turns import only_one

JUDGE_PURPOSE = "judge"

_CLAIM = text("""
WITH taken AS (
    SELECT exchange_id, arm_id FROM pairs
    WHERE pilot_id = :pilot AND state = 'pending' AND rule = 'grader' AND (:again OR NOT is_again)
        AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
    ORDER BY exchange_id, arm_id LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE pairs p SET claimed_by = :worker, claimed_until = clock_timestamp() + make_interval(secs => :lease)
FROM taken t WHERE p.exchange_id = t.exchange_id AND p.arm_id = t.arm_id
RETURNING p.exchange_id, p.arm_id
""")
# Rows that are locked are being touched, and thereby freed. No lease = given back.
_KEEP = text("""
WITH mine AS (
    SELECT exchange_id, arm_id FROM pairs
    WHERE pilot_id = :pilot AND state = 'pending' AND claimed_by = :worker FOR UPDATE SKIP LOCKED
)
UPDATE pairs p SET claimed_until = clock_timestamp() + make_interval(secs => CAST(:lease AS float8)),
    claimed_by = CASE WHEN CAST(:lease AS float8) IS NOT NULL THEN p.claimed_by END
FROM mine m WHERE p.exchange_id = m.exchange_id AND p.arm_id = m.arm_id
""")
_PENDING = text("""
SELECT count(*), count(*) FILTER (WHERE claimed_until IS NULL OR claimed_until < clock_timestamp())
FROM pairs WHERE pilot_id = :pilot AND state = 'pending'
""")
_ALL_AGAIN = text("""
SELECT EXISTS (SELECT FROM pairs WHERE pilot_id = :pilot AND state = 'pending')
    AND NOT EXISTS (SELECT FROM pairs WHERE pilot_id = :pilot AND state = 'pending' AND NOT is_again)
""")
_BEGIN = text("""
INSERT INTO gradings (pilot_id, state) VALUES (:pilot, 'running')
ON CONFLICT (pilot_id) DO UPDATE SET state = 'running', problem = '', asked_at = now(), finished_at = NULL
""")
_END = text("""
INSERT INTO gradings (pilot_id, state, problem, finished_at) VALUES (:pilot, :state, :problem, clock_timestamp())
ON CONFLICT (pilot_id) DO UPDATE SET state = excluded.state, problem = excluded.problem, finished_at = excluded.finished_at
""")
_WAIT = text("""
INSERT INTO gradings (pilot_id, state, problem, finished_at) VALUES (:pilot, 'running', :problem, clock_timestamp())
ON CONFLICT (pilot_id) DO UPDATE SET state = 'running', problem = excluded.problem, finished_at = excluded.finished_at
""")
_GO_ON = text(
    "UPDATE gradings SET problem = '', finished_at = NULL WHERE pilot_id = :pilot AND state = 'running' AND problem <> ''"
)
# A grading that stopped, or waits for money or room, is tried again now and then: somebody may have set the key or raised the
# limit meanwhile. One that made room for others goes on as soon as it is asked for.
_UNFINISHED = text("""
SELECT p.id FROM pilots p LEFT JOIN gradings g ON g.pilot_id = p.id
WHERE (p.state = 'running' OR p.state = 'draft' AND g.state = 'running')
    AND NOT (coalesce(g.problem, '') NOT IN ('', :at_once) AND g.finished_at > clock_timestamp() - make_interval(mins => 5))
    AND (g.state = 'running' OR EXISTS (SELECT FROM pairs x WHERE x.pilot_id = p.id AND x.state = 'pending'))
    AND NOT EXISTS (
        SELECT FROM pairs x WHERE x.pilot_id = p.id AND x.state = 'pending' AND x.claimed_until >= clock_timestamp()
    )
ORDER BY p.id
""")
_COUNT = text("""
SELECT state, ungraded, facts ->> 'left_out', count(*) FROM pairs WHERE pilot_id = :pilot GROUP BY 1, 2, 3
""")
_STATE = text("SELECT state, problem FROM gradings WHERE pilot_id = :pilot")


def claim_pairs(
    session: Session, pilot_id: int, *, worker: str, lease_seconds: float, limit: int, again: bool = True
) -> list[PairKey]:
    """Takes pairs that a model has to be asked about and that nobody holds.

    Args:
        session: The transaction.
        pilot_id: Whose pairs.
        worker: Who takes them.
        lease_seconds: For how long.
        limit: How many at most.
        again: Also pairs that were judged before.
    """
    parameters = {"pilot": pilot_id, "worker": worker, "lease": lease_seconds, "limit": limit, "again": again}
    return sorted(PairKey(*row) for row in session.execute(_CLAIM, parameters))


def is_all_again(session: Session, pilot_id: int) -> bool:
    """Whether every pair that is pending was judged before, and there is one."""
    return bool(session.scalar(_ALL_AGAIN, {"pilot": pilot_id}))


def prolong_claims(session: Session, pilot_id: int, *, worker: str, lease_seconds: float) -> None:
    """The worker is alive: its pairs stay its own."""
    session.execute(_KEEP, {"pilot": pilot_id, "worker": worker, "lease": lease_seconds})


def release_claims(session: Session, pilot_id: int, *, worker: str) -> None:
    """Gives back what the worker holds and did not settle."""
    session.execute(_KEEP, {"pilot": pilot_id, "worker": worker, "lease": None})


def count_pending(session: Session, pilot_id: int) -> tuple[int, int]:
    """How many pairs are pending, and how many of them nobody holds."""
    pending, free = session.execute(_PENDING, {"pilot": pilot_id}).one()
    return pending, free


def begin_grading(session: Session, pilot_id: int) -> None:
    """A grading is asked for."""
    session.execute(_BEGIN, {"pilot": pilot_id})


def end_grading(session: Session, pilot_id: int, state: GradingState, problem: str = "") -> None:
    """A grading is done, or stopped with a problem."""
    session.execute(_END, {"pilot": pilot_id, "state": state.value, "problem": problem})


def wait_grading(session: Session, pilot_id: int, problem: str) -> None:
    """The grading goes on later, by itself: `problem` says what it waits for; "" = it goes on."""
    if problem:
        session.execute(_WAIT, {"pilot": pilot_id, "problem": problem})
    else:
        session.execute(_GO_ON, {"pilot": pilot_id})


def unfinished_gradings(session: Session, *, at_once: str = "") -> list[int]:
    """Pilots with pending pairs that nobody is at, and gradings whose worker died.

    Args:
        session: The transaction.
        at_once: What a grading may wait for that is over by now; others that wait are left alone for some minutes.
    """
    return list(session.scalars(_UNFINISHED, {"at_once": at_once}))


def grading_status(session: Session, pilot_id: int) -> GradingStatus:
    """How far the grading of a pilot is."""
    rows = [tuple(row) for row in session.execute(_COUNT, {"pilot": pilot_id})]
    ungraded: dict[str, int] = {}
    left_out: dict[str, int] = {}
    for state, reason, left, count in rows:
        if state == "settled" and reason is not None:
            ungraded[reason] = ungraded.get(reason, 0) + count
        if state == "settled" and left is not None:
            left_out[left] = left_out.get(left, 0) + count
    pairs = sum(row[3] for row in rows)
    settled = sum(row[3] for row in rows if row[0] == "settled")
    state, problem = session.execute(_STATE, {"pilot": pilot_id}).one_or_none() or (GradingState.IDLE.value, "")
    money = judge_spent(session, pilot_id, datetime.now(UTC))
    return GradingStatus(
        pairs, settled, pairs - settled, ungraded, left_out, money.calls, money.usd, GradingState(state), problem
    )


def waits_for(session: Session, pilot_id: int) -> str:
    """What a grading that is under way waits for; "" = nothing."""
    state, problem = session.execute(_STATE, {"pilot": pilot_id}).one_or_none() or ("", "")
    return str(problem) if state == GradingState.RUNNING.value else ""


def only_grader(session_factory: SessionFactory, pilot_id: int) -> AbstractContextManager[bool]:
    """Whether this process is the one that grades the pilot, until the end of the block."""
    return only_one(session_factory, f"parallel-pilot-grading-{pilot_id}")
