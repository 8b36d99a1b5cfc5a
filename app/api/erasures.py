"""Erasing what is held of a conversation or a user, and the receipts; for admins."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.dependencies import Admin, Services, ServicesDep
from app.api.paths import Id
from app.capture.sealing import load_digest_key
from app.domain.erasure import ErasureKind, Receipt
from app.pipeline.erasing import MOST_SUBJECT, Erased, erase
from app.pipeline.receipts import Checked, check_receipt
from app.store.erasures import LARGEST_ID, get_receipt, list_receipts
from app.store.pilots import get_pilot
from app.store.session import session_scope

router = APIRouter(tags=["erasures"])


class ErasureRequest(BaseModel):
    """What is to be erased."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["conversation", "user"]
    subject: str = Field(
        min_length=1,
        max_length=MOST_SUBJECT,
        description="The conversation's id, or the user's as requests name it (`safety_identifier`, else `user`).",
    )
    dry_run: bool = Field(default=False, description="Only says how much is held, and of which dates.")


class ReceiptBody(BaseModel):
    """One erasure: what was removed, never of whom."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=1, le=LARGEST_ID)]
    pilot: str
    kind: ErasureKind
    subject_digest: str = Field(description="Stands for what was asked for; nobody without the installation's key can tell it.")
    by: str
    counts: dict[str, Any] = Field(description="How much of each kind was removed.")
    erased_at: AwareDatetime = Field(description="What arrived until then was removed.")
    receipt_hash: str = Field(description="HMAC-SHA256 over all of this under a key of the installation.")


class ErasureBody(BaseModel):
    """What was removed, or (without a receipt) would be."""

    counts: dict[str, Any]
    receipt: ReceiptBody | None
    is_again: bool = Field(description="Nothing was left to remove: the receipt is that of the erasure before.")


class CheckedBody(BaseModel):
    """Whether a receipt says what it said when it was written."""

    is_genuine: bool
    is_stored: bool = Field(description="The same stands in the service's own list.")
    erased_at: datetime
    message: str


@router.post("/pilots/{name}/erasures")
def create_erasure(services: ServicesDep, who: Admin, name: str, body: ErasureRequest) -> ErasureBody:
    """Removes the texts of a conversation or user, and what leads to it; figures stay. Asked again it removes nothing more."""
    kind, key = ErasureKind(body.kind), _key(services)
    done = erase(services.session_factory, name, kind, body.subject, by=who.name, key=key, dry_run=body.dry_run)
    return _erased(done)


@router.get("/pilots/{name}/erasures")
def list_erasures(services: ServicesDep, _: Admin, name: str) -> list[ReceiptBody]:
    """All erasures of a pilot, newest first."""
    with session_scope(services.session_factory) as session:
        return [_body(each) for each in list_receipts(session, get_pilot(session, name).id)]


@router.get("/pilots/{name}/erasures/{erasure_id}")
def get_erasure(services: ServicesDep, _: Admin, name: str, erasure_id: Id) -> ReceiptBody:
    """One receipt."""
    with session_scope(services.session_factory) as session:
        return _body(get_receipt(session, get_pilot(session, name).id, erasure_id))


@router.post("/erasures/verify")
def verify_receipt(services: ServicesDep, _: Admin, body: ReceiptBody) -> CheckedBody:
    """Whether somebody changed a receipt, or the service's own list."""
    with session_scope(services.session_factory) as session:
        found: Checked = check_receipt(session, Receipt(**dict(body)), _key(services))
    return CheckedBody(is_genuine=found.is_genuine, is_stored=found.is_stored, erased_at=body.erased_at, message=found.message)


def _key(services: Services) -> bytes:
    given = services.settings.stream_key
    return load_digest_key(services.settings.home, given.get_secret_value() if given is not None else None)


def _erased(done: Erased) -> ErasureBody:
    receipt = _body(done.receipt) if done.receipt is not None else None
    return ErasureBody(counts=dict(done.counts), receipt=receipt, is_again=done.is_again)


def _body(receipt: Receipt) -> ReceiptBody:
    return ReceiptBody(
        id=receipt.id,
        pilot=receipt.pilot,
        kind=receipt.kind,
        subject_digest=receipt.subject_digest,
        by=receipt.by,
        counts=dict(receipt.counts),
        erased_at=receipt.erased_at,
        receipt_hash=receipt.receipt_hash,
    )
