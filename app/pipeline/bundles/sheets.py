"""The evidence and the daily figures as CSV, for people who use spreadsheets; nothing is read back from them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import polars as pl

from app.domain.evidence import ArmEvidence, Evidence, Numbers, ReplyColumns, Words
from app.domain.scorecard import CandidateModel, DayPoint, GateModel, Scorecard
from app.pipeline.bundles.columns import Column
from app.pipeline.closing import Selection
from app.pipeline.scorecard_inputs import Stored

FOLDER = "csv"
# A spreadsheet shows no more; a longer table goes on in another file.
ROWS_A_FILE = 1_000_000
_SLICE = 100_000
# A cell that begins so is taken for a formula.
_FORMULA = r"^[=+\-@\t\r\n]"
_NOT_SHOWN = ("is_there",)


class Sheet(NamedTuple):
    """One table: its file and its columns."""

    path: str
    columns: Mapping[str, Column | pl.Series]
    rows: int


def sheets_of(stored: Stored, selection: Selection, card: Scorecard) -> Iterator[Sheet]:
    """Every table, one at a time."""
    evidence = stored.evidence
    yield from _cut("exchanges", _exchanges(stored, selection), len(evidence.exchanges))
    for place, (name, arm) in enumerate(evidence.arms.items(), start=1):
        yield from _cut(f"pairs-{place}", _pairs(evidence, name, arm, selection), int(arm.pairs.is_there.sum()))
        yield from _cut(f"grades-{place}", _grades(evidence, name, arm), len(arm.grades))
        yield from _cut(f"labels-{place}", _labels(evidence, name, arm), len(arm.labels))
    figures = {
        "gates": [_gate_row(name, gate) for name, each in card.candidates.items() for gate in each.gates],
        "segments": list(_segment_rows(card)),
        "daily": [row for name, each in card.candidates.items() for row in _day_rows(name, each)],
    }
    yield from (_listed(name, rows) for name, rows in figures.items() if rows)


def write_sheet(sheet: Sheet, target: BinaryIO) -> None:
    """Writes a table as CSV, a part at a time: the whole of it as text may be larger than the memory."""
    for start in range(0, max(1, sheet.rows), _SLICE):
        part = {_safe_name(name): column[start : start + _SLICE] for name, column in sheet.columns.items()}
        frame = pl.DataFrame([_series(name, column) for name, column in part.items()])
        texts = [name for name, kind in frame.schema.items() if kind == pl.String]
        safe = [
            pl.when(pl.col(name).str.contains(_FORMULA)).then("'" + pl.col(name)).otherwise(pl.col(name)).alias(name)
            for name in texts
        ]
        frame.with_columns(safe).write_csv(target, include_header=start == 0, line_terminator="\r\n")


def _safe_name(name: str) -> str:
    return f"'{name}" if re.match(_FORMULA, name) else name


def _series(name: str, column: Column | pl.Series) -> pl.Series:
    if isinstance(column, pl.Series):
        return column.alias(name)
    if column.dtype == object:
        return pl.Series(name, column.tolist(), dtype=pl.String)
    return pl.Series(name, column, nan_to_null=column.dtype == np.float64)


def _cut(name: str, columns: Mapping[str, Column | pl.Series], rows: int) -> Iterator[Sheet]:
    for part, start in enumerate(range(0, max(1, rows), ROWS_A_FILE), start=1):
        end = min(rows, start + ROWS_A_FILE)
        named = f"{FOLDER}/{name}.csv" if part == 1 else f"{FOLDER}/{name}-part-{part}.csv"
        yield Sheet(named, {key: column[start:end] for key, column in columns.items()}, end - start)


def _moments(microseconds: Numbers) -> pl.Series:
    return pl.Series(microseconds).cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")


def _exchanges(stored: Stored, selection: Selection) -> dict[str, Column | pl.Series]:
    exchanges = stored.evidence.exchanges
    columns: dict[str, Column | pl.Series] = {
        "exchange_id": exchanges.external_ids,
        "conversation_id": exchanges.conversations,
        "turn": exchanges.turns,
        "segment": exchanges.segments,
        "arrived_at": _moments(exchanges.arrived_us),
        "day": selection.days,
        "reason": selection.reasons,
        "is_counted": selection.counted,
        "source": exchanges.sources,
        "inclusion_probability": exchanges.inclusion_probability,
    }
    columns |= _replies(stored.pilot.incumbent.name, stored.evidence.incumbent)
    for name, arm in stored.evidence.arms.items():
        columns |= _replies(name, arm.replies)
    return columns


def _replies(arm: str, replies: ReplyColumns) -> dict[str, Column]:
    shown = {name: getattr(replies, name) for name in replies.__slots__ if name not in _NOT_SHOWN}
    outcome = np.where(replies.is_there, np.where(replies.failed, "failed", "answered"), "none").astype(object)
    return {f"{arm}: {name}": column for name, column in ({"outcome": outcome} | shown).items()}


def _pairs(evidence: Evidence, name: str, arm: ArmEvidence, selection: Selection) -> dict[str, Column | pl.Series]:
    pairs, rows = arm.pairs, np.flatnonzero(arm.pairs.is_there)
    whole: dict[str, Column] = {
        "exchange_id": evidence.exchanges.external_ids,
        "conversation_id": evidence.exchanges.conversations,
        "segment": evidence.exchanges.segments,
        "day": selection.days,
        "is_counted": selection.counted,
        "candidate": _same(name, len(evidence.exchanges)),
        "preference": pairs.preferences,
        "rule": pairs.rules,
        "ungraded": pairs.ungraded,
        "is_settled": pairs.is_settled,
    }
    return {key: column[rows] for key, column in whole.items()}


def _grades(evidence: Evidence, name: str, arm: ArmEvidence) -> dict[str, Column | pl.Series]:
    grades = arm.grades
    return {
        "exchange_id": evidence.exchanges.external_ids[grades.rows],
        "candidate": _same(name, len(grades)),
        "grader": grades.graders,
        "rater": grades.raters,
        "shown_first": grades.shown_first,
        "value": grades.values,
        "ungraded": grades.ungraded,
        "version": grades.versions,
        "graded_at": _moments(grades.graded_us),
    }


def _labels(evidence: Evidence, name: str, arm: ArmEvidence) -> dict[str, Column | pl.Series]:
    labels = arm.labels
    return {
        "exchange_id": evidence.exchanges.external_ids[labels.rows],
        "candidate": _same(name, len(labels)),
        "rater": labels.raters,
        "value": labels.values,
        "draw_probability": labels.draw_probability,
        "is_critical": labels.is_critical,
        "source": labels.sources,
        "labelled_at": _moments(labels.labelled_us),
    }


def _same(word: str, count: int) -> Words:
    column = np.empty(count, dtype=object)
    column[:] = word
    return column


def _listed(name: str, rows: list[dict[str, Any]]) -> Sheet:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return Sheet(f"{FOLDER}/{name}.csv", {series.name: series for series in frame}, frame.height)


def _gate_row(name: str, gate: GateModel) -> dict[str, Any]:
    return {"candidate": name, **gate.model_dump(mode="json")}


def _segment_rows(card: Scorecard) -> Iterator[dict[str, Any]]:
    for name, each in card.candidates.items():
        for segment, found in each.segments.items():
            yield {
                "candidate": name,
                "segment": segment,
                "registered": found.registered,
                "pairs": found.pairs,
                "conversations": found.conversations,
                "labels": found.labels,
                "outcome": found.outcome.value,
                "rests_on": found.rests_on,
                "margin": found.margin,
                "bound": found.bound,
                "win_rate": found.win_rate.value,
                "win_rate_low": found.win_rate.low,
                "win_rate_high": found.win_rate.high,
                "win_rate_human_corrected": found.win_rate_human_corrected.value,
                "win_rate_human_corrected_low": found.win_rate_human_corrected.low,
                "win_rate_human_corrected_high": found.win_rate_human_corrected.high,
            }


def _day_rows(name: str, candidate: CandidateModel) -> Iterator[dict[str, Any]]:
    series = {"win_rate": candidate.quality.by_day, "win_rate_human_corrected": candidate.quality.corrected_by_day}
    for figure, points in series.items():
        yield from (_day_row(name, figure, point) for point in points)


def _day_row(name: str, figure: str, point: DayPoint) -> dict[str, Any]:
    return {"candidate": name, "figure": figure, **point.model_dump(mode="json")}
