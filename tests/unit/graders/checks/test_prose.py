"""What of a text is written for people, and what was asked for."""

from typing import Any

import pytest

from app.domain.exchange import Reply
from app.graders.checks.asked import asks_for_json, last_user_text, system_texts
from app.graders.checks.catalogue import checks_of, look_at
from app.graders.checks.prose import is_json, prose_of, without_code


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ('{"a": 1}', True), (" {", True), ("[1]", False), ('["a"]', True), ("[{}]", True), ("[[1]]", True), ("[]", True),
        ("[ 1 ]", True), ("[\n1\n]", True), ("[sic] he said", False), ('"a"', False), ("x{", False), ("", False),
        ("x[ ", False),
    ],
)  # fmt: skip
def test_json_is_told_by_how_it_begins(text: str, is_found: bool) -> None:
    assert is_json(text) is is_found


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no code", "no code"), ("a```b```c", "a\nc"), ("a~~~b~~~c", "a\nc"), ("a```b~~~c```d", "a\nd"),
        ("a~~~b```c~~~d", "a\nd"),
        ("a```b", "a"), ("```a```b```c```d", "\nb\nd"), ("a``b``c", "a``b``c"),
    ],
)  # fmt: skip
def test_fenced_blocks_are_left_out(text: str, left: str) -> None:
    assert without_code(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("use `x = 1` now", "use now"), ("see https://a.example/b now", "see now"), ("see www.a.example now", "see now"),
        ("mail a@b.example now", "mail now"), ("a <b>bold</b> word", "a bold word"), ("call [NAME:1] now", "call now"),
        ("a < b and [c]", "a < b and [c]"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_prose_has_no_code_addresses_tags_and_masks(text: str, left: str) -> None:
    assert " ".join(prose_of(text, most=100).split()) == left


@pytest.mark.parametrize(
    ("request_", "is_asked"),
    [
        ({"response_format": {"type": "json_object"}}, True), ({"response_format": {"type": "json_schema"}}, True),
        ({"response_format": {"type": "text"}}, False), ({"text": {"format": {"type": "json_object"}}}, True),
        ({"text": {"format": {"type": "text"}}}, False), ({"text": "x"}, False), ({}, False),
        ({"response_format": {"type": "text"}, "text": {"format": {"type": "json_object"}}}, False),
    ],
)  # fmt: skip
def test_json_is_asked_for_in_both_apis(request_: dict[str, Any], is_asked: bool) -> None:
    assert asks_for_json(request_) is is_asked


def test_the_last_word_of_the_user_and_the_instructions_are_told_apart() -> None:
    roles = ("system", "user", "developer", "user", "assistant", "tool")
    request = {"messages": [{"role": role, "content": f"{role} {n}"} for n, role in enumerate(roles)]}
    assert last_user_text(request) == "user 3"
    assert list(system_texts(request)) == ["system 0", "developer 2"]
    assert last_user_text({"messages": [{"content": "no role"}]}) == "no role"


def test_what_is_found_is_among_what_applies() -> None:
    checks = checks_of([])
    found = look_at(checks, {"response_format": {"type": "json_object"}}, Reply("no JSON", finish_reason="stop"))
    names = [{label.split("@")[0] for label in labels} for labels in (found.found, found.checked)]
    assert names[0] == {"json_invalid"}
    assert {"json_invalid", "truncated", "refusal"} <= names[1]
