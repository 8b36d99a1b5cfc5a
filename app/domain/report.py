"""A stored report."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as it was made; `document` is the whole of it, or only its summary in a list."""

    id: int
    pilot: str
    made_at: datetime
    data_hash: str
    document: dict[str, Any]
