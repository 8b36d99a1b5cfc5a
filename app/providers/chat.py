"""Replies of Chat Completions, whole or in pieces."""

import json
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from app.domain.exchange import Json
from app.providers.draft import ChoicesDraft, DraftCall, name_of, refuse, text_of


@dataclass(slots=True)
class ChatDraft(ChoicesDraft):
    """A reply of Chat Completions as far as it was read."""

    @override
    def _add_choice(self, choice: Json, key: str) -> None:
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = name_of(choice["finish_reason"])
        message = choice.get(key)
        if message is None:
            return
        if not isinstance(message, dict):
            refuse(f"{key} is not an object")
        self._put(text_of(message.get("content")))
        self.refusal += text_of(message.get("refusal"))
        self.reasoning += text_of(message.get("reasoning_content")) or text_of(message.get("reasoning"))
        for call in _tool_calls(message):
            self._add_call(call)

    def _add_call(self, given: Any) -> None:
        if not isinstance(given, dict):
            refuse("a tool call is not an object")
        function = given.get("function") or _function_of(given.get("custom")) or {}
        if not isinstance(function, dict):
            refuse("a tool call's function is not an object")
        call = self.calls.setdefault(self._key_of(given), DraftCall())
        call.name += text_of(function.get("name"))
        call.arguments += arguments_text(function.get("arguments"))
        if isinstance(given.get("id"), str) and given["id"]:
            call.id = name_of(given["id"])

    def _key_of(self, given: Json) -> int | str:
        """Pieces of one call share its index; without one a new id begins a new call, and no id goes on with the last."""
        if isinstance(given.get("index"), int):
            return int(given["index"])
        number = given.get("id")
        if isinstance(number, str) and number:
            return next((key for key, call in self.calls.items() if call.id == number), number)
        return next(reversed(self.calls), 0) if not (given.get("function") or {}).get("name") else len(self.calls)


def arguments_text(value: Any) -> str:
    """Arguments are text that holds JSON; some servers give the JSON itself."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else text_of(value)


def _tool_calls(message: Json) -> list[Any]:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        refuse("tool_calls is not a list")
    legacy = message.get("function_call")
    return [*(calls or ()), *([{"index": 0, "function": legacy}] if isinstance(legacy, dict) and not calls else [])]


def _function_of(custom: Any) -> Json | None:
    """A custom tool's call, whose input is free text."""
    return {"name": custom.get("name"), "arguments": custom.get("input")} if isinstance(custom, dict) else None
