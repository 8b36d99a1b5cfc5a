"""Whether a receipt of an erasure is as it was written, and what readers are told of texts that are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.erasure import ErasureKind, Receipt
from app.domain.pilot import Pilot
from app.errors import NotFound
from app.store.erasures import get_receipt, kinds_at
from app.store.pilots import get_pilot
from app.store.text_removal import removed_at

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
    if not _is_genuine(receipt, key):
        message = "this is not what was written here: something in the receipt was changed, or another installation wrote it"
        return Checked(False, False, message)
    try:
        stored = get_receipt(session, get_pilot(session, receipt.pilot).id, receipt.id)
    except NotFound:
        return Checked(True, False, "the receipt is genuine; the service's list does not have it (any more)")
    if stored.receipt_hash != receipt.receipt_hash or not stored.is_genuine(key):
        return Checked(True, False, "the receipt is genuine; what the service's list says of it was changed")
    return Checked(True, True, "the receipt is genuine, and the service's list says the same")


def _is_genuine(receipt: Receipt, key: bytes) -> bool:
    try:
        return receipt.is_genuine(key)
    except OverflowError:  # no moment at which anything was written
        return False


def removals(session: Session, pilot: Pilot, exchange_ids: Sequence[int]) -> dict[int, str]:
    """What readers are told where texts were, by exchange: when they were removed and why; the others are left out."""
    moments = removed_at(session, exchange_ids)
    said = {moment: removal_words(kind, moment) for moment, kind in kinds_at(session, pilot.id, set(moments.values())).items()}
    return {number: said.get(moment) or removal_words(None, moment) for number, moment in moments.items()}


def removal_words(kind: ErasureKind | None, at: datetime) -> str:
    """That a text was removed at a moment by an erasure of a kind; `None` = one that nobody knows any more."""
    return f"Text removed on {at:%Y-%m-%d} ({REASONS.get(kind, ERASURE) if kind is not None else ERASURE})."
