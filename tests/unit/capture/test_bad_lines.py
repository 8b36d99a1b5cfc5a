"""Everything that can be wrong with an import line has a name, a line and a field."""

from typing import Any

import orjson
import pytest

from tests.unit.capture.lines import a_judgement, a_label, a_line, problem_of, problems_of, read, text_of

INCUMBENT = {"content": "On its way."}


def replies(**candidate: Any) -> dict[str, Any]:
    return a_line(replies={"incumbent": INCUMBENT, "qwen": candidate})


def preferring(*preferences: dict[str, Any]) -> dict[str, Any]:
    return a_line(preferences=list(preferences))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"exchange_id": }\n', "not_json"),
        (b"not JSON at all\n", "not_json"),
        (b'{"a": 1} {"b": 2}\n', "not_json"),
        (b'{"a": 1\n', "not_json"),
        (b"[1, 2]\n", "not_an_object"),
        (b'"text"\n', "not_an_object"),
        (b'{"a": NaN}\n', "not_finite"),
        (b'{"a": Infinity}\n', "not_finite"),
        (b'{"a": -Infinity}\n', "not_finite"),
        (b'{"a": 1e999}\n', "not_finite"),
        (b'{"a": "\xff"}\n', "invalid_utf8"),
        (b'{"a": "\xc3\x28"}\n', "invalid_utf8"),
        (b'{"a": "\x00"}\n', "nul"),
        ('{"a": 1}\n'.encode("utf-16-le")[:-1], "nul"),
        (b'{"a": "\\ud800"}\n', "lone_surrogate"),
        (b'{"a": "\\udc00 and on"}\n', "lone_surrogate"),
        (b'{"a": ' + b"[" * 2000 + b"\n", "too_deep"),
        (b'{"a": 1', "cut_off"),
    ],
)
def test_a_line_that_is_not_json_is_named(raw: bytes, code: str) -> None:
    found = problem_of(a_line(), raw)
    assert (found.code, found.line, found.field) == (code, 2, None)


def test_a_half_written_last_line_is_said_to_be_cut_off_wherever_it_ends() -> None:
    whole = orjson.dumps(
        a_line(request={"messages": [{"role": "user", "content": 'Ü 漢 😀 "quoted" \\ \n tail'}], "t": [1.5e3, True]})
    )
    whole = whole.replace("😀".encode(), b"\\ud83d\\ude00")
    for length in range(1, len(whole)):
        found = problem_of(a_line(exchange_id="e-0"), whole[:length])
        assert (found.code, found.line) == ("cut_off", 2), whole[:length]
        assert "cut off" in found.message
    assert not read(whole).bad, "a last line without its end that is whole is taken"


def test_a_wrong_last_line_is_not_said_to_be_cut_off() -> None:
    assert problem_of(b'{"a": nope, "b": "and on it goes for long enough"}').code == "not_json"


def test_a_line_of_5_mb_is_too_long() -> None:
    found = problem_of(a_line(), a_line(request={"messages": [], "text": "x" * 5_000_000}), a_line())
    assert (found.code, found.line) == ("line_too_long", 2)
    assert "PILOT_IMPORT_LINE_BYTES" in found.message


def test_a_nul_character_is_named_with_its_field() -> None:
    raw = text_of(a_line()).replace(b"Where is", b"Where\\u0000is")
    found = problem_of(raw)
    assert (found.code, found.field) == ("nul", "request.messages[0].content")
    assert problem_of(text_of(a_line()).replace(b"e-1", b"e\\u00001")).field == "exchange_id"


def test_a_text_that_speaks_of_a_nul_is_no_nul() -> None:
    assert not read(a_line(replies={"incumbent": {"content": "write \\u0000 for it"}})).bad


