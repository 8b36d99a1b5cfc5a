"""The vendor's usage and cost exports, imported to be set beside what was measured."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Operator, ServicesDep, Viewer
from app.api.paths import Id
from app.domain.estimate_models import Money
from app.domain.invoices import StoredInvoice
from app.pipeline.invoices import import_invoice, remove_invoice
from app.store.invoices import list_invoices
from app.store.pilots import get_pilot
from app.store.session import session_scope

router = APIRouter(prefix="/pilots/{name}/invoices", tags=["invoices"])
FILE = text_body(
    "application/octet-stream", "The export as the vendor gives it, CSV or JSON; its format is told by its content."
)


class InvoiceBody(BaseModel):
    """An imported file; one with `voided_at` no longer counts."""

    id: int
    file_name: str
    format: str
    lines: int
    first_day: date | None
    last_day: date | None
    usd: Money | None
    by: str
    imported_at: datetime
    voided_at: datetime | None
    voided_by: str | None


class InvoiceImportBody(BaseModel):
    """What an import did: a file that is there already is `unchanged`."""

    status: str
    invoice: InvoiceBody
    notes: list[str]
    replaced: list[str]


class InvoiceList(BaseModel):
    """All files, voided ones too."""

    invoices: list[InvoiceBody]


@router.post("", openapi_extra=FILE)
def import_invoice_file(
    services: ServicesDep,
    who: Operator,
    name: str,
    content: RawBody,
    file_name: Annotated[str, Query(description="What errors and lists call the file.")],
    replace: Annotated[bool, Query(description="Let it count instead of files with the same days and models.")] = False,
) -> InvoiceImportBody:
    """Imports an export: all of its lines or, with every wrong one named, none; the same file again changes nothing."""
    with session_scope(services.session_factory) as session:
        done = import_invoice(session, name, content, file_name=file_name, replace_others=replace, by=who.name)
    return InvoiceImportBody(
        status="new" if done.is_new else "unchanged",
        invoice=_body(done.invoice),
        notes=list(done.notes),
        replaced=list(done.replaced),
    )


@router.get("")
def read_invoices(services: ServicesDep, _: Viewer, name: str) -> InvoiceList:
    """All imported files in the order of import."""
    with session_scope(services.session_factory) as session:
        found = list_invoices(session, get_pilot(session, name).id)
    return InvoiceList(invoices=[_body(each) for each in found])


@router.delete("/{invoice_id}")
def void_invoice_file(services: ServicesDep, who: Operator, name: str, invoice_id: Id) -> InvoiceBody:
    """Lets a file no longer count; its history stays, and what it replaced counts again."""
    with session_scope(services.session_factory) as session:
        return _body(remove_invoice(session, name, invoice_id, who.name))


def _body(invoice: StoredInvoice) -> InvoiceBody:
    return InvoiceBody(**{name: getattr(invoice, name) for name in InvoiceBody.model_fields})
