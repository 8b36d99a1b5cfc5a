"""Reads a pilot's evidence as columns: few statements, no objects a row."""

import gc
from collections.abc import Iterator
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
    floats,
    words,
)
from app.domain.pilot import Pilot
from app.domain.words import ArmRole, Source
from app.store.binary_rows import CodedWords, RowQuery, read_rows
from app.store.evidence_queries import (
    ATTEMPTS,
    EXCHANGES,
    FAILURES,
    GRADES,
    LABELS,
    LIVE,
    NAMES,
    PAIRS,
    QUEUE_LAG,
    REPLIES,
    SKIPPED,
    asked,
    of_wanted,
    stretches,
)
from app.store.work_tables import SpendRow

IMPORTED = "imported"  # the version of grades that were
Column = TypeVar("Column", Floats, Numbers, Words)


def read_evidence(
    session: Session,
    pilot: Pilot,
    *,
    as_of: datetime | None = None,
    only: Numbers | None = None,
    without_times: bool = False,
) -> Evidence:
    """All evidence of a pilot, or only what had happened by a moment.

    Args:
        session: For several statements that must see one state, in a transaction with repeatable reads.
        pilot: Whose evidence; its candidates are read.
        as_of: Exchanges that arrived before it (days are half open), and grades and labels whose event time is not after it.
        only: Numbers of the exchanges to read; default: all.
        without_times: Of replies only whether and how they failed, and nothing of what only live exchanges have.
    """
    parameters = {"pilot": pilot.id, "as_of": as_of, "without_times": without_times, **stretches(only)}
    exchanges = _exchanges(session, parameters, only)
    places = _Places(exchanges.ids)
    return Evidence(
        exchanges=exchanges,
        incumbent=_replies(session, places, parameters | {"arm": pilot.incumbent.id}),
        arms={arm.name: _arm(session, places, parameters | {"arm": arm.id}) for arm in pilot.candidates},
        live=_live(session, pilot, places, parameters, np.asarray(exchanges.sources == Source.LIVE.value, dtype=bool)),
    )


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

    def of(self, wanted: Numbers) -> tuple[Numbers, Flags]:
        """The row of each id, and which ids are among the rows at all."""
        if not self.count:
            return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self._sorted, wanted), self.count - 1)
        return self._order[at], self._sorted[at] == wanted

    def spread(self, ids: list[int], values: Column, column: Column) -> Column:
        """The column with each value in its id's row."""
        rows, known = self.of(np.array(ids, dtype=np.int64))
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


def _rows(session: Session, query: RowQuery, parameters: dict[str, Any]) -> tuple[list[Any], CodedWords]:
    return read_rows(session, query, parameters, source=of_wanted(query.source, parameters))


def _exchanges(session: Session, parameters: dict[str, Any], only: Numbers | None) -> ExchangeColumns:
    named = asked(NAMES, parameters) + ' ORDER BY external_id COLLATE "C"'
    found, external, conversations = _columns(session, named, parameters, 3)
    ids = np.array(found, dtype=np.int64)
    (read, *numbers), coded = _rows(session, EXCHANGES, parameters)
    at, is_known = _Places(read).of(ids)
    if not is_known.all():
        message = "exchanges are read by two statements: they must see one state"
        raise RuntimeError(message)
    wanted = np.isin(ids, only) if only is not None else np.ones(len(ids), dtype=bool)
    at = at[wanted]
    arrived, inclusion, points, closed, turns = (column[at] for column in numbers)
    segments, reasons, sources = (column[at] for column in coded.words())
    return ExchangeColumns(
        ids=ids[wanted],
        external_ids=words(external)[wanted],
        arrived_us=arrived,
        conversations=words(conversations)[wanted],
        segments=segments,
        inclusion_probability=inclusion,
        sample_points=points,
        reasons=reasons,
        sources=sources,
        is_closed=closed,
        turns=turns,
    )


def _replies(session: Session, places: _Places, parameters: dict[str, Any]) -> ReplyColumns:
    query = FAILURES if parameters["without_times"] else REPLIES
    (ids, *numbers), coded = _rows(session, query, parameters)
    rows, known = places.of(ids)
    failures, *names = coded.spread(rows, known, places.count)
    status, *others = (_spread(column, rows, known, places.count) for column in numbers)
    if parameters["without_times"]:
        names, others = [words([None] * places.count)] * 3, [np.full(places.count, np.nan)] * 12
    sources, models, tiers = names
    return ReplyColumns(_there(rows, known, places.count), failures, status, sources, models, tiers, *others)


def _there(rows: Numbers, known: Flags, count: int) -> Flags:
    is_there = np.zeros(count, dtype=bool)
    is_there[rows[known]] = True
    return is_there


def _spread(values: Floats, rows: Numbers, known: Flags, count: int) -> Floats:
    column = np.full(count, np.nan)
    column[rows[known]] = values[known]
    return column


def _pairs(session: Session, places: _Places, parameters: dict[str, Any]) -> PairColumns:
    (ids, preferences, settled), coded = _rows(session, PAIRS, parameters)
    rows, known = places.of(ids)
    rules, ungraded = coded.spread(rows, known, places.count)
    return PairColumns(
        is_there=_there(rows, known, places.count),
        is_settled=_there(rows, known & settled, places.count),
        rules=rules,
        preferences=_spread(preferences, rows, known, places.count),
        ungraded=ungraded,
    )


