"""Whether a receipt of an erasure is as it was written, and what readers are told of texts that are gone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.erasure import ErasureKind, Receipt
from app.domain.pilot import Pilot
from app.errors import NotFound
from app.store.erasures import erasure_at, get_receipt
from app.store.pilots import get_pilot

REASONS = {ErasureKind.RETENTION: "retention", ErasureKind.PILOT: "all texts of the pilot were shredded"}
ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt is worth."""

    is_genuine: bool
    is_stored: bool
    message: str


def check_receipt(session: Session, receipt: Receipt, key: bytes) -> Checked:
    """Compares a receipt with its own hash and with what is stored.

    Args:
        session: For reading.
        receipt: As somebody has it.
        key: The installation's key of digests.
    """
    if not receipt.is_genuine(key):
        message = "this is not what was written here: something in the receipt was changed, or another installation wrote it"
        return Checked(False, False, message)
    try:
        stored = get_receipt(session, get_pilot(session, receipt.pilot).id, receipt.id)
    except NotFound:
        return Checked(True, False, "the receipt is genuine; the service's list does not have it (any more)")
    if stored.receipt_hash != receipt.receipt_hash or not stored.is_genuine(key):
        return Checked(True, False, "the receipt is genuine; what the service's list says of it was changed")
    return Checked(True, True, "the receipt is genuine, and the service's list says the same")


def removal_words(session: Session, pilot: Pilot, erased_at: datetime | None) -> str:
    """What readers are told where a text was: when it was removed and why; "" = it was not removed."""
    if erased_at is None:
        return ""
    kind = erasure_at(session, pilot.id, erased_at)
    reason = REASONS.get(kind, ERASURE) if kind is not None else ERASURE
    return f"Text removed on {erased_at:%Y-%m-%d} ({reason})."
