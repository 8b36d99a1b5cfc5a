"""Replies of Chat Completions, whole or in pieces, as one `Reply`, `Failure` or half-made draft."""

import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from app.domain.exchange import Failure, Json, Reply, Timing, ToolCall, Usage
from app.domain.words import FailureKind
from app.providers.think import ThinkSplitter
from app.providers.usage import usage_of

MESSAGE_CHARS = 300
NAME_CHARS = 200
ERROR_STATUSES = range(400, 600)


class MalformedReply(ValueError):
    """The server's answer has not the shape of Chat Completions."""


class ServerSaidError(ValueError):
    """An error object where a reply should be."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Call:
    name: str = ""
    arguments: str = ""
    id: str | None = None


@dataclass(slots=True)
class Draft:
    """A reply as far as it was read. `strip_think` moves `<think>…</think>` from the content to the reasoning."""

    strip_think: bool = False
    finish_reason: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    _content: str = ""
    _refusal: str = ""
    _reasoning: str = ""
    _splitter: ThinkSplitter = field(default_factory=ThinkSplitter)
    _calls: dict[int | str, _Call] = field(default_factory=dict)

    @property
    def has_visible(self) -> bool:
        """Whether there is anything that the user would see."""
        return bool(self._shown or self._refusal or self._calls)

    @property
    def has_any(self) -> bool:
        """Whether the model has given out anything, thoughts included."""
        return self.has_visible or bool(self._reasoning or self._splitter.thought)

    def add_chunk(self, chunk: Json) -> None:
        """Takes one chunk of a stream; `MalformedReply` or `ServerSaidError` if it is none."""
        self._add(chunk, "delta")

    def add_completion(self, body: Json) -> None:
        """Takes a whole reply."""
        self._add(body, "message")
        if not body.get("choices"):
            _refuse("a reply without choices")
        self._splitter.finish()

    def close(self) -> None:
        """The stream is over."""
        self._splitter.finish()

    def result(self, timing: Timing) -> Reply | Failure:
        """The reply; one without tool calls whose content is nothing but white space is a failure of kind `empty`."""
        content = repaired(self._shown or self._refusal)
        reasoning = repaired(self._reasoning + self._splitter.thought)
        calls = tuple(
            ToolCall(repaired(call.name), repaired(call.arguments), call.id) for call in self._calls.values() if call.name
        )
        if not content.strip() and not calls:
            because = f"finish_reason {self.finish_reason}" + (", reasoning only" if reasoning else "")
            return Failure(FailureKind.EMPTY, message=because, timing=timing)
        return Reply(content or None, calls, self.finish_reason, self.usage, timing, reasoning or None)

    @property
    def _shown(self) -> str:
        return self._splitter.visible if self.strip_think else self._content

    def _add(self, body: Json, key: str) -> None:
        if body.get("error"):
            raise _error_of(body["error"])
        choices = body.get("choices")
        if choices is not None and not isinstance(choices, list):
            _refuse("choices is not a list")
        if isinstance(body.get("model"), str):
            self.model = repaired(body["model"])[:NAME_CHARS]
        if isinstance(body.get("usage"), dict):
            self.usage = usage_of(body["usage"])
        for choice in choices or ():
            self._add_choice(choice, key)

    def _add_choice(self, choice: Any, key: str) -> None:
        if not isinstance(choice, dict):
            _refuse("a choice is not an object")
        if choice.get("index") not in (None, 0):
            return
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = repaired(choice["finish_reason"])[:NAME_CHARS]
        message = choice.get(key)
        if message is None:
            return
        if not isinstance(message, dict):
            _refuse(f"{key} is not an object")
        self._add_text(message)
        for call in _tool_calls(message):
            self._add_call(call)

    def _add_text(self, message: Json) -> None:
        content = _text(message.get("content"))
        if self.strip_think:
            self._splitter.feed(content)
        else:
            self._content += content
        self._refusal += _text(message.get("refusal"))
        self._reasoning += _text(message.get("reasoning_content")) or _text(message.get("reasoning"))

    def _add_call(self, given: Any) -> None:
        if not isinstance(given, dict):
            _refuse("a tool call is not an object")
        function = given.get("function") or {}
        if not isinstance(function, dict):
            _refuse("a tool call's function is not an object")
        call = self._calls.setdefault(self._key_of(given), _Call())
        call.name += _text(function.get("name"))
        call.arguments += _arguments(function.get("arguments"))
        if isinstance(given.get("id"), str) and given["id"]:
            call.id = repaired(given["id"])[:NAME_CHARS]

    def _key_of(self, given: Json) -> int | str:
        """Pieces of one call share its index; without one a new id begins a new call, and no id goes on with the last."""
        if isinstance(given.get("index"), int):
            return int(given["index"])
        number = given.get("id")
        if isinstance(number, str) and number:
            return next((key for key, call in self._calls.items() if call.id == number), number)
        return next(reversed(self._calls), 0) if not (given.get("function") or {}).get("name") else len(self._calls)


def parse_json(text: str) -> Any:
    """JSON as the standard says; `MalformedReply` otherwise."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = f"not JSON: {cut(text, 80)!r}"
        raise MalformedReply(message) from error


def cut(text: str, length: int = MESSAGE_CHARS) -> str:
    """A text that people may read in a list: one line, no control characters, bounded."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 2 * length])
    flat = " ".join(flat.split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def repaired(text: str) -> str:
    """A text that can be stored: halves of a character that was cut by the server are joined or replaced; no NUL."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "\ufffd")


def error_text(body: Any) -> str:
    """The words of an error object, whatever its shape."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = next((error[key] for key in ("message", "detail", "error", "type") if error.get(key)), error)
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False, default=str)


def _error_of(error: Any) -> ServerSaidError:
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and code in ERROR_STATUSES else None
    return ServerSaidError(cut(error_text({"error": error})), status)


def _tool_calls(message: Json) -> list[Any]:
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        _refuse("tool_calls is not a list")
    legacy = message.get("function_call")
    return [*(calls or ()), *([{"index": 0, "function": legacy}] if isinstance(legacy, dict) and not calls else [])]


def _arguments(value: Any) -> str:
    """Arguments are text that holds JSON; some servers give the JSON itself."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        _refuse("text is not text")
    return "".join(_text(part.get("text")) for part in value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(message: str) -> NoReturn:
    raise MalformedReply(message)
