"""Closed days and their sums: what was counted when, and whether a day had to be counted again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.statistics.sums import Sums
from app.store.tables import ClosedDayRow, DailySumRow


@dataclass(frozen=True, slots=True)
class DailySum:
    """Sums over the conversations that began on a day; `segment` "" = all. `epoch` is the day's, from 0."""

    arm_id: int
    segment: str
    day: int
    series: str
    sums: Sums
    epoch: int = 0


def hold_closing(session: Session, pilot_id: int) -> None:
    """One scorecard of a pilot at a time, from reading to storing: an older reading never replaces a newer one."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-closing'), :pilot)"), {"pilot": pilot_id % 2**31}
    )


def close_days(session: Session, pilot_id: int, hashes: Mapping[int, str], sums: Sequence[DailySum]) -> None:
    """Stores which days are closed and their sums; a day with another content is closed once more."""
    if hashes:
        values = [{"pilot_id": pilot_id, "day": day, "content_hash": digest} for day, digest in sorted(hashes.items())]
        statement = upsert(ClosedDayRow).values(values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["pilot_id", "day"],
                set_={
                    "content_hash": statement.excluded.content_hash,
                    "times_closed": ClosedDayRow.times_closed + 1,
                    "closed_at": func.now(),
                },
                where=ClosedDayRow.content_hash != statement.excluded.content_hash,
            )
        )
    session.execute(delete(DailySumRow).where(DailySumRow.pilot_id == pilot_id))
    rows = [_row(pilot_id, daily) for daily in sums if daily.sums.n]
    if rows:
        session.execute(insert(DailySumRow), rows)


def reopened_days(session: Session, pilot_id: int) -> list[int]:
    """Days that were closed more than once, because something came for them afterwards."""
    query = select(ClosedDayRow.day).where(ClosedDayRow.pilot_id == pilot_id, ClosedDayRow.times_closed > 1)
    return list(session.scalars(query.order_by(ClosedDayRow.day)))


def daily_sums(session: Session, pilot_id: int) -> list[DailySum]:
    """The stored sums, by arm, segment, series and day."""
    query = select(DailySumRow).where(DailySumRow.pilot_id == pilot_id)
    rows = session.scalars(query.order_by(DailySumRow.arm_id, DailySumRow.segment, DailySumRow.series, DailySumRow.day))
    return [
        DailySum(
            row.arm_id, row.segment, row.day, row.series,
            Sums(row.n, row.sum_w, row.sum_w2, row.sum_wx, row.sum_wx2, row.sum_w2x, row.sum_w2x2), row.epoch,
        )
        for row in rows
    ]  # fmt: skip


def _row(pilot_id: int, daily: DailySum) -> dict[str, object]:
    keys = {"arm_id": daily.arm_id, "segment": daily.segment, "day": daily.day, "series": daily.series, "epoch": daily.epoch}
    return {"pilot_id": pilot_id, **keys, **asdict(daily.sums)}
