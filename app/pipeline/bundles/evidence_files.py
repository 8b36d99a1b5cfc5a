"""Which columns of a pilot's evidence are in which file of its bundle, and back."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    ExchangeColumns,
    Floats,
    GradeColumns,
    LabelColumns,
    LiveColumns,
    Numbers,
    PairColumns,
    ReplyColumns,
    Words,
)
from app.domain.findings import FindingColumns
from app.domain.pilot import Arm, Pilot
from app.domain.rubric_columns import ScoreColumns
from app.domain.words import ArmRole
from app.pipeline.bundles.columns import Column, columns_of, table_of
from app.pipeline.bundles.exact import NotExact
from app.pipeline.rubric_figures import Scores
from app.pipeline.scorecard_inputs import Stored

FOLDER = "evidence"
EXCHANGES, LIVE = f"{FOLDER}/exchanges.parquet", f"{FOLDER}/live.parquet"
_SKIPPED, _LAG, _MET = "skipped: ", "queue_lag_seconds: ", "met "
_CUTS = "cut_lengths"
Read = Callable[[str], dict[str, Column]]
Table = TypeVar("Table")
_TABLES: dict[str, Any] = {"replies": ReplyColumns, "pairs": PairColumns, "grades": GradeColumns, "labels": LabelColumns}


@dataclass(frozen=True, slots=True)
class Columns:
    """The parts of `Stored` that are columns, as they are read from files."""

    evidence: Evidence
    findings: dict[str, FindingColumns]
    scores: Scores
    cuts: dict[str, Numbers]


def folder_of(pilot: Pilot, arm: Arm) -> str:
    """Where an arm's files are: its place, and its name as far as a file's name can bear it."""
    place = pilot.arms.index(arm) + 1
    return f"{FOLDER}/{place}-{re.sub(r'[^A-Za-z0-9._-]+', '-', arm.name).strip('.-') or arm.role.value}"


def evidence_files(stored: Stored) -> Iterator[tuple[str, dict[str, Column]]]:
    """Every file's path and columns, one file at a time."""
    pilot, evidence = stored.pilot, stored.evidence
    yield EXCHANGES, columns_of(evidence.exchanges)
    yield f"{folder_of(pilot, pilot.incumbent)}/replies.parquet", columns_of(evidence.incumbent)
    for arm in pilot.candidates:
        yield from _arm_files(folder_of(pilot, arm), evidence.arms[arm.name])
    if evidence.live is not None:
        yield LIVE, _live_columns(evidence.live)
        if evidence.live.control is not None:
            yield from _arm_files(folder_of(pilot, _control(pilot)), evidence.live.control)
    arms = {arm.name: arm for arm in pilot.arms}
    for name, found in stored.findings.items():
        columns = {"sets": found.sets, "checked": found.checked, "found": found.found}
        yield f"{folder_of(pilot, arms[name])}/findings.parquet", columns
    for place, (_, name) in enumerate(stored.scores):
        yield _score_path(pilot, arms[name], place), _score_columns(list(stored.scores.values())[place])
    for name, cut in stored.cuts.items():
        yield f"{folder_of(pilot, arms[name])}/cuts.parquet", {_CUTS: cut}


def read_evidence_files(
    pilot: Pilot,
    read: Read,
    paths: frozenset[str],
    finding_labels: Mapping[str, Mapping[int, tuple[str, ...]]],
    rubrics: tuple[tuple[str, str], ...],
) -> Columns:
    """The columns of a bundle.

    Args:
        pilot: As the bundle says it.
        read: Gives a file's columns.
        paths: Which files there are.
        finding_labels: The labels of each arm's findings, by set.
        rubrics: The rubric and arm of each file of scores, in their order.
    """
    arms = {arm.name: arm for arm in pilot.arms}
    live = _read_live(pilot, read) if LIVE in paths else None
    cut_paths = {arm.name: f"{folder_of(pilot, arm)}/cuts.parquet" for arm in pilot.arms}
    return Columns(
        evidence=Evidence(
            exchanges=table_of(ExchangeColumns, read(EXCHANGES), EXCHANGES),
            incumbent=_table(ReplyColumns, read, f"{folder_of(pilot, pilot.incumbent)}/replies.parquet"),
            arms={arm.name: _read_arm(folder_of(pilot, arm), read) for arm in pilot.candidates},
            live=live,
        ),
        findings={
            name: FindingColumns(**read(f"{folder_of(pilot, arms[name])}/findings.parquet"), labels=labels)
            for name, labels in finding_labels.items()
        },
        scores={
            (grader, name): _read_scores(read, _score_path(pilot, arms[name], place))
            for place, (grader, name) in enumerate(rubrics)
        },
        cuts={name: read(path)[_CUTS] for name, path in cut_paths.items() if path in paths},
    )


