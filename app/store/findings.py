"""What checks found in replies: written a batch at a time, read as columns."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import psycopg
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.domain.evidence import Numbers
from app.domain.findings import FindingColumns, Findings, NewFindings, bits_of, labels_of
from app.domain.grading import PairKey
from app.store.grading_tables import CheckSetRow

_MAKE_SET = text("INSERT INTO check_sets (pilot_id, labels) VALUES (:pilot, :labels) ON CONFLICT DO NOTHING")
_KNOWN = text("""
SELECT f.exchange_id, f.arm_id, f.set_id, f.checked, f.found FROM reply_findings f
WHERE f.exchange_id = ANY(CAST(:exchanges AS bigint[])) AND f.checked <> 0
""")
_SAVE = text("""
INSERT INTO reply_findings (exchange_id, arm_id, pilot_id, set_id, checked, found)
SELECT n.exchange_id, n.arm_id, :pilot, :set, n.checked, n.found
FROM unnest(CAST(:exchanges AS bigint[]), CAST(:arms AS bigint[]), CAST(:checked AS bigint[]), CAST(:found AS bigint[]))
    AS n(exchange_id, arm_id, checked, found)
ON CONFLICT (exchange_id, arm_id) DO UPDATE SET set_id = excluded.set_id, checked = excluded.checked, found = excluded.found
""")
# Candidates' replies that were not looked at with these checks; those of undecided pairs are when the pair is settled.
_MISSING = text("""
SELECT p.exchange_id, p.arm_id FROM pairs p
WHERE p.pilot_id = :pilot AND (p.state = 'settled' OR p.rule IS NOT NULL) AND (p.exchange_id, p.arm_id) > (:exchange, :arm)
    AND NOT EXISTS (
        SELECT FROM reply_findings f WHERE f.exchange_id = p.exchange_id AND f.arm_id = p.arm_id AND f.set_id = :set
    )
ORDER BY p.exchange_id, p.arm_id LIMIT :limit
""")
_READ = """
COPY (SELECT exchange_id, set_id, checked, found FROM reply_findings WHERE pilot_id = {pilot} AND arm_id = {arm})
TO STDOUT (FORMAT binary)
"""
# PostgreSQL's binary COPY: a header, then for each row the number of fields and each field with its length; no field is null.
_HEADER_BYTES = 19
_ROW = np.dtype(
    [("fields", ">i2"), *((name, kind) for field in ("id", "set", "checked", "found") for name, kind in (
        (f"{field}_bytes", ">i4"), (field, ">i8"),
    ))]
)  # fmt: skip


def set_of(session: Session, pilot_id: int, labels: Iterable[str]) -> int:
    """The number of a pilot's set of checks, which is made if need be; their order says nothing."""
    ordered = sorted(labels)
    wanted = select(CheckSetRow.id).where(CheckSetRow.pilot_id == pilot_id, CheckSetRow.labels == ordered)
    found = session.scalar(wanted)
    if found is None:
        session.execute(_MAKE_SET, {"pilot": pilot_id, "labels": ordered})
        found = session.scalars(wanted).one()
    return found


def stored_findings(
    session: Session, pilot_id: int, exchange_ids: Sequence[int]
) -> dict[tuple[int, int], tuple[int, Findings]]:
    """Of replies that were looked at, by (exchange, arm): the number of the set of checks, and what they found."""
    rows = session.execute(_KNOWN, {"exchanges": list(exchange_ids)}).all()
    labels = _labels(session, pilot_id) if rows else {}
    return {
        (row.exchange_id, row.arm_id): (
            row.set_id,
            Findings(labels_of(row.checked, labels[row.set_id]), labels_of(row.found, labels[row.set_id])),
        )
        for row in rows
    }


def save_findings(session: Session, pilot_id: int, set_id: int, labels: Iterable[str], rows: Sequence[NewFindings]) -> None:
    """Writes findings in place of what was found before.

    Args:
        session: The transaction.
        pilot_id: Whose.
        set_id: The number of the labels' set.
        labels: All checks that there are; others are not written.
        rows: At most one a reply.
    """
    if not rows:
        return
    places = sorted(labels)
    rows = sorted(rows, key=lambda row: (row.exchange_id, row.arm_id))  # one order for all: no deadlocks
    parameters = {
        "pilot": pilot_id,
        "set": set_id,
        "exchanges": [row.exchange_id for row in rows],
        "arms": [row.arm_id for row in rows],
        "checked": [bits_of(row.findings.checked, places) for row in rows],
        "found": [bits_of(row.findings.found, places) for row in rows],
    }
    session.execute(_SAVE, parameters)


def pairs_without_findings(session: Session, pilot_id: int, set_id: int, *, after: PairKey, limit: int) -> list[PairKey]:
    """Pairs whose candidate's reply was never looked at with these checks, though the pair itself was."""
    parameters = {"pilot": pilot_id, "set": set_id, "exchange": after.exchange_id, "arm": after.arm_id, "limit": limit}
    return [PairKey(*row) for row in session.execute(_MISSING, parameters)]


def read_findings(session: Session, pilot_id: int, arm_ids: Mapping[str, int], ids: Numbers) -> dict[str, FindingColumns]:
    """Each arm's findings, one row for each of these exchanges.

    Args:
        session: One snapshot.
        pilot_id: Whose.
        arm_ids: Numbers of the arms by their names.
        ids: Numbers of the exchanges, in the rows' order.
    """
    labels = _labels(session, pilot_id)
    order = np.argsort(ids, kind="stable")
    return {name: _columns(_read(session, pilot_id, arm), ids, order, labels) for name, arm in arm_ids.items()}


def _labels(session: Session, pilot_id: int) -> dict[int, tuple[str, ...]]:
    sets = session.execute(select(CheckSetRow.id, CheckSetRow.labels).where(CheckSetRow.pilot_id == pilot_id))
    return {row.id: tuple(row.labels) for row in sets}


def _columns(
    stored: np.ndarray[tuple[int], np.dtype[np.void]], ids: Numbers, order: Numbers, labels: Mapping[int, tuple[str, ...]]
) -> FindingColumns:
    sets, checked, found = (np.zeros(len(ids), dtype=np.int64) for _ in range(3))
    columns = FindingColumns(sets, checked, found, labels)
    if len(ids) and len(stored):
        at = np.minimum(np.searchsorted(ids, stored["id"], sorter=order), len(ids) - 1)
        rows = order[at]
        known = ids[rows] == stored["id"]
        for column, field in ((columns.sets, "set"), (columns.checked, "checked"), (columns.found, "found")):
            column[rows[known]] = stored[field][known]
    return columns


def _read(session: Session, pilot_id: int, arm_id: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """All rows of an arm as one array: a million of them take a second and no object each."""
    connection: psycopg.Connection[tuple[object, ...]] = session.connection().connection.driver_connection  # type: ignore[assignment]
    with connection.cursor() as cursor, cursor.copy(_READ.format(pilot=int(pilot_id), arm=int(arm_id)).encode()) as copy:
        content = b"".join(bytes(block) for block in copy)
    count = (len(content) - _HEADER_BYTES) // _ROW.itemsize
    return np.frombuffer(content, dtype=_ROW, count=count, offset=_HEADER_BYTES)
