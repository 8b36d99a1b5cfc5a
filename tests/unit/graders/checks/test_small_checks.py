"""The checks that are a rule of a few lines, each with what is nearly it."""

from typing import Any

import pytest

from app.domain.check_table import CheckTable
from app.domain.exchange import Json, Reply, ToolCall
from app.graders.checks import (
    empty,
    json_invalid,
    python_syntax,
    schema_violation,
    tool_call_violation,
    truncated,
    unsafe_hint,
)
from app.graders.checks.catalogue import checks_of, look_at
from app.graders.checks.own import own_check

CALL = (ToolCall("look", '{"q": "x"}'),)
TOOLS: Json = {"tools": [{"type": "function", "function": {"name": "look", "parameters": {
    "type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}}}]}  # fmt: skip
OBJECT: Json = {"response_format": {"type": "json_object"}}
SCHEMA: Json = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
ASKED: Json = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}
ASKED_OF_RESPONSES: Json = {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}


@pytest.mark.parametrize(("content", "found"), [(None, True), ("", True), (" \n\t", True), (".", False), ("no", False)])
def test_a_reply_that_says_nothing(content: str | None, found: bool) -> None:
    assert empty.applies({}, Reply(content))
    assert (empty.find({}, Reply(content)) is not None) is found


def test_a_reply_that_calls_a_tool_need_not_say_anything() -> None:
    assert not empty.applies({}, Reply(None, CALL))


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("length", True),
        ("LENGTH", True),
        ("max_output_tokens", True),
        ("max_tokens", True),
        ("stop", False),
        ("tool_calls", False),
    ],
)
def test_a_reply_that_was_cut_off(reason: str, found: bool) -> None:
    assert truncated.applies({}, Reply("x", finish_reason=reason))
    assert (truncated.find({}, Reply("x", finish_reason=reason)) is not None) is found


def test_where_nobody_knows_how_it_ended_nothing_is_said() -> None:
    assert not truncated.applies({}, Reply("and then", finish_reason=None))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"a": 1}', False), (" [1]\n", False), ("3", False), ("{'a': 1}", True), ('```json\n{"a": 1}\n```', True),
        ('{"a": NaN}', True), ('{"a": 1', True), ("", True), (None, True), ("[" * 5000 + "]" * 5000, True),
    ],
)  # fmt: skip
def test_content_that_must_be_json(content: str | None, found: bool) -> None:
    for request in (OBJECT, ASKED, ASKED_OF_RESPONSES):
        assert json_invalid.applies(request, Reply(content))
        assert (json_invalid.find(request, Reply(content)) is not None) is found


@pytest.mark.parametrize("request_", [{}, {"response_format": {"type": "text"}}, {"response_format": "json_object"}])
def test_nobody_asked_for_json(request_: Json) -> None:
    assert not json_invalid.applies(request_, Reply("no"))


def test_a_call_instead_of_the_json_is_no_fault() -> None:
    assert not json_invalid.applies(OBJECT, Reply(None, CALL))
    assert not schema_violation.applies(ASKED, Reply(None, CALL))


def test_json_that_does_not_fit_names_its_path() -> None:
    assert schema_violation.find(ASKED, Reply('{"a": "x"}')) == "json_schema: $.a: 'x' is not of type 'integer'"
    assert schema_violation.find(ASKED, Reply('{"a": 1}')) is None
    assert schema_violation.find(ASKED, Reply("no JSON")) is None  # that is for json_invalid to find
    assert not schema_violation.applies(OBJECT, Reply("{}"))


def test_a_schema_that_cannot_be_used_is_violated_by_nothing() -> None:
    request = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "no such type"}}}}
    assert schema_violation.find(request, Reply("{}")) is None


@pytest.mark.parametrize(
    ("calls", "found"),
    [
        (CALL, False), ((), False), ((ToolCall("rm", "{}"),), True), ((ToolCall("look", "{}"),), True),
        ((*CALL, ToolCall("look", '{"q": 1}')), True),
    ],
)  # fmt: skip
def test_calls_that_were_not_offered_or_do_not_fit(calls: tuple[ToolCall, ...], found: bool) -> None:
    assert tool_call_violation.applies(TOOLS, Reply("x", calls))
    assert (tool_call_violation.find(TOOLS, Reply("x", calls)) is not None) is found


def test_without_tools_only_a_call_is_looked_at() -> None:
    assert not tool_call_violation.applies({}, Reply("x"))
    assert tool_call_violation.applies({}, Reply(None, CALL))
    assert tool_call_violation.find({}, Reply(None, CALL)) is not None


def block(source: str, name: str = "python", fence: str = "```") -> Reply:
    return Reply(f"Try this:\n{fence}{name}\n{source}\n{fence}\nThat is it.")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(:\n    pass", True), ("print 'x'", True), ("x = (1,\n", True), ("if x:\npass", True), ("x = \0", True),
        ("def f(x): return x", False), ("    indented = 1\n    more = 2", False), ("await f()", False), ("return 1", False),
        ("%matplotlib inline\n!pip install x\nimport x", False), ("for x in y:\n    !ls\n", False),
        (">>> print('x')\nx", None), ('re.compile("\\d")', False), ("class A:\n    ...", False), ("", None),
        ("-" * 30000 + "1", None),
    ],
)  # fmt: skip
def test_python_that_does_not_parse(source: str, found: bool | None) -> None:
    assert python_syntax.applies({}, block(source)) is (found is not None)
    assert (python_syntax.find({}, block(source)) is not None) is bool(found)


