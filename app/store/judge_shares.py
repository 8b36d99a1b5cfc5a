"""Shares of conversations that a judge looks at, and what is needed to decide them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.exchange import Json
from app.domain.grading import PairKey
from app.domain.judge_sample import JudgeShare
from app.store.pairs import HAS_TEXT

# The stratum is the conversation's: that of its first exchange.
# Tables that were filled a moment ago have no statistics yet, and nested loops over a whole pilot take hours.
_NO_LOOPS = text("SET LOCAL enable_nestloop = off")
_FIRST = """
    SELECT DISTINCT ON (conversation_id) conversation_id, segment,
        CAST(date_trunc('week', arrived_at AT TIME ZONE 'UTC') AS date) AS week
    FROM exchanges WHERE pilot_id = :pilot AND reason = 'captured'
    ORDER BY conversation_id, arrived_at, external_id
"""
_READ = text("""
SELECT version, segment, week, share, pairs_expected, usd_expected FROM judge_shares
WHERE pilot_id = :pilot AND version = :version ORDER BY segment, week
""")
_ADD = text("""
INSERT INTO judge_shares (pilot_id, version, segment, week, share, pairs_expected, usd_expected)
VALUES (:pilot, :version, :segment, :week, :share, :pairs_expected, :usd_expected)
ON CONFLICT (pilot_id, version, segment, week) DO UPDATE SET share = greatest(judge_shares.share, excluded.share)
""")
_STRATA = text(f"""
WITH firsts AS ({_FIRST})
SELECT f.segment, f.week, count(*) AS pairs, count(DISTINCT f.conversation_id) AS conversations,
    avg(coalesce(i.content_chars, 0) + coalesce(r.content_chars, 0)) AS reply_chars,
    avg(coalesce(i.input_tokens, 0)) AS input_tokens
FROM pairs p JOIN exchanges e ON e.id = p.exchange_id AND e.pilot_id = :pilot
JOIN firsts f ON f.conversation_id = e.conversation_id
LEFT JOIN replies i ON i.exchange_id = p.exchange_id AND i.arm_id = :incumbent AND i.pilot_id = :pilot
LEFT JOIN replies r ON r.exchange_id = p.exchange_id AND r.arm_id = p.arm_id AND r.pilot_id = :pilot
WHERE p.pilot_id = :pilot AND p.state = 'pending' AND p.rule = 'grader'
GROUP BY f.segment, f.week ORDER BY f.segment, f.week
""")  # noqa: S608 - only our own texts are put together
_PENDING = text(f"""
WITH firsts AS ({_FIRST}), wanted AS (
    SELECT * FROM unnest(CAST(:segments AS text[]), CAST(:weeks AS date[])) AS w(segment, week)
)
SELECT p.exchange_id, p.arm_id, p.facts, f.conversation_id, f.segment, f.week
FROM pairs p JOIN exchanges e ON e.id = p.exchange_id AND e.pilot_id = :pilot
JOIN firsts f ON f.conversation_id = e.conversation_id
JOIN wanted w ON w.segment = f.segment AND w.week = f.week
WHERE p.pilot_id = :pilot AND p.state = 'pending' AND p.rule = 'grader' AND p.claimed_by IS NULL
    AND (p.exchange_id, p.arm_id) > (:exchange, :arm)
ORDER BY p.exchange_id, p.arm_id LIMIT :limit
""")  # noqa: S608 - as above
_LEFT_OUT = text("""
SELECT EXISTS (SELECT FROM pairs WHERE pilot_id = :pilot AND state = 'settled' AND facts ->> 'unasked' = :reason)
""")
_REOPEN = text(f"""
WITH back AS (
    SELECT exchange_id, arm_id FROM pairs WHERE {HAS_TEXT.format("pairs")}
        AND pilot_id = :pilot AND state = 'settled' AND facts ->> 'unasked' = :reason FOR UPDATE SKIP LOCKED
)
UPDATE pairs p SET state = 'pending', rule = NULL, ungraded = NULL, facts = '{{}}', settled_at = NULL
FROM back b WHERE p.exchange_id = b.exchange_id AND p.arm_id = b.arm_id
""")  # noqa: S608 - as above
_MEAN = text("""
SELECT count(DISTINCT (exchange_id, arm_id)), sum(cost_usd) FROM grades
WHERE pilot_id = :pilot AND version = :version AND source = 'graded' AND cost_usd IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pairs of one segment and week that wait for a model that grades.

    Attributes:
        pairs: How many.
        conversations: Of how many conversations.
        reply_chars: Mean length of both replies together.
        input_tokens: Mean length of the request, as the incumbent counted it; 0 where it did not.
    """

    segment: str
    week: date
    pairs: int
    conversations: int
    reply_chars: float
    input_tokens: float


@dataclass(frozen=True, slots=True)
class WaitingPair:
    """A pair that waits for a model, and the stratum of its conversation."""

    key: PairKey
    facts: Json
    conversation: str
    segment: str
    week: date


def read_shares(session: Session, pilot_id: int, version: str) -> tuple[JudgeShare, ...]:
    """What was decided for a version of the judge."""
    rows = session.execute(_READ, {"pilot": pilot_id, "version": version})
    return tuple(JudgeShare(*row) for row in rows)


def add_shares(session: Session, pilot_id: int, shares: Sequence[JudgeShare]) -> None:
    """Writes decisions down; a share that is there can only grow: what was drawn stays drawn."""
    for share in shares:
        values: dict[str, Any] = {name: getattr(share, name) for name in JudgeShare.__slots__}
        session.execute(_ADD, {"pilot": pilot_id, **values})


def waiting_strata(session: Session, pilot_id: int, incumbent_arm: int) -> list[Stratum]:
    """The strata with pairs that wait for a model."""
    session.execute(_NO_LOOPS)
    rows = session.execute(_STRATA, {"pilot": pilot_id, "incumbent": incumbent_arm})
    return [
        Stratum(row.segment, row.week, row.pairs, row.conversations, float(row.reply_chars), float(row.input_tokens))
        for row in rows
    ]


def waiting_pairs(
    session: Session, pilot_id: int, strata: Sequence[tuple[str, date]], *, after: PairKey, limit: int
) -> list[WaitingPair]:
    """Pairs of these strata that wait for a model and that nobody holds, by their keys."""
    parameters = {
        "pilot": pilot_id,
        "segments": [segment for segment, _ in strata],
        "weeks": [week for _, week in strata],
        "exchange": after.exchange_id,
        "arm": after.arm_id,
        "limit": limit,
    }
    session.execute(_NO_LOOPS)
    return [
        WaitingPair(PairKey(row.exchange_id, row.arm_id), row.facts, row.conversation_id, row.segment, row.week)
        for row in session.execute(_PENDING, parameters)
    ]


def has_left_out(session: Session, pilot_id: int, reason: str) -> bool:
    """Whether any pair is settled unasked for this reason."""
    return bool(session.scalar(_LEFT_OUT, {"pilot": pilot_id, "reason": reason}))


def reopen_left_out_as(session: Session, pilot_id: int, reason: str) -> None:
    """Pairs that were not asked about for this reason are looked at again."""
    session.execute(_REOPEN, {"pilot": pilot_id, "reason": reason})


def judged_so_far(session: Session, pilot_id: int, version: str) -> tuple[int, Decimal]:
    """How many pairs this version of the judge has graded, and what that cost."""
    pairs, usd = session.execute(_MEAN, {"pilot": pilot_id, "version": version}).one()
    return pairs, Decimal(usd or 0)