def test_a_request_nested_too_deeply_is_named() -> None:
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    assert problem_of(text_of(a_line()).replace(b'"Where is my order?"', deep)).code == "too_deep"


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        (a_line(arrived_at="2026-11-02T10:00:00"), "no_zone", "arrived_at"),
        (a_line(arrived_at="2026-11-02"), "no_zone", "arrived_at"),
        (a_line(arrived_at="yesterday"), "not_a_time", "arrived_at"),
        (a_line(arrived_at=1_700_000_000), "wrong_type", "arrived_at"),
        (a_line(arrived_at="1926-11-02T10:00:00Z"), "out_of_range", "arrived_at"),
        (a_line(arrived_at=None), "missing", "arrived_at"),
        (a_line(request=None), "missing", "request"),
        (a_line(request="hello"), "wrong_type", "request"),
        (a_line(request={"messages": "hello"}), "wrong_type", "request.messages"),
        (a_line(request={"messages": ["hello"]}), "wrong_type", "request.messages"),
        (a_line(request={"messages": None}), "wrong_type", "request.messages"),
        (a_line(replies=None), "missing", "replies"),
        (a_line(replies={}), "missing", "replies.incumbent"),
        (a_line(replies={"qwen": INCUMBENT}), "missing", "replies.incumbent"),
        (a_line(replies={"incumbent": None}), "wrong_type", "replies.incumbent"),
        (a_line(exchange_id=""), "wrong_length", "exchange_id"),
        (a_line(exchange_id=7), "wrong_type", "exchange_id"),
        (a_line(exchange_id="x" * 501), "wrong_length", "exchange_id"),
        (a_line(turn=-1), "out_of_range", "turn"),
        (a_line(turn=1.5), "wrong_type", "turn"),
        (a_line(turn=True), "wrong_type", "turn"),
        (a_line(segment="extracton"), "unknown_segment", "segment"),
        (a_line(inclusion_probability=0), "out_of_range", "inclusion_probability"),
        (a_line(inclusion_probability=1.01), "out_of_range", "inclusion_probability"),
        (a_line(inclusion_probability="1"), "wrong_type", "inclusion_probability"),
        (a_line(exchang_id="x"), "unknown_key", "exchang_id"),
        (replies(contnt="x"), "unknown_key", "replies.qwen.contnt"),
        (replies(failure="time-out"), "not_allowed", "replies.qwen.failure"),
        (replies(failure="http", status=99), "out_of_range", "replies.qwen.status"),
        (replies(failure="http", content="x"), "failure_and_answer", "replies.qwen.content"),
        (replies(content="x", message="why"), "not_allowed", "replies.qwen.message"),
        (replies(content=["x"]), "wrong_type", "replies.qwen.content"),
        (replies(content="x", total_seconds=-0.1), "out_of_range", "replies.qwen.total_seconds"),
        (replies(content="x", ttft_any_seconds="0.3"), "wrong_type", "replies.qwen.ttft_any_seconds"),
        (replies(content="x", usage={"prompt_tokens": -1}), "out_of_range", "replies.qwen.usage"),
        (replies(content="x", usage={"completion_tokens": 1.5}), "wrong_type", "replies.qwen.usage"),
        (replies(content="x", usage={"output_tokens": 2**31}), "out_of_range", "replies.qwen.usage"),
        (replies(content="x", usage={"prompt_tokens_details": 3}), "wrong_type", "replies.qwen.usage"),
        (
            replies(content="x", usage={"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}}),
            "out_of_range",
            "replies.qwen.usage",
        ),
        (replies(tool_calls={}), "tool_calls", "replies.qwen.tool_calls"),
        (replies(tool_calls=[{"name": "f"}]), "tool_calls", "replies.qwen.tool_calls[0].function"),
        (
            replies(tool_calls=[{"function": {"name": "f", "arguments": {}}}]),
            "tool_calls",
            "replies.qwen.tool_calls[0].function.arguments",
        ),
        (
            replies(tool_calls=[{"function": {"name": "", "arguments": "{}"}}]),
            "tool_calls",
            "replies.qwen.tool_calls[0].function.name",
        ),
        (a_line(replies={"incumbent": INCUMBENT, "qwenn": INCUMBENT}), "unknown_arm", "replies.qwenn"),
        (preferring(a_judgement(arm="incumbent")), "unknown_arm", "preferences[0].arm"),
        (preferring(a_judgement(), a_judgement(arm="llama")), "unknown_arm", "preferences[1].arm"),
        (preferring(a_judgement(by="machine")), "not_allowed", "preferences[0].by"),
        (preferring(a_judgement(rater=None)), "missing", "preferences[0].rater"),
        (preferring(a_judgement(rater="")), "wrong_length", "preferences[0].rater"),
        (preferring(a_judgement(value=1.1)), "out_of_range", "preferences[0].value"),
        (preferring(a_judgement(value=-0.1)), "out_of_range", "preferences[0].value"),
        (preferring(a_judgement(value=True)), "wrong_type", "preferences[0].value"),
        (preferring(a_judgement(value=None)), "no_value", "preferences[0]"),
        (preferring(a_judgement(ungraded="unparsed")), "value_and_reason", "preferences[0]"),
        (preferring(a_judgement(shown_first="control")), "not_allowed", "preferences[0].shown_first"),
        (preferring(a_judgement(draw_probability=0.5)), "person_only", "preferences[0].draw_probability"),
        (preferring(a_judgement(critical=False)), "person_only", "preferences[0].critical"),
        (preferring(a_judgement(at="2026-11-02T10:00:00")), "no_zone", "preferences[0].at"),
        (preferring(a_label(shown_first="qwen")), "judge_only", "preferences[0].shown_first"),
        (preferring(a_label(value=None, ungraded="x")), "judge_only", "preferences[0].ungraded"),
        (preferring(a_label(skipped="cannot tell")), "value_and_reason", "preferences[0]"),
        (preferring(a_label(value=None)), "no_value", "preferences[0]"),
        (preferring(a_label(draw_probability=0)), "out_of_range", "preferences[0].draw_probability"),
        (preferring(a_label(critical="no")), "wrong_type", "preferences[0].critical"),
        (preferring(a_label(), a_label(value=0.0)), "duplicate_preference", "preferences"),
        (preferring(a_judgement(), a_judgement()), "duplicate_preference", "preferences"),
        (a_line(preferences={}), "wrong_type", "preferences"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(line: dict[str, Any], code: str, field: str) -> None:
    found = problems_of(a_line(exchange_id="e-0"), line)
    assert (code, field) in {(problem.code, problem.field) for problem in found}
    assert {problem.line for problem in found} == {2}
    assert all(problem.message for problem in found)


def test_an_unknown_key_is_told_its_nearest_known_one() -> None:
    found = problem_of(replies(ttft_seconds=1, content="x"))
    assert "did you mean 'ttft_any_seconds'?" in found.message
    assert "total_seconds" in found.message


def test_allowed_values_are_listed() -> None:
    assert (
        "'timeout', 'http', 'connection', 'empty', 'malformed', 'too_large', 'unavailable'"
        in problem_of(replies(failure="x")).message
    )
    assert "extraction, other" in problem_of(a_line(segment="x")).message
    assert "Allowed: incumbent, qwen, control" in problem_of(a_line(replies={"incumbent": INCUMBENT, "x": INCUMBENT})).message
    assert "Allowed: control, qwen" in problem_of(preferring(a_judgement(arm="x", shown_first=None))).message


def test_a_line_is_told_several_problems_but_not_endlessly_many() -> None:
    found = problems_of(a_line(turn=-1, segment=3, replies={"incumbent": {"content": 1}}))
    assert {problem.field for problem in found} == {"turn", "segment", "replies.incumbent.content"}
    assert len(problems_of(a_line(**{f"x{n}": 1 for n in range(20)}))) == 5


def test_unreadable_keys_are_shown_readably() -> None:
    found = problem_of(a_line(**{"a\x00b": 1}))
    assert (found.code, found.field) == ("unknown_key", r"'a\x00b'")


def test_blank_lines_are_skipped_and_counted_in_line_numbers() -> None:
    found = read(b"\n", a_line(), b"  \r\n", a_line(exchange_id="e-2"), b"{}\n")
    assert (found.read, len(found.good), [bad[0].line for bad in found.bad]) == (5, 2, [5])
    assert [line.line for line in found.good] == [2, 4]


def test_line_numbers_go_on_in_the_next_chunk() -> None:
    assert read(a_line(), b"{}\n", after=1000).bad[0][0].line == 1002


def test_a_byte_order_mark_is_taken_at_the_beginning_only() -> None:
    mark = b"\xef\xbb\xbf"
    assert not read(mark + text_of(a_line())).bad
    assert read(mark + text_of(a_line()), after=1).bad


def test_lines_may_end_as_on_windows() -> None:
    assert len(read(text_of(a_line()).replace(b"\n", b"\r\n")).good) == 1


@pytest.mark.parametrize(
    ("reference", "code"),
    [(7, "wrong_type"), (["a"], "wrong_type"), (True, "wrong_type"), ("", "wrong_length"), (" \n", "wrong_length")],
)
def test_a_reference_is_a_text_or_an_object(reference: Any, code: str) -> None:
    found = problem_of(a_line(reference=reference))
    assert (found.field, found.code) == ("reference", code)


def test_a_reference_that_holds_a_nul_is_refused() -> None:
    found = problem_of(a_line(reference="a\0b"))
    assert (found.field, found.code) == ("reference", "nul")
