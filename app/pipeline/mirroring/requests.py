"""What a request is by its body: whether it can be read, and whether another may go on from it."""

import orjson

from app.domain.exchange import Json
from app.domain.requests import RESPONSES, route_of

# A request of the Responses API may go on from something that the incumbent keeps, without any input.
_GO_ON = ("previous_response_id", "conversation", "prompt")


def read_request(path: str, body: bytes) -> Json | None:
    """The request's JSON; `None` if it has not the shape of its route."""
    try:
        request = orjson.loads(body)
    except ValueError:
        return None
    if not isinstance(request, dict):
        return None
    goes_on = path == RESPONSES and "messages" not in request and any(request.get(name) for name in _GO_ON)
    return request if goes_on or route_of(request) == path else None


def is_chained(request: Json) -> bool:
    """Whether a later request of the Responses API may name this one's reply as the one before."""
    return request.get("store") is not False
