"""The merge of what an import staged into the tables: all of it set-based, in the order of the exchanges' numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from app.domain.imports import ExchangeRecord, GradeRecord, LabelRecord, LineRecords, ReplyRecord, StoredContent
from app.store import import_statements as sql
from app.store.pairs import touch_pairs
from app.store.staging import children, opened
from app.store.texts import texts_of

BATCH = 1000
_TOUCHED_AT_ONCE = 20_000


def staged_weeks(session: Session, import_id: int) -> list[datetime]:
    """The Mondays of the weeks that have staged exchanges."""
    query = "SELECT DISTINCT date_trunc('week', arrived_at, 'UTC') FROM staged_exchanges WHERE import_id = :import_id"
    return list(session.scalars(text(query), {"import_id": import_id}))


def drop_same(session: Session, import_id: int, pilot_id: int) -> int:
    """Forgets lines whose id and content are stored already or stand in an earlier line; how many they were.

    A line of an exchange whose text was removed is forgotten, too, whatever it says.
    """
    statements = (sql.REPEATED, sql.UNCHANGED, sql.ERASED)
    return sum(_run(session, statement, import_id=import_id, pilot_id=pilot_id).rowcount for statement in statements)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Ids that meet something, and the numbers of all staged lines that have them."""

    external_ids: list[str]
    staged: list[int]


def ids_that_meet(session: Session, import_id: int, pilot_id: int) -> Iterator[Meeting]:
    """Ids that are stored with another content, or that several lines have with different contents, in batches."""
    _run(session, "DROP TABLE IF EXISTS meeting_ids")
    _run(session, sql.MEETING, import_id=import_id, pilot_id=pilot_id)
    count = session.scalar(text("SELECT count(*) FROM meeting_ids")) or 0
    for start in range(0, count, BATCH):
        query = "SELECT external_id, staged FROM meeting_ids WHERE number > :start AND number <= :end ORDER BY number"
        rows = session.execute(text(query), {"start": start, "end": start + BATCH}).all()
        yield Meeting([row.external_id for row in rows], [number for row in rows for number in row.staged])


def read_stored(session: Session, pilot_id: int, external_ids: Sequence[str]) -> dict[str, StoredContent]:
    """What is stored under some ids; locked, so that nobody adds a reply or a label meanwhile."""
    columns = ", ".join(f"e.{column}" for column in ExchangeRecord._fields[:-2])
    query = text(
        f"SELECT e.id, {columns}, p.body, r.body AS reference FROM exchanges AS e JOIN payloads AS p"  # noqa: S608
        " ON p.arrived_at = e.arrived_at AND p.exchange_id = e.id AND p.arm_id = 0"
        " LEFT JOIN payloads AS r ON r.arrived_at = e.arrived_at AND r.exchange_id = e.id AND r.arm_id = -1"
        " WHERE e.pilot_id = :pilot_id AND e.external_id = ANY(:ids) ORDER BY e.id FOR UPDATE OF e"
    )
    rows = session.execute(query, {"pilot_id": pilot_id, "ids": list(external_ids)}).all()
    numbers, texts = [row[0] for row in rows], texts_of(session)
    replies = children(session, ReplyRecord, sql.REPLIES_WITH_BODY, numbers, "source = 'imported'")
    grades = children(session, GradeRecord, "grades", numbers, "source = 'imported'")
    labels = children(session, LabelRecord, "labels", numbers, "source = 'imported'")
    other_replies = _others(session, "replies", "arm_id", numbers)
    other_labels = _others(session, "labels", "arm_id, rater", numbers)
    return {
        row.external_id: StoredContent(
            row[0],
            opened(
                texts,
                pilot_id,
                LineRecords(0, ExchangeRecord(*row[1:]), replies[row[0]], grades[row[0]], labels[row[0]]),
            ),
            frozenset(arm for (arm,) in other_replies.get(row[0], ())),
            frozenset((arm, rater) for arm, rater in other_labels.get(row[0], ())),
        )
        for row in rows
    }


def _others(session: Session, table: str, columns: str, exchange_ids: Sequence[int]) -> dict[int, list[tuple[Any, ...]]]:
    query = f"SELECT exchange_id, {columns} FROM {table} WHERE exchange_id = ANY(:ids) AND source <> 'imported'"  # noqa: S608
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in session.execute(text(query), {"ids": list(exchange_ids)}):
        found.setdefault(row[0], []).append(tuple(row[1:]))
    return found


def prepare_merge(session: Session) -> None:
    """Tells the planner how much is staged; apart from the merge, since it locks other imports' staging a moment."""
    session.execute(text("ANALYZE staged_exchanges, staged_replies"))


def merge_staged(session: Session, import_id: int, pilot_id: int, *, has_additions: bool) -> int:
    """Copies all that is staged into the tables and marks the pairs that have to be looked at; how many exchanges are new."""
    added, *_ = [_run(session, statement, import_id=import_id, pilot_id=pilot_id).rowcount for statement in sql.ADD_NEW]
    for statement in sql.ADD_TO_STORED if has_additions else ():
        _run(session, statement, import_id=import_id, pilot_id=pilot_id)
    _touch(session, import_id)
    return added


def _touch(session: Session, import_id: int) -> None:
    after = 0
    while True:
        parameters = {"import_id": import_id, "after": after, "most": _TOUCHED_AT_ONCE}
        numbers = list(session.scalars(text(sql.COMPARED), parameters))
        touch_pairs(session, numbers)
        if len(numbers) < _TOUCHED_AT_ONCE:
            return
        after = numbers[-1]


def _run(session: Session, statement: str, **parameters: Any) -> CursorResult[Any]:
    result = session.execute(text(statement), parameters)
    assert isinstance(result, CursorResult)  # noqa: S101 - tells the type checker
    return result