def _grades(session: Session, places: _Places, parameters: dict[str, Any]) -> GradeColumns:
    (ids, values, graded), coded = _rows(session, GRADES, parameters)
    rows, known = places.of(ids)
    names, kept = coded.where(known), rows[known]
    order = np.lexsort((names.ranks(0, 1, 2, 4), kept))
    graders, raters, first, ungraded, versions = (column[order] for column in names.words())
    return GradeColumns(
        rows=kept[order],
        graders=graders,
        raters=raters,
        shown_first=first,
        values=values[known][order],
        ungraded=ungraded,
        is_imported=np.asarray(versions == IMPORTED, dtype=bool),
        graded_us=graded[known][order],
        versions=versions,
    )


def _labels(session: Session, places: _Places, parameters: dict[str, Any]) -> LabelColumns:
    (ids, values, draws, made, critical), coded = _rows(session, LABELS, parameters)
    rows, known = places.of(ids)
    kept, names = rows[known], coded.where(known)
    order = np.lexsort((names.ranks(0), kept))
    raters, sources = names.words()
    return LabelColumns(
        rows=kept[order],
        raters=raters[order],
        values=values[known][order],
        draw_probability=draws[known][order],
        labelled_us=made[known][order],
        is_critical=critical[known][order],
        sources=sources[order],
    )


def _live(session: Session, pilot: Pilot, places: _Places, parameters: dict[str, Any], is_live: Flags) -> LiveColumns | None:
    if parameters["without_times"] or not is_live.any():
        return None
    ids, rates, users = _columns(session, asked(LIVE, parameters), parameters, 3)
    rates = [1.0 if rate is None else rate for rate in rates]
    attempts, folded, failed = _columns(session, ATTEMPTS, parameters, 3)
    arms = {arm.name: parameters | {"arm": arm.id} for arm in pilot.arms if arm.role is not ArmRole.INCUMBENT}
    return LiveColumns(
        is_live=is_live,
        sampling_rates=places.spread(ids, floats(rates), np.ones(places.count)),
        users=places.spread(ids, words(users), words([None] * places.count)),
        folded_attempts=places.spread(attempts, np.array(folded, dtype=np.int64), np.zeros(places.count, dtype=np.int64)),
        failed_attempts=places.spread(attempts, np.array(failed, dtype=np.int64), np.zeros(places.count, dtype=np.int64)),
        skipped={name: _spread_words(session, places, SKIPPED, found) for name, found in arms.items()},
        queue_lag_seconds={name: _spread_floats(session, places, QUEUE_LAG, found) for name, found in arms.items()},
        control=next((_arm(session, places, arms[arm.name]) for arm in pilot.arms if arm.role is ArmRole.CONTROL), None),
    )


def _spread_words(session: Session, places: _Places, statement: tuple[str, str], parameters: dict[str, Any]) -> Words:
    ids, values = _columns(session, asked(statement, parameters), parameters, 2)
    return places.spread(ids, words(values), words([None] * places.count))


def _spread_floats(session: Session, places: _Places, statement: tuple[str, str], parameters: dict[str, Any]) -> Floats:
    ids, values = _columns(session, asked(statement, parameters), parameters, 2)
    return places.spread(ids, floats(values), np.full(places.count, np.nan))


@dataclass(frozen=True, slots=True)
class PurposeSpend:
    """Paid calls for one purpose; `usd` None = the price of some of them is not known."""

    purpose: str
    calls: int
    usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Spend:
    """Money that a pilot itself spent; `unpriced` = models that were called and whose price nobody knows."""

    usd: Decimal
    unpriced: tuple[str, ...]
    by_purpose: tuple[PurposeSpend, ...] = ()


def read_spend(session: Session, pilot_id: int, *, as_of: datetime | None = None) -> Spend:
    """What is known to be spent, in all or by a moment."""
    sums = (func.sum(SpendRow.usd), func.sum(SpendRow.calls), func.count() - func.count(SpendRow.usd))
    query = select(SpendRow.model, SpendRow.purpose, *sums).where(SpendRow.pilot_id == pilot_id)
    if as_of is not None:
        query = query.where(SpendRow.at <= as_of)
    keys = (SpendRow.model, SpendRow.purpose)
    rows = session.execute(query.group_by(*keys).order_by(*keys)).all()
    known = [usd for _, _, usd, _, _ in rows if usd is not None]
    purposes: dict[str, PurposeSpend] = {}
    for _, purpose, usd, calls, unknown in rows:
        before = purposes.get(purpose, PurposeSpend(purpose, 0, Decimal(0)))
        total = before.usd + usd if before.usd is not None and usd is not None and not unknown else None
        purposes[purpose] = PurposeSpend(purpose, before.calls + int(calls), total)
    unpriced = dict.fromkeys(model for model, _, _, _, unknown in rows if unknown)
    return Spend(sum(known, Decimal(0)), tuple(unpriced), tuple(purposes.values()))
