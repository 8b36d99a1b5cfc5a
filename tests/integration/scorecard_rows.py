"""Rows of evidence straight in the store: what a test is about, without an import."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.store.tables import ExchangeRow, GradeRow, LabelRow, PairRow, ReplyRow

START = datetime(2026, 9, 7, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + 60 * DAY


@dataclass(frozen=True)
class Said:
    """One answer of a judge: `value` in [0, 1] for the arm, or `None` = unparsed."""

    first: str | None
    value: float | None
    rater: str = "gpt-4"
    at: datetime | None = None


@dataclass(frozen=True)
class Told:
    """One person's answer; `value` `None` = skipped."""

    value: float | None
    draw: float | None = 0.5
    rater: str = "r1"
    at: datetime | None = None


@dataclass(frozen=True)
class Row:
    """One exchange with the incumbent's and one candidate's reply.

    `rule` None = the pair is pending; `preference` is what a rule other than `grader` decided.
    """

    at: datetime
    conversation: str = ""
    segment: str = "other"
    rule: str | None = "grader"
    preference: float | None = None
    said: tuple[Said, ...] = ()
    told: tuple[Told, ...] = ()
    ungraded: str | None = None
    incumbent: dict[str, Any] = field(default_factory=dict)
    candidate: dict[str, Any] | None = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    name: str = ""


def both(value: float, rater: str = "gpt-4") -> tuple[Said, ...]:
    """The same answer in both orders."""
    return (Said("incumbent", value, rater), Said("qwen", value, rater))


def store_rows(session: Session, pilot: Pilot, rows: Iterable[Row], arm_name: str = "qwen") -> None:
    """Stores the rows as an import and its grading would."""
    arm, rows = pilot.arm_named(arm_name), list(rows)
    names = [row.name or f"e-{number:06d}" for number, row in enumerate(rows)]
    values = [_exchange(pilot, row, name) for row, name in zip(rows, names, strict=True)]
    statement = insert(ExchangeRow).returning(ExchangeRow.external_id, ExchangeRow.id)
    ids = {row.external_id: row.id for row in session.execute(statement, values)} if rows else {}
    pairs = list(zip(rows, (ids[name] for name in names), strict=True))
    replies = [_reply(pilot, pilot.incumbent.id, number, row.incumbent) for row, number in pairs]
    replies += [_reply(pilot, arm.id, number, row.candidate) for row, number in pairs if row.candidate is not None]
    for table, many in (
        (ReplyRow, replies),
        (PairRow, [_pair(pilot, arm.id, number, row) for row, number in pairs if row.candidate is not None]),
        (GradeRow, [_grade(pilot, arm.id, number, row, said) for row, number in pairs for said in row.said]),
        (LabelRow, [_label(pilot, arm.id, number, row, told) for row, number in pairs for told in row.told]),
    ):
        if many:
            session.execute(insert(table), many)


def _exchange(pilot: Pilot, row: Row, name: str) -> dict[str, Any]:
    return {
        "pilot_id": pilot.id,
        "external_id": name,
        "arrived_at": row.at,
        "conversation_id": row.conversation or name,
        "segment": row.segment,
        "inclusion_probability": 1.0,
        "sample_point": 0.0,
        "source": "imported",
        "reason": "captured",
        "closed_at": row.at,
    } | row.extra


def _reply(pilot: Pilot, arm: int, number: int, facts: dict[str, Any]) -> dict[str, Any]:
    names = ("failure", "status", "model", "input_tokens", "cached_input_tokens", "output_tokens", "lag_seconds")
    times = ("ttft_any_seconds", "ttft_visible_seconds", "total_seconds")
    keys = {"exchange_id": number, "arm_id": arm, "pilot_id": pilot.id, "source": "imported"}
    return dict.fromkeys((*names, *times)) | keys | facts


def _pair(pilot: Pilot, arm: int, number: int, row: Row) -> dict[str, Any]:
    state = "pending" if row.rule is None else "settled"
    keys = {"exchange_id": number, "arm_id": arm, "pilot_id": pilot.id}
    return keys | {"state": state, "rule": row.rule, "preference": row.preference, "ungraded": row.ungraded}


def _grade(pilot: Pilot, arm: int, number: int, row: Row, said: Said) -> dict[str, Any]:
    return {
        "pilot_id": pilot.id,
        "exchange_id": number,
        "arm_id": arm,
        "grader": "judge",
        "rater": said.rater,
        "version": "imported",
        "shown_first": said.first,
        "value": said.value,
        "ungraded": "unparsed" if said.value is None else None,
        "source": "imported",
        "at": said.at or row.at,
    }


def _label(pilot: Pilot, arm: int, number: int, row: Row, told: Told) -> dict[str, Any]:
    return {
        "pilot_id": pilot.id,
        "exchange_id": number,
        "arm_id": arm,
        "rater": told.rater,
        "value": told.value,
        "skipped": None if told.value is not None else "unclear",
        "draw_probability": told.draw,
        "source": "imported",
        "at": told.at or row.at,
    }
