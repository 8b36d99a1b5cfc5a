"""What producers counted: their boots, their numbers, and the ledger's lines that have no exchange."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.domain.ledger import Boot, BootCounts
from app.store.live_tables import BootCountRow, BootRow, LedgerRow
from app.store.tables import PilotRow


def read_boots(session: Session, boots: Iterable[str] | None = None) -> dict[str, Boot]:
    """Boots by id; all of them unless some are named."""
    query = select(BootRow).execution_options(populate_existing=True)
    if boots is not None:
        query = query.where(BootRow.boot.in_(sorted(set(boots))))
    return {
        row.boot: Boot(row.boot, row.slot, row.source, row.started_at, row.last_at, row.is_final)
        for row in session.scalars(query)
    }


def save_boots(session: Session, boots: Iterable[Boot]) -> None:
    """Stores boots; of two writers the one that knows more wins, whatever their order."""
    rows = [
        {
            "boot": boot.boot,
            "slot": boot.slot,
            "source": boot.source,
            "started_at": boot.started_at,
            "last_at": boot.last_at,
            "is_final": boot.is_final,
        }
        for boot in sorted(boots, key=lambda boot: boot.boot)  # one order for all: no deadlocks
    ]
    if not rows:
        return
    statement = insert(BootRow)
    new = statement.excluded
    known = {
        "last_at": func.greatest(BootRow.last_at, new.last_at),
        "is_final": BootRow.is_final | new.is_final,
    }
    session.execute(statement.on_conflict_do_update(index_elements=["boot"], set_=known), rows)


def read_counts(session: Session, pilot_id: int, boots: Iterable[str] | None = None) -> dict[str, BootCounts]:
    """A pilot's counts by boot; of all boots unless some are named."""
    query = select(BootCountRow).where(BootCountRow.pilot_id == pilot_id).execution_options(populate_existing=True)
    if boots is not None:
        query = query.where(BootCountRow.boot.in_(sorted(set(boots))))
    return {row.boot: _counts(row) for row in session.scalars(query)}


def save_counts(session: Session, pilot_id: int, counts: Mapping[str, BootCounts]) -> None:
    """Stores a pilot's counts as they are now; the pilot must be held."""
    rows = [
        {
            "pilot_id": pilot_id,
            "boot": boot,
            "issued": each.issued,
            "seen": each.seen,
            "dropped": each.dropped,
            "settled": each.settled,
            "checkpoints": [list(point) for point in each.checkpoints],
            "last_seen_at": each.last_seen_at,
        }
        for boot, each in sorted(counts.items())
    ]
    if not rows:
        return
    statement = insert(BootCountRow)
    names = [name for name in rows[0] if name not in ("pilot_id", "boot")]
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["pilot_id", "boot"], set_={name: statement.excluded[name] for name in names}
        ),
        rows,
    )


def add_lines(session: Session, pilot_id: int, lines: Mapping[tuple[datetime, str], int]) -> None:
    """Adds requests to the ledger's lines."""
    rows = [
        {"pilot_id": pilot_id, "at": at, "reason": reason, "requests": requests}
        for (at, reason), requests in sorted(lines.items())
        if requests
    ]
    if not rows:
        return
    statement = insert(LedgerRow)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["pilot_id", "at", "reason"],
            set_={"requests": LedgerRow.requests + statement.excluded.requests},
        ),
        rows,
    )


def pilots_with_checkpoints(session: Session) -> Sequence[str]:
    """Names of pilots with numbers of which it is not settled yet whether they are lost."""
    query = select(PilotRow.name).join(BootCountRow, BootCountRow.pilot_id == PilotRow.id)
    return sorted(set(session.scalars(query.where(BootCountRow.checkpoints != []))))


def _counts(row: BootCountRow) -> BootCounts:
    return BootCounts(
        issued=row.issued,
        seen=row.seen,
        dropped=dict(row.dropped),
        settled=row.settled,
        checkpoints=tuple((at, issued) for at, issued in row.checkpoints),
        last_seen_at=row.last_seen_at,
    )
