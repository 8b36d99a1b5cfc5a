"""Imported usage and cost exports; one that is removed is voided and its lines stay."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session

from app.domain.invoices import Invoice, InvoiceLine, StoredInvoice
from app.errors import NotFound
from app.store.money_tables import InvoiceLineRow, InvoiceRow


def insert_invoice(session: Session, pilot_id: int, invoice: Invoice, *, file_name: str, digest: str, by: str) -> StoredInvoice:
    """Stores a file with all its lines."""
    row = InvoiceRow(
        pilot_id=pilot_id, file_name=file_name, digest=digest, format=invoice.format, lines=len(invoice.lines), by=by
    )
    session.add(row)
    session.flush()
    session.execute(insert(InvoiceLineRow), [_columns(line) | {"invoice_id": row.id} for line in invoice.lines])
    return get_invoice(session, pilot_id, row.id)


def list_invoices(session: Session, pilot_id: int) -> list[StoredInvoice]:
    """All files in the order of import, voided ones too."""
    rows = session.execute(_described().where(InvoiceRow.pilot_id == pilot_id).order_by(InvoiceRow.id))
    return [_invoice(*row) for row in rows]


def get_invoice(session: Session, pilot_id: int, invoice_id: int) -> StoredInvoice:
    """One file of a pilot; `NotFound` if it has none of that number."""
    query = _described().where(InvoiceRow.pilot_id == pilot_id, InvoiceRow.id == invoice_id)
    row = session.execute(query).one_or_none()
    if row is None:
        message = f"there is no invoice with the number {invoice_id}"
        raise NotFound(message, invoice=invoice_id)
    return _invoice(*row)


def find_invoice(session: Session, pilot_id: int, digest: str) -> StoredInvoice | None:
    """The file of that content that still counts."""
    still = InvoiceRow.voided_at.is_(None)
    row = session.execute(_described().where(InvoiceRow.pilot_id == pilot_id, InvoiceRow.digest == digest, still)).one_or_none()
    return _invoice(*row) if row is not None else None


def void_invoice(session: Session, pilot_id: int, invoice_id: int, *, by: str) -> StoredInvoice:
    """From now on the file does not count; voided already is fine."""
    found = get_invoice(session, pilot_id, invoice_id)
    if found.voided_at is not None:
        return found
    row = session.get_one(InvoiceRow, invoice_id)
    row.voided_at, row.voided_by = datetime.now(UTC), by
    session.flush()
    return get_invoice(session, pilot_id, invoice_id)


def lines_by_file(session: Session, pilot_id: int, *, after: int = 0) -> list[tuple[str, Sequence[InvoiceLine]]]:
    """The lines of the files that count with their name, in the order of import; `after` = only files imported after it."""
    query = (
        select(InvoiceRow.id, InvoiceRow.file_name, InvoiceLineRow)
        .join(InvoiceLineRow, InvoiceLineRow.invoice_id == InvoiceRow.id)
        .where(InvoiceRow.pilot_id == pilot_id, InvoiceRow.voided_at.is_(None), InvoiceRow.id > after)
        .order_by(InvoiceRow.id, InvoiceLineRow.day, InvoiceLineRow.model, InvoiceLineRow.id)
    )
    files: dict[int, tuple[str, list[InvoiceLine]]] = {}
    for number, name, row in session.execute(query):
        files.setdefault(number, (name, []))[1].append(_line(row))
    return list(files.values())


def _described() -> Select[InvoiceRow, Any, Any, Any]:
    about = (func.min(InvoiceLineRow.day), func.max(InvoiceLineRow.day), func.sum(InvoiceLineRow.usd))
    query = select(InvoiceRow, *about).outerjoin(InvoiceLineRow, InvoiceLineRow.invoice_id == InvoiceRow.id)
    return query.group_by(InvoiceRow.id)


def _columns(line: InvoiceLine) -> dict[str, Any]:
    names = ("day", "model", "requests", "input_tokens", "cached_input_tokens", "output_tokens", "usd", "facts")
    return {name: getattr(line, name) for name in names}


def _line(row: InvoiceLineRow) -> InvoiceLine:
    return InvoiceLine(
        row.day, row.model, row.requests, row.input_tokens, row.cached_input_tokens, row.output_tokens, row.usd, row.facts
    )


def _invoice(row: InvoiceRow, first: Any, last: Any, usd: Decimal | None) -> StoredInvoice:
    return StoredInvoice(
        id=row.id, file_name=row.file_name, digest=row.digest, format=row.format, lines=row.lines, by=row.by,
        imported_at=row.imported_at, first_day=first, last_day=last, usd=usd, voided_at=row.voided_at, voided_by=row.voided_by,
    )  # fmt: skip
