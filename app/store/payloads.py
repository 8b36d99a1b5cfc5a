"""The text of requests and replies, in weekly partitions: retention is dropping a table."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from psycopg.errors import CheckViolation
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.store.tables import PayloadRow
from app.store.texts import texts_of

# Numbers of no arm: under them an exchange's request is kept, and its reference answer.
REQUEST_ARM, REFERENCE_ARM = 0, -1


def week_of(moment: datetime) -> datetime:
    """The Monday, 00:00 UTC, of a moment's week."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def partition_name(monday: datetime) -> str:
    """Name of the table that holds a week, e.g. `payloads_2026w45`."""
    year, week, _ = monday.isocalendar()
    return f"payloads_{year:04d}w{week:02d}"


def ensure_partitions(session: Session, moments: Iterable[datetime]) -> None:
    """Makes the weeks' tables that do not exist yet; safe when several processes do so at once."""
    mondays = sorted({week_of(moment) for moment in moments})
    wanted = {partition_name(monday): monday for monday in mondays}
    there = set(session.scalars(text("SELECT relname FROM pg_class WHERE relname = ANY(:names)"), {"names": list(wanted)}))
    missing = {name: monday for name, monday in wanted.items() if name not in there}
    if not missing:
        return
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-partitions'))"))
    for name, monday in missing.items():
        session.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF payloads"
                f" FOR VALUES FROM ('{monday.isoformat()}') TO ('{(monday + timedelta(days=7)).isoformat()}')"
            )
        )


def is_partition_missing(error: Exception) -> bool:
    """Whether a text could not be stored because its week's table is not there (any more)."""
    cause = error.orig if isinstance(error, IntegrityError) else None
    return isinstance(cause, CheckViolation) and cause.diag.constraint_name is None


def read_payloads(session: Session, exchange_ids: Sequence[int]) -> Mapping[tuple[int, int], Any]:
    """The stored JSON of exchanges, by (exchange id, arm id); arm id 0 is the request, -1 the reference.

    What was shredded is not there. `TextKeyMissing` if a text cannot be read now.
    """
    columns = (PayloadRow.exchange_id, PayloadRow.arm_id, PayloadRow.pilot_id, PayloadRow.body)
    rows = session.execute(select(*columns).where(PayloadRow.exchange_id.in_(exchange_ids))).all()
    texts = texts_of(session)
    opened = (((row.exchange_id, row.arm_id), texts.open(row.pilot_id, row.body)) for row in rows)
    return {key: orjson.loads(body) for key, body in opened if body is not None}
