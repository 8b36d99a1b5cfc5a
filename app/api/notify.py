"""Messages to people outside: what was sent, and a test."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.dependencies import Operator, ServicesDep, Viewer
from app.pipeline.notifying import ask_for_test, messages_of
from app.store.messages import StoredMessage

router = APIRouter(tags=["messages"])


class MessageBody(BaseModel):
    """A message on one channel."""

    id: int
    subject: str = Field(description="What it is about, as `alert:7:opened`, `report:12:weekly`, `test:…`.")
    channel: Literal["apprise", "webhook"]
    title: str
    state: Literal["sent", "waiting", "given_up"]
    created_at: datetime
    attempts: int
    next_at: datetime | None = Field(description="When it is tried again; null = sent, or given up.")
    sent_at: datetime | None
    problem: str = Field(description="Why the last attempt failed, without addresses and secrets; empty = it did not.")


@router.get("/pilots/{name}/messages")
def list_pilot_messages(services: ServicesDep, _: Viewer, name: str) -> list[MessageBody]:
    """A pilot's newest 100 messages with what became of them."""
    return [_body(message) for message in messages_of(services.session_factory, name)]


@router.post("/pilots/{name}/notify/test", status_code=202)
def send_test_message(services: ServicesDep, who: Operator, name: str) -> list[MessageBody]:
    """Has the worker send a test message to each channel; the pilot's messages say what became of it."""
    written = ask_for_test(services.session_factory, name, datetime.now(UTC), by=who.name, publish=services.publish)
    return [_body(message) for message in written]


def _body(message: StoredMessage) -> MessageBody:
    return MessageBody.model_validate(
        {
            "id": message.id,
            "subject": message.subject,
            "channel": message.channel,
            "title": message.document.get("title", ""),
            "state": message.state,
            "created_at": message.created_at,
            "attempts": message.attempts,
            "next_at": message.next_at if message.state == "waiting" else None,
            "sent_at": message.sent_at,
            "problem": message.problem,
        }
    )
