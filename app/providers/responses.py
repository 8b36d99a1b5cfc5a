"""Replies of the Responses API, whole or as events.

Events and their fields: openai-python 3.52, `openai/types/responses/response_stream_event.py`. Deltas are added as they
come; a server that gives an item only when it is done, or only in the last event, is understood too.
"""

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from app.domain.exchange import Json
from app.providers.chat import arguments_text
from app.providers.draft import Draft, DraftCall, error_of, name_of, refuse, text_of

LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
PENDING = frozenset({"queued", "in_progress"})
CALL_ITEMS = {"function_call": "arguments", "custom_tool_call": "input"}
_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_TEXTS = {
    "response.output_text": "content",
    "response.refusal": "refusal",
    "response.reasoning_text": "thought",
    "response.reasoning_summary_text": "summary",
}
_ITEM_TEXTS = {"message": {"content", "refusal"}, "reasoning": {"thought", "summary"}}
_ARGUMENTS = {"response.function_call_arguments": "arguments", "response.custom_tool_call_input": "input"}


@dataclass(slots=True)
class ResponsesDraft(Draft):
    """A reply of the Responses API as far as it was read."""

    _told: set[tuple[str, int, int]] = field(default_factory=set)

    @override
    def add_chunk(self, chunk: Json) -> None:
        kind = chunk.get("type")
        if not isinstance(kind, str):
            self._raise_error(chunk)
            return
        name, _, step = kind.rpartition(".")
        if kind == "error":
            raise error_of(chunk.get("error") or {key: value for key, value in chunk.items() if key != "type"})
        if kind in LAST_EVENTS:
            self._end(chunk.get("response"))
        elif kind == "response.created":
            self._note_response(chunk.get("response"))
        elif name in _TEXTS and step in ("delta", "done"):
            self._add_text(chunk, _TEXTS[name], step)
        elif name in _ARGUMENTS and step in ("delta", "done"):
            self._add_arguments(chunk, _ARGUMENTS[name], step)
        elif name == "response.output_item" and step in ("added", "done"):
            self._add_item(chunk.get("item"), chunk.get("output_index"), is_whole=step == "done")

    @override
    def add_whole(self, body: Json) -> None:
        self._raise_error(body)
        if not isinstance(body.get("output"), list) and _word(body.get("status")) not in PENDING:
            refuse("a reply without output")
        self._end(body)

    def _end(self, response: Any) -> None:
        if not isinstance(response, dict):
            refuse("the last event has no response")
        self._note_response(response)
        self.is_done = True
        if response.get("status") == "failed" or response.get("error"):
            raise error_of(response.get("error") or "the response failed")
        self._add_output(_list(response.get("output")))
        self.is_pending = _word(response.get("status")) in PENDING
        self.finish_reason = self._reason(response)
        self.close()

    def _add_output(self, items: list[Any]) -> None:
        """What the last event alone tells: servers number its items anew, so that what was told before stays as it is."""
        told = {key[0] for key in self._told}
        if self.calls and all(call.name for call in self.calls.values()):
            told |= set(CALL_ITEMS)
        else:
            self.calls.clear()
        told |= {item for item, texts in _ITEM_TEXTS.items() if told & texts}
        for index, item in enumerate(items):
            if not isinstance(item, dict) or _word(item.get("type")) not in told:
                self._add_item(item, index, is_whole=True)

    def _reason(self, response: Json) -> str:
        """In the words of Chat Completions."""
        if self.is_pending:
            return name_of(response["status"])
        if response.get("status") == "incomplete":
            details = response.get("incomplete_details")
            reason = details.get("reason") if isinstance(details, dict) else None
            return _INCOMPLETE.get(reason, name_of(reason)) if isinstance(reason, str) else "incomplete"
        return "tool_calls" if self.calls else "stop"

    def _note_response(self, response: Any) -> None:
        if isinstance(response, dict):
            self._note_frame(response)

    def _raise_error(self, body: Json) -> None:
        if body.get("error"):
            raise error_of(body["error"])

    def _add_text(self, chunk: Json, kind: str, step: str) -> None:
        part = chunk.get("content_index", chunk.get("summary_index"))
        key = (kind, _place(chunk.get("output_index")), _place(part))
        given = chunk.get("delta") if step == "delta" else chunk.get("refusal" if kind == "refusal" else "text")
        self._tell(key, text_of(given), is_whole=step == "done")

    def _tell(self, key: tuple[str, int, int], text: str, *, is_whole: bool) -> None:
        """Adds a text; one that is given whole counts only if no part of it was told before."""
        kind = key[0]
        if is_whole and (key in self._told or not text):
            return
        if text:
            self._told.add(key)
        if kind == "content":
            self._put(text)
        elif kind == "refusal":
            self.refusal += text
        else:
            self.reasoning += text

    def _add_arguments(self, chunk: Json, kind: str, step: str) -> None:
        call = self.calls.setdefault(_place(chunk.get("output_index")), DraftCall())
        if step == "delta":
            call.arguments += text_of(chunk.get("delta"))
        else:
            call.arguments = arguments_text(chunk.get(kind)) or call.arguments
        if isinstance(chunk.get("name"), str) and not call.name:
            call.name = chunk["name"]

    def _add_item(self, item: Any, index: Any, *, is_whole: bool) -> None:
        if not isinstance(item, dict):
            refuse("an output item is not an object")
        kind = _word(item.get("type"))
        if kind in CALL_ITEMS:
            self._add_call(item, index)
        elif kind == "message" and is_whole:
            self._add_message(item, index)
        elif kind == "reasoning" and is_whole:
            for name, text in (("summary", "summary"), ("content", "thought")):
                for number, part in enumerate(_list(item.get(name))):
                    self._add_part(part, text, "text", (index, number))

    def _add_message(self, item: Json, index: Any) -> None:
        content = item.get("content")
        parts = [{"text": content}] if isinstance(content, str) else _list(content)
        for number, part in enumerate(parts):
            self._add_part(part, "content", "text", (index, number))
            self._add_part(part, "refusal", "refusal", (index, number))

    def _add_part(self, part: Any, kind: str, name: str, place: tuple[Any, int]) -> None:
        if not isinstance(part, dict):
            refuse("a part of an output item is not an object")
        self._tell((kind, _place(place[0]), place[1]), text_of(part.get(name)), is_whole=True)

    def _add_call(self, item: Json, index: Any) -> None:
        call = self.calls.setdefault(_place(index), DraftCall())
        call.name = text_of(item.get("name")) or call.name
        call.arguments = arguments_text(item.get(CALL_ITEMS[item["type"]])) or call.arguments
        number = item.get("call_id") or item.get("id")
        call.id = name_of(number) if isinstance(number, str) else call.id


def _list(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        refuse("a list of the reply is not a list")
    return value or []


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _place(index: Any) -> int:
    """Where something stands; servers that number nothing have one."""
    return index if isinstance(index, int) else 0