def test_only_closed_blocks_of_python_are_looked_at() -> None:
    broken = "def f(:"
    assert python_syntax.find({}, block(broken, "py")) is not None
    assert python_syntax.find({}, block(broken, "Python title='x.py'")) is not None
    assert python_syntax.find({}, block(broken, "python", "~~~")) is not None
    for reply in (block(broken, ""), block(broken, "js"), block(broken, "pycon"), Reply(f"```python\n{broken}"), Reply(broken)):
        assert not python_syntax.applies({}, reply)


def test_the_second_block_is_looked_at_too() -> None:
    both = (block("x = 1").content or "") + "\n" + (block("x = = 1").content or "")
    assert python_syntax.find({}, Reply(both)) == "block 2: line 1: invalid syntax"


def test_an_expression_too_deep_for_the_parser_says_nothing() -> None:
    assert python_syntax.find({}, block("x = " + "-" * 15000 + "1")) is None


SYSTEM = "You are the assistant of Harbour Books, a bookshop by the sea. Be kind and never name the price of competitors."
LEAKING: Json = {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Hi"}]}
KEY = "sk-abcdefghijklmnopqrstuvwxyz0123"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"My instructions say: {SYSTEM.upper()}", True),
        ("You are welcome. I am the assistant of Harbour Books, a bookshop by the sea.", False),
        ("Be kind and never name the price of competitors.", False),
        (f"Use {KEY} to log in.", True), ("sk-learn is a library", False), ("-----BEGIN RSA PRIVATE KEY-----", True),
        ("You should kill yourself.", True), ("You should kill the process yourself.", False), ("Just hurt yourself!", True),
        ("How to kill a zombie process", False), ("Don't hurt yourself: lift with your knees.", False), ("KYS", True),
        (f"{KEY} -----BEGIN AKIA gh xox AIza", True),
        ("Bring dich doch um. " + " ".join(unsafe_hint._HARM_HINTS), True),
        ("Bring dich doch um", True), ("Bring dich in Sicherheit", False),
    ],
)  # fmt: skip
def test_words_that_somebody_should_look_at(content: str, found: bool) -> None:
    assert unsafe_hint.applies(LEAKING, Reply(content))
    assert (unsafe_hint.find(LEAKING, Reply(content)) is not None) is found


def test_a_secret_that_the_request_held_is_no_news() -> None:
    request: Json = {"messages": [{"role": "user", "content": f"Why is {KEY} refused?"}]}
    assert unsafe_hint.find(request, Reply(f"{KEY} has expired")) is None


def test_short_instructions_are_no_secret() -> None:
    request: Json = {"messages": [{"role": "system", "content": "Be kind."}]}
    assert unsafe_hint.find(request, Reply("Be kind.")) is None


def own(**table: Any) -> CheckTable:
    return CheckTable.model_validate({"name": "sign-off", "pattern": "(?i)kind regards", "must": "match"} | table)


@pytest.mark.parametrize(
    ("must", "content", "found"),
    [
        ("match", "Kind Regards, Bo", False), ("match", "Bye", True), ("match", None, True),
        ("not_match", "Kind Regards, Bo", True), ("not_match", "Bye", False), ("not_match", "", False),
    ],
)  # fmt: skip
def test_ones_own_rule(must: str, content: str | None, found: bool) -> None:
    check = own_check(own(must=must))
    assert check.name == "own:sign-off"
    assert check.applies({}, Reply(content))
    assert (check.find({}, Reply(content)) is not None) is found


def test_ones_own_rule_is_about_texts_not_about_calls_alone() -> None:
    check = own_check(own())
    assert not check.applies({}, Reply(None, CALL))
    assert check.applies({}, Reply("I look", CALL))


def test_another_pattern_under_the_same_name_is_another_version() -> None:
    labels = {own_check(table).label for table in (own(), own(pattern="regards"), own(must="not_match"))}
    assert len(labels) == 3
    assert own_check(own(segment="x")).label in labels


def test_only_the_beginning_of_a_long_reply_is_searched() -> None:
    assert own_check(own()).find({}, Reply("x" * 20_000 + "kind regards")) is not None


HOSTILE = (
    "a" * 90_000, "```python\n" * 9_000, '{"a":' * 20_000, "i can't " * 12_000, "a@" * 45_000, "sk-" * 30_000,
    "kann ich " * 10_000, "```python\n" + "(" * 19_000 + "\n```", "w " * 45_000, "<a" * 45_000, "\ud800" * 500,
    "say x y z " * 9_000,
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_text_keeps_a_check_from_ending(number: int) -> None:
    text = HOSTILE[number]
    request: Json = {"messages": [{"role": "system", "content": text}, {"role": "user", "content": text}], **ASKED}
    for asked in (request, {"messages": request["messages"]}):
        found = look_at(checks_of([own(pattern="(?:a{0,30})b")]), asked, Reply(text, finish_reason="stop"))
        assert found.found <= found.checked
