"""Import lines for tests, and a reader of them without a database."""

from datetime import UTC, datetime
from typing import Any

import orjson

from app.capture.document import Layout, layout_of
from app.capture.foreign import READERS
from app.capture.lines import LineReader, ReadLines
from app.domain.imports import ImportFormat
from app.domain.pilot import Arm, Pilot
from app.domain.words import ArmRole, PilotState
from app.errors import Problem
from tests.builders import a_configuration

LINE_BYTES = 4 * 1024 * 1024


def a_layout(**tables: Any) -> Layout:
    tables.setdefault("segment", [{"name": "extraction"}])
    arms = (
        Arm(1, "incumbent", ArmRole.INCUMBENT, "m"),
        Arm(2, "qwen", ArmRole.CANDIDATE, "q"),
        Arm(3, "control", ArmRole.CONTROL, "m"),
    )
    return layout_of(
        Pilot(
            1, "support-bot", PilotState.DRAFT, a_configuration(**tables), arms, None, 0, True, False, True,
            datetime(2026, 11, 1, tzinfo=UTC), None, None,
        )
    )  # fmt: skip


def a_line(**keys: Any) -> dict[str, Any]:
    """A small right line; `None` takes a key out."""
    line = {
        "exchange_id": "e-1",
        "arrived_at": "2026-11-02T10:00:00Z",
        "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": "Where is my order?"}]},
        "replies": {"incumbent": {"content": "On its way."}},
    } | keys
    return {key: value for key, value in line.items() if value is not None}


def a_judgement(**keys: Any) -> dict[str, Any]:
    given = {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": "incumbent", "value": 1.0} | keys
    return {key: value for key, value in given.items() if value is not None}


def a_label(**keys: Any) -> dict[str, Any]:
    given = {"arm": "qwen", "by": "person", "rater": "r1", "value": 1.0} | keys
    return {key: value for key, value in given.items() if value is not None}


def text_of(*lines: Any) -> bytes:
    return b"".join(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines)


def read(*lines: Any, format_: ImportFormat = ImportFormat.PILOT, after: int = 0, **tables: Any) -> ReadLines:
    reader = LineReader(a_layout(**tables), line_bytes=LINE_BYTES, from_record=READERS[format_])
    return reader.read(text_of(*lines), after=after)


def problems_of(*lines: Any, **tables: Any) -> list[Problem]:
    return [problem for bad in read(*lines, **tables).bad for problem in bad]


def problem_of(*lines: Any, **tables: Any) -> Problem:
    (found,) = problems_of(*lines, **tables)
    return found
