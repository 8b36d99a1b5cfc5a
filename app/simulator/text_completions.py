"""The wire format of Completions: one answer as a JSON object or as a stream of chunks."""

from collections.abc import Iterator

from app.domain.exchange import Json
from app.simulator.completions import CREATED, DONE, Answer, event_bytes, identity_of, pieces_of


def text_body(answer: Answer, request: Json) -> Json:
    """The whole answer as one object."""
    body = _frame(answer, request) | {"choices": [_choice(answer.content or "", answer.finish_reason)]}
    return body if answer.usage is None else body | {"usage": answer.usage}


def text_chunks(answer: Answer, request: Json, *, include_usage: bool) -> Iterator[tuple[int, bytes]]:
    """The answer as server-sent events, each with how many tokens' time it takes; `[DONE]` ends it."""
    frame = _frame(answer, request) | ({"usage": None} if include_usage else {})
    for piece in pieces_of(answer.content):
        yield 1, event_bytes(frame | {"choices": [_choice(piece, None)]})
    yield 0, event_bytes(frame | {"choices": [_choice("", answer.finish_reason)]})
    if include_usage and answer.usage is not None:
        yield 0, event_bytes(frame | {"choices": [], "usage": answer.usage})
    yield 0, DONE


def _frame(answer: Answer, request: Json) -> Json:
    name = f"cmpl-{identity_of(answer, request)}"
    return {"id": name, "object": "text_completion", "created": CREATED, "model": answer.model}


def _choice(text: str, finish: str | None) -> Json:
    return {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
