"""Production's own call as a span, when its reply has come, with what its request said."""

from collections import OrderedDict
from dataclasses import dataclass, field

import orjson

from app.domain.exchange import Failure, Json
from app.domain.live import ReplyEvent, RequestEvent, external_id
from app.domain.toml_table import ContentLevel
from app.domain.words import ArmRole
from app.pipeline.call_spans import (
    Found,
    answer_attributes,
    operation_of,
    request_attributes,
    server_attributes,
    span_name,
    whose,
)
from app.pipeline.mirroring.deciding import Decision
from app.pipeline.mirroring.pilots import LivePilot
from app.providers.model_server import Answer
from app.traces import names, tracing
from app.traces.spans import Span, exchange_place

# Requests whose replies are still to come, some kilobytes each.
MOST_NOTED = 5000
INCUMBENT_SERVER = "openai"


@dataclass(slots=True)
class RequestNotes:
    """What this process knows of requests when their replies come; nothing of them where traces are off."""

    _noted: OrderedDict[tuple[str, str], Found] = field(default_factory=OrderedDict)

    def note(self, event: RequestEvent, decision: Decision) -> None:
        """A request was decided."""
        if not tracing.is_on():
            return
        exchange = decision.exchange
        found = request_attributes(decision.request or {}) | {
            names.CONVERSATION: exchange.conversation,
            names.SEGMENT: exchange.segment,
            names.REASON: exchange.reason,
        }
        self._noted[event.pilot, exchange.external_id] = found
        if len(self._noted) > MOST_NOTED:
            self._noted.popitem(last=False)

    def take(self, pilot: str, exchange: str) -> Found:
        """What is known; nothing if another process decided on it."""
        return self._noted.pop((pilot, exchange), {})


def production_span(pilot: LivePilot, event: ReplyEvent, answer: Answer, level: ContentLevel, noted: Found) -> Span:
    """Production's own call, by the times at which the gateway or the client saw it.

    Args:
        pilot: Whose.
        event: As it was relayed.
        answer: What the relayed bytes say.
        level: How much of the exchange may be kept.
        noted: From `RequestNotes.take`.
    """
    exchange = external_id(event.boot, event.number)
    asked = noted or (request_attributes(_loads(event.request)) if event.request is not None else {})
    operation, start_ns = operation_of(event.path), event.at_us * 1000
    answered = answer_attributes(answer, is_streamed=event.content_type.startswith("text/event-stream"))
    attributes: Found = {
        names.OPERATION: operation,
        **server_attributes(pilot.pilot.configuration.incumbent.base_url, INCUMBENT_SERVER),
        **asked,
        **answered,
        **whose(pilot.name, exchange, ArmRole.INCUMBENT.value),
        names.LEVEL: level,
        names.SOURCE: "production",
    }
    return Span(
        span_name(operation, asked.get(names.REQUEST_MODEL) or answered.get(names.RESPONSE_MODEL)),
        "client",
        start_ns,
        start_ns + int((event.total_seconds or 0.0) * 1e9),
        attributes,
        exchange_place(pilot.name, exchange),
        is_failed=isinstance(answer.reply, Failure),
        links=(event.traceparent,) if event.traceparent else (),
    )


def _loads(body: bytes) -> Json:
    try:
        request = orjson.loads(body)
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}
