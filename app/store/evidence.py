"""Reads a pilot's evidence as columns: few statements, no objects a row."""

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
import psycopg
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    ExchangeColumns,
    Flags,
    Floats,
    GradeColumns,
    LabelColumns,
    LiveColumns,
    Numbers,
    PairColumns,
    ReplyColumns,
    Words,
    codes,
    floats,
    words,
)
from app.domain.pilot import Pilot
from app.domain.words import ArmRole, Source
from app.store.work_tables import SpendRow

Column = TypeVar("Column", Floats, Numbers, Words)

_EXCHANGES = """
SELECT id, external_id, (extract(epoch FROM arrived_at) * 1000000)::bigint, conversation_id, segment,
       inclusion_probability, sample_point, reason, source, closed_at IS NOT NULL, turn
FROM exchanges
WHERE pilot_id = %(pilot)s AND (%(as_of)s::timestamptz IS NULL OR arrived_at < %(as_of)s)
ORDER BY external_id COLLATE "C"
"""
_REPLIES = """
SELECT exchange_id, failure, status, source, model, input_tokens, cached_input_tokens, output_tokens,
       ttft_any_seconds, ttft_visible_seconds, total_seconds, lag_seconds, content_chars
FROM replies WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s
"""
_PAIRS = """
SELECT exchange_id, state = 'settled', rule, preference, ungraded
FROM pairs WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s
"""
_GRADES = """
SELECT exchange_id, grader, rater, shown_first, value, ungraded, version = 'imported',
       (extract(epoch FROM graded_at) * 1000000)::bigint, version
FROM grades
WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s AND (%(as_of)s::timestamptz IS NULL OR at <= %(as_of)s)
"""
_LABELS = """
SELECT exchange_id, rater, value, draw_probability, (extract(epoch FROM at) * 1000000)::bigint,
       coalesce(critical, false), source
FROM labels
WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s AND (%(as_of)s::timestamptz IS NULL OR at <= %(as_of)s)
"""
_LIVE = """
SELECT id, sampling_rate, user_hash FROM exchanges WHERE pilot_id = %(pilot)s AND source = 'live'
"""
_ATTEMPTS = """
SELECT e.id, count(*), count(a.failure)
FROM attempts a JOIN exchanges e ON e.pilot_id = a.pilot_id AND e.external_id = a.first_id
WHERE a.pilot_id = %(pilot)s AND a.external_id <> coalesce(e.decided_by, e.external_id) GROUP BY e.id
"""
_SKIPPED = "SELECT exchange_id, reason FROM skipped_replies WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s"
_QUEUE_LAG = """
SELECT exchange_id, queue_lag_seconds FROM replies
WHERE pilot_id = %(pilot)s AND arm_id = %(arm)s AND queue_lag_seconds IS NOT NULL
"""


# Each wanted exchange is looked up by itself, whatever the planner thinks of their number.
_WANTED = """FROM unnest(%(only)s::text::bigint[]) AS wanted(wanted_id)
CROSS JOIN LATERAL (SELECT * FROM {table} AS x WHERE x.{key} = wanted.wanted_id OFFSET 0) AS {table} WHERE"""


def _of_wanted(statement: str, parameters: dict[str, Any]) -> str:
    """The statement, for some exchanges alone if they are named."""
    if parameters.get("only") is None:
        return statement
    before, table, after = re.split(r"FROM (\w+)\s+WHERE", statement, maxsplit=1)
    return before + _WANTED.format(table=table, key="id" if table == "exchanges" else "exchange_id") + after


def read_evidence(
    session: Session, pilot: Pilot, *, as_of: datetime | None = None, only: Sequence[int] | None = None
) -> Evidence:
    """All evidence of a pilot, or only what had happened by a moment.

    Args:
        session: For several statements that must see one state, in a transaction with repeatable reads.
        pilot: Whose evidence; its candidates are read.
        as_of: Exchanges that arrived before it (days are half open), and grades and labels whose event time is not after it.
        only: Numbers of the exchanges to read; default: all.
    """
    parameters = {"pilot": pilot.id, "as_of": as_of, "only": _array(only)}
    exchanges = _exchanges(_columns(session, _of_wanted(_EXCHANGES, parameters), parameters, 11))
    places = _Places(exchanges.ids)
    return Evidence(
        exchanges=exchanges,
        incumbent=_replies(session, places, parameters | {"arm": pilot.incumbent.id}),
        arms={arm.name: _arm(session, places, parameters | {"arm": arm.id}) for arm in pilot.candidates},
        live=_live(session, pilot, places, parameters, np.asarray(exchanges.sources == Source.LIVE.value, dtype=bool)),
    )


