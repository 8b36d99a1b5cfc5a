"""Two lines with one id: what is an addition, and what a contradiction."""

from typing import Any

import pytest

from app.capture.document import Document, document_from
from app.capture.line_format import LINE
from app.capture.merging import merge_documents
from tests.unit.capture.lines import a_judgement, a_label, a_line


def document(**keys: Any) -> Document:
    return document_from(LINE.validate_python(a_line(**keys)))


ANSWER = {"content": "On its way."}
QWEN = {"incumbent": ANSWER, "qwen": {"content": "Soon."}}


@pytest.mark.parametrize(
    "addition",
    [
        {"replies": QWEN},
        {"preferences": [a_judgement()]},
        {"conversation_id": "c"},
        {"turn": 0},
        {"segment": "extraction"},
        {"inclusion_probability": 1.0},
        {"reference": "Tomorrow."},
        {"replies": {"incumbent": ANSWER | {"usage": {"prompt_tokens": 3}}}},
        {"replies": {"incumbent": ANSWER | {"total_seconds": 1.5}}},
    ],
)
def test_more_is_an_addition_and_less_is_none(addition: dict[str, Any]) -> None:
    less, more = document(), document(**addition)
    for base, other, grew in ((less, more, True), (more, less, False), (more, more, False)):
        merged = merge_documents(base, other)
        assert (merged.conflicts, merged.has_additions, merged.document) == ((), grew, more)


def test_different_additions_make_the_same_union_in_any_order() -> None:
    parts = [
        document(replies=QWEN, turn=1),
        document(preferences=[a_label(), a_judgement()], segment="extraction"),
        document(preferences=[a_judgement(shown_first="qwen", value=0.0), a_label(rater="r2", critical=True)]),
        document(preferences=[a_label(draw_probability=0.2)]),
    ]
    forwards = backwards = document()
    for part in parts:
        forwards = merge_documents(forwards, part).document
    for part in reversed(parts):
        backwards = merge_documents(backwards, part).document
    assert forwards == backwards
    assert [p.get("draw_probability") for p in forwards["preferences"] if p["rater"] == "r1"] == [0.2]


@pytest.mark.parametrize(
    ("one", "other", "fields"),
    [
        ({}, {"arrived_at": "2026-11-02T10:00:01Z"}, ("arrived_at",)),
        ({"reference": "Tomorrow."}, {"reference": "Today."}, ("reference",)),
        ({}, {"request": {"model": "gpt-5.1"}}, ("request",)),
        ({"turn": 1}, {"turn": 2}, ("turn",)),
        ({"segment": "other"}, {"segment": "extraction"}, ("segment",)),
        ({}, {"replies": {"incumbent": {"content": "No."}}}, ("replies.incumbent.content",)),
        ({}, {"replies": {"incumbent": {"failure": "timeout"}}}, ("replies.incumbent.content", "replies.incumbent.failure")),
        (
            {},
            {"replies": {"incumbent": ANSWER | {"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}}},
            ("replies.incumbent.tool_calls",),
        ),
        (
            {"replies": {"incumbent": ANSWER | {"usage": {"prompt_tokens": 1}}}},
            {"replies": {"incumbent": ANSWER | {"usage": {"prompt_tokens": 2}}}},
            ("replies.incumbent.usage",),
        ),
        ({"preferences": [a_label()]}, {"preferences": [a_label(value=0.5)]}, ("preferences.value",)),
        (
            {"preferences": [a_label()]},
            {"preferences": [a_label(value=None, skipped="x")]},
            ("preferences.skipped", "preferences.value"),
        ),
        (
            {"preferences": [a_judgement(at="2026-11-02T10:00:00Z")]},
            {"preferences": [a_judgement(at="2026-11-03T10:00:00Z")]},
            ("preferences.at",),
        ),
    ],
)  # fmt: skip
def test_contradictions_name_their_field(one: dict[str, Any], other: dict[str, Any], fields: tuple[str, ...]) -> None:
    for base, second in ((one, other), (other, one)):
        merged = merge_documents(document(**base), document(**second))
        assert tuple(sorted(merged.conflicts)) == fields
        assert merged.document == document(**base)


def test_true_is_not_one() -> None:
    one, other = document(request={"stream": True}), document(request={"stream": 1})
    assert merge_documents(one, other).conflicts == ("request",)


def test_the_order_of_keys_in_a_request_is_no_contradiction() -> None:
    one, other = document(request={"a": 1, "b": 2}), document(request={"b": 2, "a": 1})
    assert merge_documents(one, other) == merge_documents(one, one)
