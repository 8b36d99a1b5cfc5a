"""Pairs that a report may show: those at either end of the preferences, and any, in an order that only their own ids decide."""
# ruff: noqa: S608 - what is put in are fragments of our own

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.grading import PairKey

# So many are read in their order: some have lost their texts, some are of one conversation.
POOL = 2_000


@dataclass(frozen=True, slots=True)
class Eligible:
    """A pair of a closed day that counts.

    Attributes:
        preference: For the arm: the mean of people's answers where there are some, else what counts of the pair.
        marks: How many people marked the arm's reply as one that must never happen.
        labels: How many people answered.
        orders: In how many orders a model graded it.
    """

    key: PairKey
    external_id: str
    conversation_id: str
    segment: str
    arrived_at: datetime
    rule: str
    preference: float
    marks: int
    labels: int
    orders: int


_LABELLED = "LATERAL (SELECT count(*) FILTER (WHERE l.critical) AS marks, count(l.value) AS labels, avg(l.value) AS mean"
_COLUMNS = """c.exchange_id, c.arm_id, c.external_id, c.conversation_id, c.segment, c.arrived_at, c.rule,
    coalesce(l.mean, c.final_preference) AS preference, l.marks, l.labels, g.orders"""
_BESIDE = f"""
CROSS JOIN {_LABELLED} FROM labels l WHERE l.exchange_id = c.exchange_id AND l.arm_id = c.arm_id) AS l
CROSS JOIN LATERAL (
    SELECT count(DISTINCT g.shown_first) AS orders FROM grades g WHERE g.exchange_id = c.exchange_id AND g.arm_id = c.arm_id
        AND g.value IS NOT NULL AND g.grader <> 'anchor'
) AS g"""
_OF_CLOSED_DAYS = """
    SELECT p.exchange_id, p.arm_id, e.external_id, e.conversation_id, e.segment, e.arrived_at, p.rule, p.final_preference,
        md5(:seed || e.external_id) AS drawn
    FROM pairs p JOIN exchanges e ON e.id = p.exchange_id
    WHERE p.pilot_id = :pilot AND p.arm_id = :arm AND p.state = 'settled' AND p.final_preference IS NOT NULL
        AND e.arrived_at >= :since AND e.arrived_at < :until AND e.closed_at IS NOT NULL"""
# A failed reply has no text to look at: reliability speaks of it.
_ENDS = {
    "worst": ("p.rule <> 'failure' AND p.final_preference < 0.5", "p.final_preference"),
    "best": ("p.rule <> 'failure' AND p.final_preference > 0.5", "p.final_preference DESC"),
    "random": ("true", "md5(:seed || e.external_id)"),
}
_SPOKEN_OF = """ AND p.rule <> 'failure' AND p.exchange_id IN (
        SELECT exchange_id FROM labels WHERE pilot_id = :pilot AND arm_id = :arm AND (value IS NOT NULL OR critical)
    )"""


def eligible_pairs(
    session: Session, pilot_id: int, arm_id: int, *, end: str, since: datetime, until: datetime, seed: str
) -> list[Eligible]:
    """At most `POOL` pairs from one end (`worst`, `best`), or drawn (`random`), and for an end those that people spoke of.

    Args:
        session: For reading.
        pilot_id: Whose.
        arm_id: The candidate's.
        end: Which.
        since: Start of the first day.
        until: End of the last closed day.
        seed: Decides between equals, and draws.
    """
    condition, order = _ENDS[end]
    pools = [f"{_OF_CLOSED_DAYS} AND {condition} ORDER BY {order}, md5(:seed || e.external_id) LIMIT :most"]
    if end != "random":
        pools.append(f"{_OF_CLOSED_DAYS}{_SPOKEN_OF} ORDER BY md5(:seed || e.external_id) LIMIT :most")
    united = " UNION ".join(f"({pool})" for pool in pools)
    query = f"SELECT {_COLUMNS} FROM ({united}) AS c {_BESIDE} ORDER BY c.drawn, c.external_id"
    parameters = {"pilot": pilot_id, "arm": arm_id, "since": since, "until": until, "seed": seed, "most": POOL}
    return [Eligible(PairKey(row.exchange_id, row.arm_id), *row[2:]) for row in session.execute(text(query), parameters)]
