"""How live traffic stands: the last hour by reason, and when something was heard last."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.ledger import BESIDE, quarter_of
from app.domain.measures import CLIENT_STATUSES, SERVER_FAULTS
from app.domain.pilot import Pilot
from app.store.live_closing import read_watermark
from app.store.live_tables import BootCountRow, BootRow, LedgerRow

SHED, LOST = "shed", "lost"

_EXCHANGES = text("""
SELECT CASE WHEN e.reason <> 'captured' THEN e.reason
    WHEN i.failure = 'http' AND i.status BETWEEN :first AND :last AND i.status <> ALL(:faults) THEN 'client_error'
    WHEN e.closed_at IS NULL THEN 'pending' ELSE 'captured' END AS reason, count(*) AS requests
FROM exchanges e LEFT JOIN replies i ON i.exchange_id = e.id AND i.arm_id = :incumbent
WHERE e.pilot_id = :pilot AND e.source = 'live' AND e.arrived_at >= :since GROUP BY 1
""")


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """Live traffic of one pilot.

    Attributes:
        since: Beginning of the time that `by_reason` is about: an hour, to the quarter.
        by_reason: Requests since then, those that have come; `lost` has those that were shed, too.
        shed: Requests since then that a producer's bounds kept out.
        last_request_at: Arrival of the newest request of which an event came.
        last_count_at: When a producer of this pilot counted last.
        recorded_until: What had happened by then is recorded; `None` = no recorder ran yet.
    """

    since: datetime
    by_reason: dict[str, int]
    shed: int
    last_request_at: datetime | None
    last_count_at: datetime | None
    recorded_until: datetime | None


@dataclass(frozen=True, slots=True)
class Heard:
    """When something was heard of live traffic last, as in `LiveStatus`."""

    last_request_at: datetime | None
    last_count_at: datetime | None
    recorded_until: datetime | None


def read_heard(session: Session, pilot: Pilot) -> Heard | None:
    """When something was heard last; `None` if no request ever came live."""
    heard = select(func.max(BootRow.last_at), func.max(BootCountRow.last_seen_at), func.max(BootCountRow.issued))
    heard = heard.join_from(BootCountRow, BootRow, BootRow.boot == BootCountRow.boot, isouter=True)
    counted, seen, issued = session.execute(heard.where(BootCountRow.pilot_id == pilot.id)).one()
    return Heard(seen, counted, read_watermark(session)) if issued else None


def read_live_status(session: Session, pilot: Pilot, now: datetime) -> LiveStatus | None:
    """How live traffic stands; `None` if no request ever came live."""
    heard = read_heard(session, pilot)
    if heard is None:
        return None
    since = quarter_of(int((now - timedelta(hours=1)).timestamp() * 1_000_000))
    by_reason, shed = requests_since(session, pilot, since)
    return LiveStatus(since, by_reason, shed, heard.last_request_at, heard.last_count_at, heard.recorded_until)


def requests_since(session: Session, pilot: Pilot, since: datetime) -> tuple[dict[str, int], int]:
    """Live requests that have come since a quarter of an hour began, by reason; and how many of the lost ones were shed."""
    found = _requests(session, pilot, since)
    shed = found.pop(SHED, 0)
    for reason in BESIDE:
        found.pop(reason, 0)
    found[LOST] += shed
    return {reason: requests for reason, requests in sorted(found.items()) if requests}, shed


def _requests(session: Session, pilot: Pilot, since: datetime) -> Counter[str]:
    first, last = CLIENT_STATUSES
    parameters = {
        "pilot": pilot.id,
        "incumbent": pilot.incumbent.id,
        "since": since,
        "first": first,
        "last": last,
        "faults": list(SERVER_FAULTS),
    }
    found = Counter({row.reason: row.requests for row in session.execute(_EXCHANGES, parameters)})
    lines = select(LedgerRow.reason, func.sum(LedgerRow.requests)).where(LedgerRow.pilot_id == pilot.id, LedgerRow.at >= since)
    for reason, requests in session.execute(lines.group_by(LedgerRow.reason)):
        found[reason] += int(requests)
    return found
