"""Requests and replies of the mirrored routes, masked: what a program needs stays, what a person said is masked."""

import json
from typing import Any

import pytest

from app.capture.masking.bodies import mask_reply, mask_request, without_files
from app.capture.masking.masker import Masker
from app.domain.exchange import Failure, Json, Reply, ToolCall, Usage
from app.domain.requests import route_of
from app.domain.words import FailureKind

MASKER = Masker(b"the key of this test")
MAIL = "anna@example.com"
MASKED_MAIL = MASKER.text(MAIL)
PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 30
SOUND = "aB3" * 200

CHAT: Json = {
    "model": "gpt-5.1",
    "messages": [
        {"role": "system", "content": f"You are {MAIL}"},
        {"role": "user", "name": "anna", "content": [
            {"type": "text", "text": f"I am {MAIL}"},
            {"type": "image_url", "image_url": {"url": PICTURE, "detail": "high"}},
            {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}},
            {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}},
        ]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function",
             "function": {"name": "send_mail", "arguments": json.dumps({"to": MAIL, "n": 2})}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"sent": MAIL})},
    ],
    "tools": [{"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object", "required": ["to"]}}}],
    "tool_choice": {"type": "function", "function": {"name": "send_mail"}},
    "user": "u-4711", "metadata": {"mail": MAIL}, "temperature": 0.5, "stream": True, "seed": 1234567890123,
}  # fmt: skip
RESPONSES: Json = {
    "model": "gpt-5.1",
    "instructions": f"Ask {MAIL}",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": MAIL}, {"type": "input_image", "image_url": PICTURE}]},
        {"type": "function_call", "call_id": "c", "name": "look", "arguments": json.dumps({"q": MAIL})},
        {"type": "function_call_output", "call_id": "c", "output": f"found {MAIL}"},
    ],
    "tools": [{"type": "function", "name": "look", "parameters": {}}],
    "safety_identifier": MAIL,
}
COMPLETIONS: Json = {"model": "gpt-3.5", "prompt": f"Dear {MAIL},", "max_tokens": 5, "user": "u"}


@pytest.mark.parametrize("request_", [CHAT, RESPONSES, COMPLETIONS])
def test_what_people_said_is_masked_on_every_route_and_the_request_stays_one_of_its_route(request_: Json) -> None:
    before = json.dumps(request_)
    masked = mask_request(MASKER, request_)
    assert json.dumps(request_) == before, "the request itself is not touched"
    assert MAIL not in json.dumps(masked)
    assert MASKED_MAIL in json.dumps(masked)
    assert route_of(masked) == route_of(request_)
    assert masked["model"] == request_["model"]
    assert mask_request(MASKER, masked)["model"] == masked["model"]


def test_names_roles_numbers_and_tools_stay() -> None:
    masked = mask_request(MASKER, CHAT)
    assert [message["role"] for message in masked["messages"]] == ["system", "user", "assistant", "tool"]
    for key in ("tools", "tool_choice", "temperature", "stream", "seed"):
        assert masked[key] == CHAT[key]
    call = masked["messages"][2]["tool_calls"][0]
    assert (call["id"], call["function"]["name"]) == ("call_1", "send_mail")
    assert json.loads(call["function"]["arguments"]) == {"to": MASKED_MAIL, "n": 2}
    assert masked["messages"][3]["tool_call_id"] == "call_1"


def test_who_asked_is_a_placeholder_whatever_it_looks_like() -> None:
    assert mask_request(MASKER, CHAT)["user"].startswith("[USER:")
    assert mask_request(MASKER, RESPONSES)["safety_identifier"].startswith("[USER:")


def test_files_are_replaced_and_addresses_of_files_stay() -> None:
    parts = mask_request(MASKER, CHAT)["messages"][1]["content"]
    assert parts[1] == {"type": "image_url", "image_url": {"url": "[FILE]", "detail": "high"}}
    assert parts[2]["input_audio"] == {"data": "[FILE]", "format": "wav"}
    assert parts[3] == CHAT["messages"][1]["content"][3]


@pytest.mark.parametrize(("request_", "key", "number"), [(CHAT, "messages", 1), (RESPONSES, "input", 0)])
def test_a_candidate_is_told_that_there_was_a_file(request_: Json, key: str, number: int) -> None:
    parts = without_files(mask_request(MASKER, request_))[key][number]["content"]
    kind = "text" if key == "messages" else "input_text"
    assert parts[1] == {"type": kind, "text": "[FILE]"}
    assert [part["type"] for part in parts[-1:]] == ([kind] if key == "input" else ["image_url"])


def test_replies_are_masked_in_all_their_texts() -> None:
    usage = Usage(input_tokens=3, raw={"prompt_tokens": 3})
    calls = (ToolCall("send_mail", json.dumps({"to": MAIL}), "call_1"), ToolCall("send_mail", f"broken {{{MAIL}"))
    reply = mask_reply(MASKER, Reply(f"To {MAIL}", calls, "stop", usage, reasoning=f"hm {MAIL}"))
    assert isinstance(reply, Reply)
    assert reply == Reply(
        f"To {MASKED_MAIL}",
        (ToolCall("send_mail", json.dumps({"to": MASKED_MAIL}), "call_1"), ToolCall("send_mail", f"broken {{{MASKED_MAIL}")),
        "stop", usage, reasoning=f"hm {MASKED_MAIL}",
    )  # fmt: skip


def test_what_a_server_says_of_a_failure_is_masked() -> None:
    failed = mask_reply(MASKER, Failure(FailureKind.HTTP, 400, f"{MAIL} is unknown", adaptation=True))
    assert failed == Failure(FailureKind.HTTP, 400, f"{MASKED_MAIL} is unknown", adaptation=True)
    assert mask_reply(MASKER, Failure(FailureKind.TIMEOUT)) == Failure(FailureKind.TIMEOUT)
    assert mask_reply(MASKER, Reply(None)) == Reply(None)


def test_words_of_the_interface_stay_only_where_they_can_be_such() -> None:
    request = CHAT | {"metadata": {"status": MAIL, "type": "call 555-010-0199"}, "object": MAIL, "model": "Qwen/Qwen3.5-27B"}
    masked = mask_request(MASKER, request)
    assert MAIL not in json.dumps(masked)
    assert "0199" not in json.dumps(masked)
    assert masked["model"] == "Qwen/Qwen3.5-27B"


def test_arguments_are_read_as_what_they_are_not_as_the_request() -> None:
    """In a tool's arguments `name`, `type` and `role` are the app's own words."""
    arguments = json.dumps({"name": MAIL, "type": MAIL, "role": MAIL, "model": MAIL})
    masked: Any = mask_reply(MASKER, Reply(None, (ToolCall("x", arguments),)))
    assert set(json.loads(masked.tool_calls[0].arguments).values()) == {MASKED_MAIL}
