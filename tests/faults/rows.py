"""What the database holds: every request's row, once, and the ledger; counted here anew, without what computes a scorecard."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.domain.ledger import BESIDE
from app.store.live_ledger import read_ledger
from app.store.pilots import get_pilot
from app.store.session import make_engine

OF_RUN = text(
    "SELECT conversation_id, count(*), count(*) FILTER (WHERE reason = 'lost' AND closed_at IS NOT NULL)"
    " FROM exchanges WHERE conversation_id LIKE :begins AND source = 'live' GROUP BY 1"
)
BY_REASON = text("SELECT reason, closed_at IS NULL, count(*) FROM exchanges GROUP BY 1, 2")
NUMBER = re.compile(r"-(\d+)$")
PENDING, MISSING = "pending", "missing"


@dataclass(frozen=True)
class Rows:
    """The exchanges of one run.

    Attributes:
        numbers: Requests that have a row.
        twice: Rows beyond the first of a request.
        lost: Rows that the ledger calls so.
    """

    numbers: frozenset[int]
    twice: int
    lost: int


@dataclass(frozen=True)
class Ledger:
    """Requests of the pilot so far.

    Attributes:
        by_reason: Rows by their reason, `pending` those that are open; lines without a row; `missing` numbers that never came.
        rows: How many of all have a row.
    """

    by_reason: Counter[str]
    rows: int

    @property
    def requests(self) -> int:
        """All of them."""
        return self.by_reason.total()


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """One connection."""
    engine = make_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows_of(database_url: str, name: str) -> Rows:
    """The rows of a run."""
    with connected(database_url) as connection:
        found = list(connection.execute(OF_RUN, {"begins": f"{name}-%"}))
    numbers = [int(match[1]) for conversation, _, _ in found if (match := NUMBER.search(conversation))]
    return Rows(frozenset(numbers), sum(count - 1 for _, count, _ in found), sum(lost for _, _, lost in found))


def ledger_of(database_url: str, pilot: str) -> Ledger:
    """The whole ledger."""
    by_reason: Counter[str] = Counter()
    with connected(database_url) as connection:
        for reason, is_open, count in connection.execute(BY_REASON):
            by_reason[PENDING if is_open else reason] += count
        rows = by_reason.total()
        session = Session(connection)
        live = read_ledger(session, get_pilot(session, pilot), now=datetime.now(UTC))
    for line in live.lines:
        by_reason[line.reason] += 0 if line.reason in BESIDE else line.requests
    by_reason[MISSING] += live.missing_lost
    by_reason[PENDING] += live.missing_pending
    return Ledger(+by_reason, rows)


def rejected_events(database_url: str) -> int:
    """Events that could not be stored."""
    with connected(database_url) as connection:
        return int(connection.execute(text("SELECT count(*) FROM rejected_events")).scalar_one())