def _array(numbers: Sequence[int] | None) -> str | None:
    """As PostgreSQL writes an array: the driver's own way looks at each number for a quote."""
    return None if numbers is None else "{" + ",".join(map(str, numbers)) + "}"


def _arm(session: Session, places: "_Places", parameters: dict[str, Any]) -> ArmEvidence:
    return ArmEvidence(
        replies=_replies(session, places, parameters),
        pairs=_pairs(session, places, parameters),
        grades=_grades(session, places, parameters),
        labels=_labels(session, places, parameters),
    )


class _Places:
    """Where each exchange's row is."""

    def __init__(self, ids: Numbers) -> None:
        self.count = len(ids)
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]

    def of(self, ids: list[int]) -> tuple[Numbers, Flags]:
        """The row of each id, and which ids are among the rows at all."""
        wanted = np.array(ids, dtype=np.int64)
        if not self.count:
            return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self._sorted, wanted), self.count - 1)
        return self._order[at], self._sorted[at] == wanted

    def spread(self, ids: list[int], values: Column, column: Column) -> Column:
        """The column with each value in its id's row."""
        rows, known = self.of(ids)
        column[rows[known]] = values[known]
        return column


def _columns(session: Session, statement: str, parameters: dict[str, Any], count: int) -> list[list[Any]]:
    """The columns of a result; the driver's own cursor, as 200,000 row objects would take seconds."""
    connection: psycopg.Connection[tuple[Any, ...]] = session.connection().connection.driver_connection  # type: ignore[assignment]
    with connection.cursor(binary=True) as cursor, _no_collector():
        rows = cursor.execute(statement, parameters).fetchall()
        return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]


