"""When production's requests arrived, for a rehearsal to send some of them again."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from app.domain.evidence import Floats, Numbers
from app.domain.measures import CLIENT_STATUSES, SERVER_FAULTS
from app.domain.pilot import Arm, Pilot
from app.domain.words import CoverageReason, FailureKind, Source
from app.store.binary_rows import FLOAT, MOMENT, NUMBER, RowQuery, read_rows
from app.store.tables import ExchangeRow, ReplyRow

_ARRIVALS = RowQuery(
    {
        "id": NUMBER,
        "arrived_at": MOMENT,
        "1 / (inclusion_probability * least(%(rate)s, coalesce(sampling_rate, 1)))": FLOAT,
    },
    (),
    "FROM exchanges WHERE pilot_id = %(pilot)s AND reason = %(captured)s AND sample_point < %(rate)s"
    " AND (%(starts)s::timestamptz IS NULL OR arrived_at >= %(starts)s)"
    " AND (%(ends)s::timestamptz IS NULL OR arrived_at < %(ends)s)",
)


def read_arrivals(session: Session, pilot: Pilot) -> tuple[Numbers, Numbers, Floats]:
    """Captured and sampled requests of the window: numbers, arrivals in microseconds since 1970, and weights, by arrival.

    A weight is how many of production's requests one stands for.
    """
    (ids, arrived_us, weights), _ = read_rows(
        session,
        _ARRIVALS,
        {
            "pilot": pilot.id,
            "captured": CoverageReason.CAPTURED.value,
            "rate": pilot.configuration.sampling.rate,
            "starts": pilot.starts_at,
            "ends": pilot.ends_at,
        },
    )
    order = np.lexsort((ids, arrived_us))
    return ids[order], arrived_us[order], weights[order]


def clients_errors(session: Session, pilot: Pilot, exchange_ids: Sequence[int]) -> set[int]:
    """Which of some requests were at fault themselves: the incumbent refused them, so that any server would."""
    query = select(ReplyRow.exchange_id).where(
        ReplyRow.exchange_id.in_(exchange_ids),
        ReplyRow.arm_id == pilot.incumbent.id,
        ReplyRow.failure == FailureKind.HTTP.value,
        ReplyRow.status.between(*CLIENT_STATUSES),
        ReplyRow.status.not_in(SERVER_FAULTS),
    )
    return set(session.scalars(query))


def count_live(session: Session, pilot: Pilot, arm: Arm, begins: datetime, ends: datetime) -> int:
    """How many requests that production sent in a stretch of time an arm was asked, as far as its replies are recorded."""
    asked = (
        select(func.count())
        .select_from(ExchangeRow)
        .join(ReplyRow, and_(ReplyRow.exchange_id == ExchangeRow.id, ReplyRow.arm_id == arm.id))
        .where(
            ExchangeRow.pilot_id == pilot.id,
            ExchangeRow.arrived_at >= begins,
            ExchangeRow.arrived_at < ends,
            ReplyRow.source == Source.LIVE.value,
            func.coalesce(ReplyRow.failure, "") != FailureKind.UNAVAILABLE.value,
        )
    )
    return session.scalar(asked) or 0
