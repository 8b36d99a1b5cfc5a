"""Pairs that a judge of the panel has still to look at."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import PairKey

# By hash, so that nothing of the pair says whether it is among them; what was begun and not finished comes again.
_CHOOSE = text("""
SELECT p.exchange_id, p.arm_id FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
WHERE p.pilot_id = :pilot AND p.arm_id = ANY(CAST(:arms AS bigint[])) AND p.state = 'settled' AND p.rule = 'grader'
    AND ('x' || substr(encode(sha256(convert_to('panel' || e.external_id, 'UTF8')), 'hex'), 1, 8))::bit(32)::bigint
        < :rate * 4294967296.0
    AND EXISTS (
        SELECT FROM grades g WHERE g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id AND g.grader = 'judge'
            AND g.rater = :judge AND g.version = :judge_version AND g.value IS NOT NULL
    )
    AND (
        SELECT count(*) + count(*) FILTER (WHERE g.value = 0.5) FROM grades g
        WHERE g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id AND g.grader = 'judge' AND g.rater = :rater
            AND g.version = :version
    ) < 2
ORDER BY sha256(convert_to('panel' || e.external_id, 'UTF8')), p.exchange_id, p.arm_id LIMIT :limit
""")


def choose_for_panel(
    session: Session,
    pilot_id: int,
    arms: list[int],
    *,
    rate: float,
    judge: tuple[str, str],
    panel: tuple[str, str],
    limit: int,
) -> list[PairKey]:
    """Pairs of these arms with a grade of the judge that the panel's judge has not finished with.

    Args:
        session: For reading.
        pilot_id: Whose.
        arms: Which arms' pairs.
        rate: Share of exchanges that the panel looks at.
        judge: Rater and version of the judge.
        panel: Rater and version of the panel's judge.
        limit: At most so many.
    """
    names = {"judge": judge[0], "judge_version": judge[1], "rater": panel[0], "version": panel[1]}
    parameters = {"pilot": pilot_id, "arms": arms, "rate": rate, "limit": limit, **names}
    return [PairKey(*row) for row in session.execute(_CHOOSE, parameters)]
