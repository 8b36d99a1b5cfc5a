"""Each thing that a reader would not see in the numbers is said exactly where it holds."""

from typing import Any

import pytest

from app.domain.rehearsal import ObjectiveModel, StepModel
from app.pipeline.rehearsal_notes import notes_of
from tests.unit.pipeline.rehearsal_server import AT

LONG: dict[str, Any] = {"kind": "speed", "outcome": "met", "started_at": AT, "speed": 1.0, "seconds": 60.0}
SHORT: dict[str, Any] = LONG | {"seconds": 59.0}
SEARCH: dict[str, Any] = LONG | {"kind": "search", "seconds": 15.0}
TWICE = "Steps send some of the same requests"


@pytest.mark.parametrize(
    ("steps", "limit", "said"),
    [
        ([LONG], 3.0, []),
        ([LONG | {"offered": 10, "repeated": 4}], 3.0, ["4 of 10 requests were sent in place"]),
        ([LONG | {"live_requests": 7}], 3.0, ["Mirroring went on: 7 live"]),
        ([LONG | {"refused": 2}], 3.0, ["2 requests were not sent"]),
        ([LONG | {"outcome": "not_valid"}], 3.0, ["Steps that are not valid"]),
        ([LONG, LONG | {"outcome": "lost"}], 3.0, [TWICE, "Lost with their worker and made again: 1 "]),
        ([SHORT], 3.0, ["No step lasted 60 s"]),
        ([LONG, SEARCH], 3.0, [TWICE]),
        ([LONG, SEARCH], 3.1, [TWICE, "Steps of the search lasted 15 s"]),
        ([LONG, SEARCH], None, [TWICE]),
    ],
)
def test_what_is_said(steps: list[dict[str, Any]], limit: float | None, said: list[str]) -> None:
    found = list(notes_of([StepModel.model_validate(step) for step in steps], ObjectiveModel(total_p95_seconds=limit)))
    assert len(found) == len(said)
    for note, words in zip(found, said, strict=True):
        assert note.startswith(words), note
