"""JSON in what a model says: whole, behind thoughts, among words."""

from typing import Any

import pytest

from app.graders.spoken_json import last_object, objects_with, spoken_json


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"a": 1}', [("", {"a": 1})]), ('</think>{"a": 1}', [("", {"a": 1})]), ("words", []),
        ('one</think>two</think>{"a": 1}', [("one</think>two", {"a": 1})]),
        ('```json\n{"a": 1}\n```', [("", {"a": 1})]), ('```\n{"a": 1}\n```', [("", {"a": 1})]), ("``````", []),
        ('{"a": 1, "a": 2}', []), ('{"a": NaN}', []),
    ],
)  # fmt: skip
def test_what_may_be_the_answer_and_what_stands_before_it(content: str, found: list[tuple[str, Any]]) -> None:
    assert list(spoken_json(content)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"a" is {"a": 1}', [({"a": 1}, 15)]), ('the "a" is {"a": 1}', [({"a": 1}, 19)]), ('{"b": 1, "a": 2}', []),
        ('{"a": 1} or {"a": 2}', [({"a": 1}, 8), ({"a": 2}, 20)]), ("nothing", []), ('{"a": 7}', []),
    ],
)  # fmt: skip
def test_objects_are_found_by_their_first_key_unless_they_are_quoted(text: str, found: list[tuple[Any, int]]) -> None:
    assert objects_with(text, "a", ['as shown: {"a": 7}']) == found


@pytest.mark.parametrize(("chars", "is_found"), [(100_000, True), (100_001, False)])
def test_so_long_a_text_is_searched_and_no_longer(chars: int, is_found: bool) -> None:
    found = last_object("x" * (chars - 8) + '{"a": 1}', "a", [])
    assert found == (("", {"a": 1}) if is_found else None)
