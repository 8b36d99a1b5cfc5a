"""The routes that a simulated model serves: each takes another request and writes the same answer differently.

A model knows messages only; what it is asked on another route is put to it as Chat Completions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.domain.exchange import Json
from app.domain.requests import CHAT, COMPLETIONS, RESPONSES, route_of
from app.providers.responses_request import as_chat
from app.simulator.completions import Answer, Refusal, chunks, completion_body
from app.simulator.responses import response_body, response_events
from app.simulator.text_completions import text_body, text_chunks

Events = Iterator[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        path: Under `/v1`.
        wants: What a request must have, for those that have it not.
        to_chat: The request as the model sees it.
        whole: The answer as one object.
        events: The answer as a stream, each event with how many tokens' time it takes.
    """

    path: str
    wants: str
    to_chat: Callable[[Json], Json]
    whole: Callable[[Answer, Json], Json]
    events: Callable[[Answer, Json], Events]

    def refusal(self, request: Json) -> Refusal | None:
        """What is wrong with a request of this route."""
        if route_of(request) == self.path:
            return None
        name = self.wants.partition("'")[2].partition("'")[0]
        return Refusal(400, self.wants, param=name)


def _wants_usage(request: Json) -> bool:
    return bool((request.get("stream_options") or {}).get("include_usage"))


def _prompted(request: Json) -> Json:
    prompt = request["prompt"]
    text = prompt if isinstance(prompt, str) else "\n".join(str(part) for part in prompt)
    return request | {"messages": [{"role": "user", "content": text}]}


ROUTES = (
    Route(
        CHAT,
        "'messages' must be a list of at least one message",
        lambda request: request,
        lambda answer, _: completion_body(answer),
        lambda answer, request: chunks(answer, include_usage=_wants_usage(request)),
    ),
    Route(
        COMPLETIONS,
        "'prompt' must be a text or a list of texts",
        _prompted,
        text_body,
        lambda answer, request: text_chunks(answer, request, include_usage=_wants_usage(request)),
    ),
    Route(
        RESPONSES,
        "'input' must be a text or a list of items",
        lambda request: as_chat(request)[0],
        response_body,
        response_events,
    ),
)
