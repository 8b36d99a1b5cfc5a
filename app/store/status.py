"""How much of a pilot is there: counts for people, cheap enough to ask often."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.store.hours import counting
from app.store.tables import ArmRow, ExchangeRow, HoursRow, LabelRow, PairRow, ReplyRow
from app.store.work_tables import SpendRow


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """One candidate: replies and failures that are stored, and how far its pairs are graded."""

    replies: int
    failures: int
    settled: int
    pending: int
    ungraded: int


@dataclass(frozen=True, slots=True)
class PilotCounts:
    """What is stored of a pilot; `spend_usd` `None` = a call was made whose price is unknown."""

    exchanges: int
    conversations: int
    oldest: datetime | None
    newest: datetime | None
    arms: dict[str, ArmCounts]
    labels: int
    hours: Decimal
    spend_usd: Decimal | None
    by_segment: dict[str, int]


def count_pilot(session: Session, pilot_id: int) -> PilotCounts:
    """Counts what is stored."""
    exchange = session.execute(
        select(
            func.count(), func.count(ExchangeRow.conversation_id.distinct()),
            func.min(ExchangeRow.arrived_at), func.max(ExchangeRow.arrived_at),
        ).where(ExchangeRow.pilot_id == pilot_id)
    ).one()  # fmt: skip
    labels = session.scalar(select(func.count()).select_from(LabelRow).where(LabelRow.pilot_id == pilot_id)) or 0
    hours = select(func.sum(HoursRow.hours)).where(HoursRow.pilot_id == pilot_id, *counting())
    segments = select(ExchangeRow.segment, func.count()).where(ExchangeRow.pilot_id == pilot_id).group_by(ExchangeRow.segment)
    return PilotCounts(
        *exchange,
        arms=_arm_counts(session, pilot_id),
        labels=labels,
        hours=session.scalar(hours) or Decimal(0),
        spend_usd=spend_of(session, pilot_id),
        by_segment={row[0]: row[1] for row in session.execute(segments.order_by(ExchangeRow.segment))},
    )


def spend_of(session: Session, pilot_id: int) -> Decimal | None:
    """What the pilot itself spent; `None` if the price of a call is unknown."""
    row = session.execute(
        select(func.count() - func.count(SpendRow.usd), func.sum(SpendRow.usd)).where(SpendRow.pilot_id == pilot_id)
    ).one()
    return None if row[0] else row[1] or Decimal(0)


def exchanges_of_segment(session: Session, pilot_id: int, segment: str) -> int:
    """How many stored exchanges a segment has."""
    query = select(func.count()).where(ExchangeRow.pilot_id == pilot_id, ExchangeRow.segment == segment)
    return session.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class SegmentHistory:
    """Conversations of a segment that are stored; a conversation belongs to its first exchange's segment and day."""

    conversations: int
    in_window: int


def conversations_by_segment(session: Session, pilot: Pilot) -> dict[str, SegmentHistory]:
    """The stored conversations that take part, by segment."""
    rate = pilot.configuration.sampling.rate
    first = (
        select(ExchangeRow.segment, ExchangeRow.arrived_at)
        .where(ExchangeRow.pilot_id == pilot.id, ExchangeRow.sample_point < rate)
        .ext(distinct_on(ExchangeRow.conversation_id))
        .order_by(ExchangeRow.conversation_id, ExchangeRow.arrived_at, ExchangeRow.external_id)
        .subquery()
    )
    inside = and_(first.c.arrived_at >= pilot.starts_at, first.c.arrived_at < pilot.ends_at)
    query = select(first.c.segment, func.count(), func.count().filter(inside)).group_by(first.c.segment)
    return {row[0]: SegmentHistory(row[1], row[2]) for row in session.execute(query)}


def exchanges_outside(session: Session, pilot: Pilot) -> int:
    """How many stored exchanges lie outside the window."""
    if pilot.starts_at is None or pilot.ends_at is None:
        return 0
    outside = or_(ExchangeRow.arrived_at < pilot.starts_at, ExchangeRow.arrived_at >= pilot.ends_at)
    return session.scalar(select(func.count()).where(ExchangeRow.pilot_id == pilot.id, outside)) or 0


def replies_of_arm(session: Session, arm_id: int) -> int:
    """How many stored replies an arm has."""
    return session.scalar(select(func.count()).select_from(ReplyRow).where(ReplyRow.arm_id == arm_id)) or 0


def _arm_counts(session: Session, pilot_id: int) -> dict[str, ArmCounts]:
    replies = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(ReplyRow.arm_id, func.count(), func.count(ReplyRow.failure))
            .where(ReplyRow.pilot_id == pilot_id)
            .group_by(ReplyRow.arm_id)
        )
    }
    settled = func.count().filter(PairRow.state == "settled")
    pairs = {
        row[0]: (row[1], row[2], row[3])
        for row in session.execute(
            select(PairRow.arm_id, settled, func.count().filter(PairRow.state == "pending"), func.count(PairRow.ungraded))
            .where(PairRow.pilot_id == pilot_id)
            .group_by(PairRow.arm_id)
        )
    }
    arms = session.execute(select(ArmRow.id, ArmRow.name).where(ArmRow.pilot_id == pilot_id).order_by(ArmRow.id))
    return {name: ArmCounts(*replies.get(arm, (0, 0)), *pairs.get(arm, (0, 0, 0))) for arm, name in arms}
