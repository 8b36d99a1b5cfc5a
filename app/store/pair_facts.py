"""What is stored of single pairs, for people who look at them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.domain.exchange import Json
from app.domain.grading import ANCHOR, PairKey
from app.store.grading_tables import RubricScoreRow
from app.store.quoted import opened_facts, quotes
from app.store.tables import ExchangeRow, GradeRow, LabelRow, PairRow, ReplyRow
from app.store.texts import texts_of

MOST_TURNS = 200


@dataclass(frozen=True, slots=True)
class PairLine:
    """One pair in a list.

    Attributes:
        preference: What counts of it; `None` = none.
        facts: What the deterministic steps found.
        labels: How many people answered, and the mean of their answers.
        is_critical: A person marked the arm's reply.
    """

    key: PairKey
    external_id: str
    conversation_id: str
    turn: int | None
    segment: str
    arrived_at: datetime
    is_settled: bool
    rule: str | None
    preference: float | None
    ungraded: str | None
    facts: Json
    failure: str | None
    incumbent_failure: str | None
    chars: int | None
    incumbent_chars: int | None
    labels: int
    label_mean: float | None
    is_critical: bool


_LINES = text("""
SELECT p.exchange_id, p.arm_id, e.external_id, e.conversation_id, e.turn, e.segment, e.arrived_at,
    p.state = 'settled' AS is_settled, p.rule, CASE WHEN p.state = 'settled' THEN p.final_preference END AS preference,
    p.ungraded, p.facts, r.failure, i.failure AS incumbent_failure, r.content_chars AS chars,
    i.content_chars AS incumbent_chars, l.labels, l.mean AS label_mean, coalesce(l.critical, false) AS is_critical
FROM unnest(CAST(:exchanges AS bigint[]), CAST(:arms AS bigint[])) WITH ORDINALITY AS k(exchange_id, arm_id, number)
JOIN pairs p ON p.exchange_id = k.exchange_id AND p.arm_id = k.arm_id
JOIN exchanges e ON e.id = k.exchange_id AND e.pilot_id = :pilot
LEFT JOIN replies r ON r.exchange_id = k.exchange_id AND r.arm_id = k.arm_id
LEFT JOIN replies i ON i.exchange_id = k.exchange_id AND i.arm_id = :incumbent
CROSS JOIN LATERAL (
    SELECT count(l.value) AS labels, avg(l.value) AS mean, bool_or(l.critical) AS critical FROM labels l
    WHERE l.exchange_id = k.exchange_id AND l.arm_id = k.arm_id
) AS l
ORDER BY k.number
""")


def pair_lines(session: Session, pilot_id: int, incumbent: int, keys: Sequence[PairKey]) -> list[PairLine]:
    """These pairs, in the same order; one that is not there (any more), or another pilot's, is left out."""
    parameters = {
        "pilot": pilot_id,
        "incumbent": incumbent,
        "exchanges": [key.exchange_id for key in keys],
        "arms": [key.arm_id for key in keys],
    }
    rows = session.execute(_LINES, parameters) if keys else ()
    found = [PairLine(PairKey(row.exchange_id, row.arm_id), *row[2:]) for row in rows]
    texts = texts_of(session)
    return [replace(line, facts=opened_facts(texts, pilot_id, line.facts)) if quotes(line.facts) else line for line in found]


@dataclass(frozen=True, slots=True)
class StoredReplyFacts:
    """The narrow facts of one reply; `None` = nobody knows."""

    arm_id: int
    source: str
    failure: str | None
    status: int | None
    finish_reason: str | None
    model: str | None
    content_chars: int | None
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    service_tier: str | None
    cost_usd: Decimal | None
    price_version: str | None
    ttft_any_seconds: float | None
    ttft_visible_seconds: float | None
    total_seconds: float | None
    queue_lag_seconds: float | None
    adaptation: list[Json]
    caused_by_adaptation: bool


@dataclass(frozen=True, slots=True)
class StoredOpinion:
    """What one grader said of a pair in one order, with its words."""

    grader: str
    rater: str
    version: str
    shown_first: str | None
    value: float | None
    ungraded: str | None
    reason: str | None
    facts: Json
    at: datetime
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class StoredWord:
    """What one person said of a pair."""

    rater: str
    value: float | None
    skipped: str | None
    critical: bool | None
    incumbent_critical: bool | None
    reason: str | None
    source: str
    at: datetime
    draw_probability: float | None
    shown_first: str | None


