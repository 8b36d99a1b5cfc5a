"""A reply as far as it was read, whatever its route; routes differ in how pieces are told (chat, completions, responses)."""

import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from typing_extensions import override

from app.domain.exchange import Failure, Json, Reply, Timing, ToolCall, Usage
from app.domain.words import FailureKind
from app.providers.sse import Event
from app.providers.think import ThinkSplitter
from app.providers.usage import joined, usage_in

MESSAGE_CHARS = 300
NAME_CHARS = 200
ERROR_STATUSES = range(400, 600)


class MalformedReply(ValueError):
    """The server's answer has not the shape of its route."""


class ServerSaidError(ValueError):
    """An error object where a reply should be."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class DraftCall:
    """A tool call as far as it was read."""

    name: str = ""
    arguments: str = ""
    id: str | None = None


@dataclass(slots=True)
class Draft:
    """What all routes share. `strip_think` moves `<think>…</think>` from the content to the reasoning.

    Attributes:
        is_done: The event that ends a stream of this route was read.
        is_pending: The server took the request and will answer elsewhere: there is no content and that is right.
        response_id: The reply's own id at the server.
        fingerprint: What the server calls its own configuration (`system_fingerprint`).
    """

    strip_think: bool = False
    finish_reason: str | None = None
    model: str | None = None
    response_id: str | None = None
    fingerprint: str | None = None
    usage: Usage = field(default_factory=Usage)
    is_done: bool = False
    is_pending: bool = False
    content: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: dict[Any, DraftCall] = field(default_factory=dict)
    _splitter: ThinkSplitter = field(default_factory=ThinkSplitter)

    @property
    def has_visible(self) -> bool:
        """Whether there is anything that the user would see."""
        return bool(self._shown or self.refusal or self.calls)

    @property
    def has_any(self) -> bool:
        """Whether the model has given out anything, thoughts included."""
        return self.has_visible or bool(self.reasoning or self._splitter.thought)

    def add_event(self, event: Event) -> None:
        """Takes one event of a stream; `MalformedReply` or `ServerSaidError` if it is none."""
        if self._is_end_mark(event):
            self.is_done = True
            self.close()
            return
        document = parse_json(event.data)
        if not isinstance(document, dict):
            refuse("an event is not an object")
        if event.name == "error" and not document.get("error"):
            raise ServerSaidError(cut(error_text(document)), None)
        self.add_chunk(document)

    def add_chunk(self, chunk: Json) -> None:
        """Takes one event's document."""
        raise NotImplementedError

    def add_whole(self, body: Json) -> None:
        """Takes a whole reply."""
        raise NotImplementedError

    def close(self) -> None:
        """The stream is over: nothing follows that could finish a tag."""
        self._splitter.finish()

    def result(self, timing: Timing) -> Reply | Failure:
        """The reply; one without tool calls whose content is nothing but white space is a failure of kind `empty`."""
        content = repaired(self._shown or self.refusal)
        reasoning = repaired(self.reasoning + self._splitter.thought)
        calls = tuple(
            ToolCall(repaired(call.name), repaired(call.arguments), call.id) for call in self.calls.values() if call.name
        )
        if not content.strip() and not calls and not self.is_pending:
            because = f"finish_reason {self.finish_reason}" + (", reasoning only" if reasoning else "")
            return Failure(FailureKind.EMPTY, message=because, timing=timing)
        is_refusal = bool(self.refusal and not self._shown)
        return Reply(content or None, calls, self.finish_reason, self.usage, timing, reasoning or None, is_refusal)

    @property
    def _shown(self) -> str:
        return self._splitter.visible if self.strip_think else self.content

    def _is_end_mark(self, event: Event) -> bool:
        return event.data.strip() == "[DONE]"

    def _put(self, text: str) -> None:
        if self.strip_think:
            self._splitter.feed(text)
        else:
            self.content += text

    def _note_frame(self, body: Json) -> None:
        """What every document of a route says of itself."""
        if isinstance(body.get("model"), str):
            self.model = name_of(body["model"])
        if isinstance(body.get("system_fingerprint"), str) and body["system_fingerprint"]:
            self.fingerprint = name_of(body["system_fingerprint"])
        if isinstance(body.get("id"), str) and body["id"]:
            self.response_id = name_of(body["id"])
        said = usage_in(body)
        if said is not None:
            self.usage = joined(self.usage, said)


@dataclass(slots=True)
class ChoicesDraft(Draft):
    """A route that tells its reply in `choices`; the first one counts."""

    @override
    def add_chunk(self, chunk: Json) -> None:
        self._add(chunk, "delta")

    @override
    def add_whole(self, body: Json) -> None:
        self._add(body, "message")
        if not body.get("choices"):
            refuse("a reply without choices")
        self.close()

    def _add(self, body: Json, key: str) -> None:
        if body.get("error"):
            raise error_of(body["error"])
        choices = body.get("choices")
        if choices is not None and not isinstance(choices, list):
            refuse("choices is not a list")
        self._note_frame(body)
        for choice in choices or ():
            if not isinstance(choice, dict):
                refuse("a choice is not an object")
            if choice.get("index") in (None, 0):
                self._add_choice(choice, key)

    def _add_choice(self, choice: Json, key: str) -> None:
        raise NotImplementedError


def parse_json(text: str) -> Any:
    """JSON as the standard says; `MalformedReply` otherwise."""
    try:
        return _decoder.decode(text)
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


def name_of(text: str) -> str:
    """A name that can be stored."""
    return repaired(text)[:NAME_CHARS]


def error_text(body: Any) -> str:
    """The words of an error object, whatever its shape."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = next((error[key] for key in ("message", "detail", "error", "type") if error.get(key)), error)
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False, default=str)


def error_of(error: Any) -> ServerSaidError:
    """What an error object in a reply's place says; its `code` is the status if it is one."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and code in ERROR_STATUSES else None
    return ServerSaidError(cut(error_text({"error": error})), status)


def text_of(value: Any) -> str:
    """A text, or the texts of its parts; `MalformedReply` if it is neither."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        refuse("text is not text")
    return "".join(text_of(part.get("text")) for part in value)


def refuse(message: str) -> NoReturn:
    """Raises `MalformedReply`."""
    raise MalformedReply(message)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_no_constant)
