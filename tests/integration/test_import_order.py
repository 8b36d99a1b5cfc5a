"""Importing in any order, split over files or repeated stores the same rows and gives the same scorecard."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.store.session import SessionFactory
from tests.api import PILOT_TOML, an_api
from tests.integration.importing import dump, import_lines
from tests.unit.capture.lines import a_judgement, a_label

NUMBERS = count()
SEGMENT = '[[segment]]\nname = "extraction"\nmatch = { model = "m-e" }\n'
JUDGE = '[judge]\nrater = "gpt-4"\n'
AT = "2026-12-01T00:00:00Z"

Line = dict[str, Any]
WHOLE: list[Line] = [
    {
        "exchange_id": f"e-{n}",
        "arrived_at": f"2026-11-{n + 1:02d}T10:00:00Z",
        "conversation_id": "c-1",
        "turn": n,
        "segment": segment,
        "inclusion_probability": 0.5,
        "reference": "Hello!" if n else {"greeting": "hello", "cheerful": True},
        "request": {"model": model, "messages": [{"role": "user", "content": "hello"}]},
        "replies": {
            "incumbent": {"content": "Hi.", "total_seconds": 1, "usage": {"prompt_tokens": 3}, "finish_reason": "stop"},
            "qwen": reply,
        },
        "preferences": [
            a_judgement(at=AT, reason="clear"), a_judgement(shown_first="qwen", value=0.0),
            a_judgement(shown_first=None, value=0.5),
            a_label(at=AT, critical=False, draw_probability=0.2), a_label(rater="r2", value=None, skipped="no"),
        ],
    }
    for n, (model, segment, reply) in enumerate([
        ("m-e", "other", {"content": "Hello.", "model": "q", "ttft_any_seconds": 0.2}),
        ("m", "extraction", {"failure": "http", "status": 503, "message": "busy"}),
        ("m-e", "extraction", {"content": "", "tool_calls": []}),
    ])
]  # fmt: skip
TOP = ("conversation_id", "turn", "segment", "inclusion_probability", "reference", "preferences")
OF_REPLIES = ("total_seconds", "usage", "finish_reason", "model", "ttft_any_seconds", "status", "message")
OF_PREFERENCES = ("at", "reason", "critical", "draw_probability")


@st.composite
def parts(draw: st.DrawFn, whole: Line) -> Line:
    """A line that says a part of what the whole one says."""
    part = {key: value for key, value in whole.items() if key not in TOP or draw(st.booleans())}
    part["replies"] = {
        arm: {key: value for key, value in reply.items() if key not in OF_REPLIES or draw(st.booleans())}
        for arm, reply in whole["replies"].items()
        if arm == "incumbent" or draw(st.booleans())
    }
    if "preferences" in part:
        part["preferences"] = [
            {key: value for key, value in preference.items() if key not in OF_PREFERENCES or draw(st.booleans())}
            for preference in draw(st.permutations(whole["preferences"]))
            if draw(st.booleans())
        ]
    return part


LINES = st.lists(st.one_of(*(parts(whole) for whole in WHOLE)), min_size=1, max_size=6)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Line], list[list[Line]]]:
    """Some lines, and the same lines in another order, some of them twice, split over files."""
    lines = draw(LINES)
    again = draw(st.permutations(lines + draw(st.lists(st.sampled_from(lines), max_size=3))))
    cuts = sorted(draw(st.lists(st.integers(0, len(again)), max_size=3)))
    return lines, [again[start:end] for start, end in zip([0, *cuts], [*cuts, len(again)], strict=True)]


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        yield made


def imported(api: TestClient, session_factory: SessionFactory, files: list[list[Line]], chunk_lines: int) -> dict[str, Any]:
    name = f"pilot-{next(NUMBERS)}"
    toml = PILOT_TOML.replace("support-bot", name) + SEGMENT + JUDGE
    assert api.post("/api/v1/pilots", content=toml).status_code == 201
    for lines in files:
        import_lines(api, *lines, pilot=name, chunk_lines=chunk_lines)
    answer = api.get(f"/api/v1/pilots/{name}/scorecard")
    assert answer.status_code == 200, answer.text
    card = json.loads(answer.text.replace(name, "NAME"))
    del card["data_hash"]
    return {**dump(session_factory, name), "scorecard": card}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories(), chunk_lines=st.integers(1, 4))
def test_any_order_any_split_any_repetition_gives_the_same_rows_and_scorecard(
    api: TestClient, session_factory: SessionFactory, history: tuple[list[Line], list[list[Line]]], chunk_lines: int
) -> None:
    lines, files = history
    assert imported(api, session_factory, files, chunk_lines) == imported(api, session_factory, [lines], 1000)