@dataclass(frozen=True, slots=True)
class StoredScore:
    """A rubric's score of one reply, with its evidence."""

    arm_id: int
    grader: str
    rater: str
    version: str
    value: float | None
    ungraded: str | None
    reason: str
    met: list[float]
    evidence: list[str]
    quoted: list[bool]


@dataclass(frozen=True, slots=True)
class Turn:
    """Another exchange of the same conversation; `is_this` = the one that is looked at."""

    exchange_id: int
    external_id: str
    turn: int | None
    arrived_at: datetime
    is_this: bool


def reply_facts(session: Session, exchange_id: int, arms: Sequence[int]) -> dict[int, StoredReplyFacts]:
    """The facts of some arms' replies to one exchange, by arm."""
    columns = [getattr(ReplyRow, name) for name in StoredReplyFacts.__slots__]
    query = select(*columns).where(ReplyRow.exchange_id == exchange_id, ReplyRow.arm_id.in_(arms))
    return {row.arm_id: StoredReplyFacts(*row) for row in session.execute(query)}


def opinions_of(session: Session, key: PairKey) -> list[StoredOpinion]:
    """Every grade of a pair, oldest first; those that watch the judge over time are not among them."""
    columns = [getattr(GradeRow, name) for name in StoredOpinion.__slots__]
    query = select(GradeRow.pilot_id, *columns).where(GradeRow.exchange_id == key.exchange_id, GradeRow.arm_id == key.arm_id)
    rows = session.execute(query.where(GradeRow.grader != ANCHOR).order_by(GradeRow.id)).all()
    texts = texts_of(session)
    found = [(row.pilot_id, StoredOpinion(*row[1:])) for row in rows]
    return [replace(said, reason=texts.open_words(pilot, said.reason) if said.reason else None) for pilot, said in found]


def words_of(session: Session, key: PairKey) -> list[StoredWord]:
    """What people said of a pair, oldest first."""
    columns = [getattr(LabelRow, name) for name in StoredWord.__slots__]
    query = select(*columns).where(LabelRow.exchange_id == key.exchange_id, LabelRow.arm_id == key.arm_id)
    return [StoredWord(*row) for row in session.execute(query.order_by(LabelRow.at, LabelRow.id))]


def scores_of(session: Session, exchange_id: int, arms: Sequence[int]) -> list[StoredScore]:
    """Every rubric's score of these arms' replies."""
    t = RubricScoreRow
    columns = (getattr(t, name) for name in StoredScore.__slots__)
    query = select(t.pilot_id, *columns).where(t.exchange_id == exchange_id, t.arm_id.in_(arms))
    rows = session.execute(query.order_by(t.grader, t.version, t.arm_id)).all()
    texts = texts_of(session)
    return [
        replace(
            StoredScore(*row[1:]),
            reason=texts.open_words(row.pilot_id, row.reason) or "",
            evidence=[texts.open_words(row.pilot_id, each) or "" for each in row.evidence],
        )
        for row in rows
    ]


def turns_of(session: Session, pilot_id: int, conversation_id: str, exchange_id: int) -> list[Turn]:
    """The exchanges of a conversation in their order; at most `MOST_TURNS`."""
    t = ExchangeRow
    query = select(t.id, t.external_id, t.turn, t.arrived_at, t.id == exchange_id)
    query = query.where(t.pilot_id == pilot_id, t.conversation_id == conversation_id)
    return [Turn(*row) for row in session.execute(query.order_by(t.arrived_at, t.id).limit(MOST_TURNS))]


def arms_with_pairs(session: Session, exchange_id: int) -> list[int]:
    """The arms whose replies were paired with the incumbent's."""
    return list(session.scalars(select(PairRow.arm_id).where(PairRow.exchange_id == exchange_id).order_by(PairRow.arm_id)))


def raw_texts(session: Session, exchange_ids: Sequence[int]) -> set[tuple[int, int]]:
    """Of which texts (exchange, arm) anything is kept."""
    query = text("""
    SELECT x.exchange_id, x.arm_id FROM exchanges e JOIN payloads x ON x.exchange_id = e.id AND x.arrived_at = e.arrived_at
    WHERE e.id = ANY(CAST(:ids AS bigint[]))""")
    rows: Any = session.execute(query, {"ids": list(exchange_ids)}) if exchange_ids else ()
    return {(row.exchange_id, row.arm_id) for row in rows}
