import json

from hypothesis import given
from hypothesis import strategies as st

from app.domain.exchange import Json
from app.simulator.completions import Answer, chunks, completion_body, usage_body

CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": "LK 1"}'}}


def events(answer: Answer, *, include_usage: bool = True) -> list[Json]:
    data = b"".join(part for _, part in chunks(answer, include_usage=include_usage)).decode()
    lines = [line.removeprefix("data: ") for line in data.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@given(st.text(), st.booleans())
def test_the_chunks_of_a_stream_add_up_to_the_answer(content: str, include_usage: bool) -> None:
    found = events(Answer(content, "m"), include_usage=include_usage)
    deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == content


def test_tool_calls_are_streamed_in_pieces_that_add_up() -> None:
    found = events(Answer(None, "m", (CALL,), "tool_calls"))
    deltas = [call for event in found if event["choices"] for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert deltas[0]["id"] == "call_1"
    assert deltas[0]["function"]["name"] == "look_up"
    assert "".join(call["function"]["arguments"] for call in deltas) == CALL["function"]["arguments"]  # type: ignore[index]
    assert [event["choices"][0]["finish_reason"] for event in found if event["choices"]][-1] == "tool_calls"


def test_reasoning_comes_before_the_content() -> None:
    deltas = [event["choices"][0]["delta"] for event in events(Answer("yes", "m", reasoning="let me see"))]
    kinds = [next(iter(delta)) for delta in deltas if delta and "role" not in delta]
    assert kinds == ["reasoning_content"] * 3 + ["content"]


def test_usage_is_the_last_event_of_a_stream_only_if_it_was_asked_for() -> None:
    answer = Answer("hello", "m", usage=usage_body(7, 2))
    with_usage = events(answer)
    assert with_usage[-1]["choices"] == []
    assert with_usage[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert all(event["usage"] is None for event in with_usage[:-1])
    assert all("usage" not in event for event in events(answer, include_usage=False))


def test_a_whole_answer_has_the_fields_of_a_chat_completion() -> None:
    body = completion_body(Answer("hello", "m", (CALL,), "tool_calls", usage_body(7, 9, 4), "hm"))
    assert body["object"] == "chat.completion"
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "hello",
        "tool_calls": [CALL],
        "reasoning_content": "hm",
    }
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 4}
    assert "usage" not in completion_body(Answer("hello", "m"))
