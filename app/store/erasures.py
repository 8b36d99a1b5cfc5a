"""Receipts of erasures: written once, never changed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from app.domain.erasure import ErasureKind, Receipt
from app.errors import NotFound
from app.store.keeping_tables import ErasureRow
from app.store.tables import PilotRow

LARGEST_ID = 2**63 - 1


def write_receipt(
    session: Session,
    pilot_id: int,
    kind: ErasureKind,
    *,
    subject_digest: str,
    by: str,
    counts: Mapping[str, Any],
    key: bytes,
    erased_at: datetime | None = None,
) -> Receipt:
    """Notes an erasure in the transaction that erases; gives its receipt.

    Args:
        session: The transaction.
        pilot_id: Whose texts.
        kind: What was asked for.
        subject_digest: `app.domain.erasure.subject_digest` of it.
        by: Who asked.
        counts: How much of each kind was removed, as JSON.
        key: The installation's key of digests.
        erased_at: Up to which arrival; default: now.
    """
    row = ErasureRow(
        pilot_id=pilot_id,
        kind=kind.value,
        subject_digest=subject_digest,
        by=by,
        counts=dict(counts),
        erased_at=erased_at if erased_at is not None else session.scalar(select(func.clock_timestamp())),
        receipt_hash="",
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    receipt = get_receipt(session, pilot_id, row.id).sealed(key)
    row.receipt_hash = receipt.receipt_hash
    session.flush()
    return receipt


def get_receipt(session: Session, pilot_id: int, number: int) -> Receipt:
    """The receipt of that number; `NotFound` if the pilot has none."""
    query = _receipts().where(ErasureRow.id == number, ErasureRow.pilot_id == pilot_id)
    found = session.execute(query).one_or_none() if 0 < number <= LARGEST_ID else None
    if found is None:
        message = f"the pilot has no erasure {number}"
        raise NotFound(message, erasure=number)
    return _receipt(found)


def list_receipts(session: Session, pilot_id: int, *, most: int | None = None) -> list[Receipt]:
    """A pilot's erasures, newest first."""
    query = _receipts().where(ErasureRow.pilot_id == pilot_id).order_by(ErasureRow.id.desc())
    return [_receipt(row) for row in session.execute(query.limit(most))]


def newest_receipt(session: Session, pilot_id: int, kind: ErasureKind) -> Receipt | None:
    """The last erasure of a kind."""
    query = _receipts().where(ErasureRow.pilot_id == pilot_id, ErasureRow.kind == kind.value)
    found = session.execute(query.order_by(ErasureRow.id.desc()).limit(1)).one_or_none()
    return None if found is None else _receipt(found)


def _receipts() -> Select[Any]:
    t = ErasureRow
    columns = (t.id, PilotRow.name, t.kind, t.subject_digest, t.by, t.counts, t.erased_at, t.receipt_hash)
    return select(*columns).join(PilotRow, PilotRow.id == t.pilot_id)


def _receipt(row: Row[Any]) -> Receipt:
    kind, said = ErasureKind(row.kind), row.counts
    return Receipt(row.id, row.name, kind, row.subject_digest, row.by, said, row.erased_at, row.receipt_hash)


def kinds_at(session: Session, pilot_id: int, moments: Collection[datetime]) -> dict[datetime, ErasureKind]:
    """Of which kind the erasures of some moments were; exchanges are marked with them."""
    query = select(ErasureRow.erased_at, ErasureRow.kind).where(ErasureRow.pilot_id == pilot_id)
    rows = session.execute(query.where(ErasureRow.erased_at.in_(list(moments)))) if moments else ()
    return {row.erased_at: ErasureKind(row.kind) for row in rows}