@contextmanager
def _no_collector() -> Iterator[None]:
    """Millions of new tuples make the collector look at all of them again and again: a third of the time of reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _exchanges(columns: list[list[Any]]) -> ExchangeColumns:
    ids, external, arrived, conversations, segments, inclusion, points, reasons, sources, closed, turns = columns
    return ExchangeColumns(
        ids=np.array(ids, dtype=np.int64),
        external_ids=words(external),
        arrived_us=np.array(arrived, dtype=np.int64),
        conversations=words(conversations),
        segments=words(segments),
        inclusion_probability=floats(inclusion),
        sample_points=floats(points),
        reasons=words(reasons),
        sources=words(sources),
        is_closed=np.array(closed, dtype=bool),
        turns=floats(turns),
    )


def _replies(session: Session, places: _Places, parameters: dict[str, Any]) -> ReplyColumns:
    ids, *columns = _columns(session, _of_wanted(_REPLIES, parameters), parameters, 13)
    rows, known = places.of(ids)
    at = rows[known]
    is_there = np.zeros(places.count, dtype=bool)
    is_there[at] = True

    def spread_words(values: list[Any]) -> Any:
        column = words([None] * places.count)
        column[at] = words(values)[known]
        return column

    def spread_floats(values: list[Any]) -> Any:
        column = np.full(places.count, np.nan)
        column[at] = floats(values)[known]
        return column

    kinds = (spread_words, spread_floats, spread_words, spread_words, *(spread_floats,) * 8)
    return ReplyColumns(is_there, *(spread(values) for spread, values in zip(kinds, columns, strict=True)))


def _pairs(session: Session, places: _Places, parameters: dict[str, Any]) -> PairColumns:
    ids, settled, rules, preferences, ungraded = _columns(session, _of_wanted(_PAIRS, parameters), parameters, 5)
    rows, known = places.of(ids)
    at = rows[known]
    columns = PairColumns(
        is_there=np.zeros(places.count, dtype=bool),
        is_settled=np.zeros(places.count, dtype=bool),
        rules=words([None] * places.count),
        preferences=np.full(places.count, np.nan),
        ungraded=words([None] * places.count),
    )
    columns.is_there[at] = True
    columns.is_settled[at] = np.array(settled, dtype=bool)[known]
    columns.rules[at] = words(rules)[known]
    columns.preferences[at] = floats(preferences)[known]
    columns.ungraded[at] = words(ungraded)[known]
    return columns


def _grades(session: Session, places: _Places, parameters: dict[str, Any]) -> GradeColumns:
    ids, graders, raters, first, values, ungraded, imported, graded, versions = _columns(
        session, _of_wanted(_GRADES, parameters), parameters, 9
    )
    rows, known = places.of(ids)
    grades = GradeColumns(
        rows=rows,
        graders=words(graders),
        raters=words(raters),
        shown_first=words(first),
        values=floats(values),
        ungraded=words(ungraded),
        is_imported=np.array(imported, dtype=bool),
        graded_us=np.array(graded, dtype=np.int64),
        versions=words(versions),
    ).where(known)
    keys = (grades.versions, grades.shown_first, grades.raters, grades.graders)
    return grades.where(np.lexsort((*(codes(key)[0] for key in keys), grades.rows)))


def _labels(session: Session, places: _Places, parameters: dict[str, Any]) -> LabelColumns:
    ids, raters, values, draws, made, critical, sources = _columns(session, _of_wanted(_LABELS, parameters), parameters, 7)
    rows, known = places.of(ids)
    kept, names = rows[known], words(raters)[known]
    order = np.lexsort((codes(names)[0], kept))
    return LabelColumns(
        rows=kept[order],
        raters=names[order],
        values=floats(values)[known][order],
        draw_probability=floats(draws)[known][order],
        labelled_us=np.array(made, dtype=np.int64)[known][order],
        is_critical=np.array(critical, dtype=bool)[known][order],
        sources=words(sources)[known][order],
    )


def _live(session: Session, pilot: Pilot, places: _Places, parameters: dict[str, Any], is_live: Flags) -> LiveColumns | None:
    if not is_live.any():
        return None
    ids, rates, users = _columns(session, _LIVE, parameters, 3)
    rates = [1.0 if rate is None else rate for rate in rates]
    attempts, folded, failed = _columns(session, _ATTEMPTS, parameters, 3)
    arms = {arm.name: parameters | {"arm": arm.id} for arm in pilot.arms if arm.role is not ArmRole.INCUMBENT}
    return LiveColumns(
        is_live=is_live,
        sampling_rates=places.spread(ids, floats(rates), np.ones(places.count)),
        users=places.spread(ids, words(users), words([None] * places.count)),
        folded_attempts=places.spread(attempts, np.array(folded, dtype=np.int64), np.zeros(places.count, dtype=np.int64)),
        failed_attempts=places.spread(attempts, np.array(failed, dtype=np.int64), np.zeros(places.count, dtype=np.int64)),
        skipped={name: _spread_words(session, places, _SKIPPED, found) for name, found in arms.items()},
        queue_lag_seconds={name: _spread_floats(session, places, _QUEUE_LAG, found) for name, found in arms.items()},
        control=next((_arm(session, places, arms[arm.name]) for arm in pilot.arms if arm.role is ArmRole.CONTROL), None),
    )


def _spread_words(session: Session, places: _Places, statement: str, parameters: dict[str, Any]) -> Words:
    ids, values = _columns(session, statement, parameters, 2)
    return places.spread(ids, words(values), words([None] * places.count))


def _spread_floats(session: Session, places: _Places, statement: str, parameters: dict[str, Any]) -> Floats:
    ids, values = _columns(session, statement, parameters, 2)
    return places.spread(ids, floats(values), np.full(places.count, np.nan))


@dataclass(frozen=True, slots=True)
class Spend:
    """Money that a pilot itself spent; `unpriced` = models that were called and whose price nobody knows."""

    usd: Decimal
    unpriced: tuple[str, ...]


def read_spend(session: Session, pilot_id: int, *, as_of: datetime | None = None) -> Spend:
    """What is known to be spent, in all or by a moment."""
    query = select(SpendRow.model, func.sum(SpendRow.usd), func.count() - func.count(SpendRow.usd))
    query = query.where(SpendRow.pilot_id == pilot_id)
    if as_of is not None:
        query = query.where(SpendRow.at <= as_of)
    rows = session.execute(query.group_by(SpendRow.model).order_by(SpendRow.model)).all()
    known = [usd for _, usd, _ in rows if usd is not None]
    return Spend(sum(known, Decimal(0)), tuple(model for model, _, unknown in rows if unknown))