def with_nameless_raters(evidence: Evidence) -> Evidence:
    """The same with numbers for the people who labelled: nobody's name is told, and their order stays what it was."""
    live = evidence.live
    labelled = [*evidence.arms.values(), *([live.control] if live is not None and live.control is not None else [])]
    people = sorted({name for arm in labelled for name in arm.labels.raters.tolist()})
    width = len(str(len(people)))
    nameless = {name: f"rater-{number:0{width}}" for number, name in enumerate(people, start=1)}

    def hidden(arm: ArmEvidence) -> ArmEvidence:
        raters = np.empty(len(arm.labels), dtype=object)
        raters[:] = [nameless[name] for name in arm.labels.raters.tolist()]
        return replace(arm, labels=replace(arm.labels, raters=raters))

    if live is not None and live.control is not None:
        live = replace(live, control=hidden(live.control))
    return replace(evidence, arms={name: hidden(arm) for name, arm in evidence.arms.items()}, live=live)


def _control(pilot: Pilot) -> Arm:
    return next(arm for arm in pilot.arms if arm.role is ArmRole.CONTROL)


def _arm_files(folder: str, arm: ArmEvidence) -> Iterator[tuple[str, dict[str, Column]]]:
    for name in _TABLES:
        yield f"{folder}/{name}.parquet", columns_of(getattr(arm, name))


def _read_arm(folder: str, read: Read) -> ArmEvidence:
    return ArmEvidence(**{name: _table(kind, read, f"{folder}/{name}.parquet") for name, kind in _TABLES.items()})


def _table(kind: type[Table], read: Read, path: str) -> Table:
    return table_of(kind, read(path), path)


def _live_columns(live: LiveColumns) -> dict[str, Column]:
    plain = ("is_live", "sampling_rates", "users", "folded_attempts", "failed_attempts")
    return (
        {name: getattr(live, name) for name in plain}
        | {f"{_SKIPPED}{name}": column for name, column in live.skipped.items()}
        | {f"{_LAG}{name}": column for name, column in live.queue_lag_seconds.items()}
    )


def _read_live(pilot: Pilot, read: Read) -> LiveColumns:
    columns = read(LIVE)
    skipped: dict[str, Words] = _named(columns, _SKIPPED)
    lags: dict[str, Floats] = _named(columns, _LAG)
    has_control = any(arm.role is ArmRole.CONTROL for arm in pilot.arms)
    control = _read_arm(folder_of(pilot, _control(pilot)), read) if has_control else None
    try:
        return LiveColumns(**columns, skipped=skipped, queue_lag_seconds=lags, control=control)
    except TypeError as error:
        message = f"{LIVE}: its columns are others than a bundle's: {error}"
        raise NotExact(message) from error


def _named(columns: dict[str, Column], prefix: str) -> dict[str, Column]:
    """Takes the columns that are named by arm out of the others."""
    names = [name for name in columns if name.startswith(prefix)]
    return {name.removeprefix(prefix): columns.pop(name) for name in names}


def _score_path(pilot: Pilot, arm: Arm, place: int) -> str:
    return f"{folder_of(pilot, arm)}/rubric-{place + 1}.parquet"


def _score_columns(scores: ScoreColumns) -> dict[str, Column]:
    met = {f"{_MET}{place}": np.ascontiguousarray(scores.met[:, place]) for place in range(scores.met.shape[1])}
    return {"is_there": scores.is_there, "values": scores.values, "unquoted": scores.unquoted} | met


def _read_scores(read: Read, path: str) -> ScoreColumns:
    columns = read(path)
    met = _named(columns, _MET)
    # Laid out as the store lays them out, so that sums go over them in the same order.
    table = np.column_stack([columns["values"], columns["unquoted"], *met.values()])
    return ScoreColumns(columns["is_there"], table[:, 0], table[:, 1], table[:, 2:])
