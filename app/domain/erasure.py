"""Texts that were removed, and the receipt that says so."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class ErasureKind(StrEnum):
    """What was removed: what belongs to a conversation or a user, a whole pilot's texts, or what was older than is kept."""

    CONVERSATION = "conversation"
    USER = "user"
    PILOT = "pilot"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One erasure. What it was about is known by a keyed digest alone; `receipt_hash` binds all the rest.

    Attributes:
        by: Who asked for it; `service` = the retention job.
        counts: How much of each kind was removed.
    """

    id: int
    pilot: str
    kind: ErasureKind
    subject_digest: str
    by: str
    counts: Mapping[str, Any]
    erased_at: datetime
    receipt_hash: str = ""

    def sealed(self, key: bytes) -> "Receipt":
        """The same with its hash."""
        return replace(self, receipt_hash=self.hash_under(key))

    def is_genuine(self, key: bytes) -> bool:
        """Whether it says what it said when it was written here."""
        return hmac.compare_digest(self.receipt_hash.encode(), self.hash_under(key).encode())

    def hash_under(self, key: bytes) -> str:
        """HMAC-SHA256 over the canonical JSON of all but the hash."""
        said = {
            "id": self.id,
            "pilot": self.pilot,
            "kind": self.kind.value,
            "subject_digest": self.subject_digest,
            "by": self.by,
            "counts": dict(self.counts),
            "erased_at": self.erased_at.astimezone(UTC).isoformat(timespec="microseconds"),
        }
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hmac.digest(_derived(key), canonical.encode("utf-8", "surrogatepass"), "sha256").hex()


def subject_digest(key: bytes, pilot_id: int, kind: ErasureKind, subject: str) -> str:
    """Stands for what was asked for: equal for equal subjects of a pilot, and nobody without the key can try subjects out.

    Args:
        key: The installation's key of digests (`app.capture.sealing.digest_key`).
        pilot_id: Whose.
        kind: Of the erasure.
        subject: As it is stored: a conversation's name, a user's hash.
    """
    said = "\x1f".join(("subject", str(pilot_id), kind.value, subject))
    return hmac.digest(_derived(key), said.encode("utf-8", "surrogatepass"), "sha256").hex()


def _derived(key: bytes) -> bytes:
    return hmac.digest(key, b"parallel-pilot erasures", hashlib.sha256)
