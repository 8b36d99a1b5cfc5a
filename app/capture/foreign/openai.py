"""OpenAI's stored completions: `chat.completion` objects with their request's messages beside them.

Shape: a line is an object as `GET /v1/chat/completions` lists it (docs: "List Chat Completions") with the messages of
`GET /v1/chat/completions/{id}/messages` under `messages`; exports that call them `input` are read too. Stored completions say
nothing of times, so these exchanges have none.
"""

from app.capture.foreign.shapes import chat_request, epoch, first_choice, message_reply, required
from app.capture.lines import UnusableRecord
from app.domain.exchange import Json
from app.providers.usage import tier_word


def from_openai(record: Json) -> Json | None:
    """The line of a stored completion; other objects (of embeddings, of images) are no exchanges."""
    if "data" in record and "choices" not in record:
        message = "this is a page of the API, not a record: write each element of its `data` on a line of its own"
        raise UnusableRecord(message, field="data", code="page")
    if record.get("object", "chat.completion") != "chat.completion":
        return None
    messages = record.get("messages", record.get("input"))
    if not isinstance(messages, list) or not messages:
        message = "messages is missing: add those of GET /v1/chat/completions/{id}/messages to each stored completion"
        raise UnusableRecord(message, field="messages", code="no_messages")
    choice = first_choice(record)
    if choice is None:
        message = "choices must hold the completion's answer"
        raise UnusableRecord(message, field="choices", code="missing")
    about = {"finish_reason": choice.get("finish_reason"), "usage": record.get("usage"), "model": record.get("model")}
    about["service_tier"] = tier_word(record.get("service_tier"))
    return {
        "exchange_id": required(record, "id", str),
        "arrived_at": epoch(record.get("created"), "created"),
        "request": chat_request(record, messages, model=record.get("model")),
        "replies": {"incumbent": message_reply(choice.get("message")) | about},
    }
