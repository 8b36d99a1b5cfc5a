"""Calls to models as spans: times, counts and names; no text at any content level (docs/traces.md)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time_ns
from typing import Any
from urllib.parse import urlsplit

from app.domain.exchange import Failure, Json, Usage
from app.domain.requests import COMPLETIONS
from app.domain.toml_table import ContentLevel
from app.domain.words import FailureKind
from app.providers.model_server import Answer, Target
from app.traces import names
from app.traces.spans import Span, Value, exchange_place

# Names of models, servers' ids and reasons; anything else may be somebody's words.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,119}")
_HOSTS = {
    "openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "mistral.ai": "mistral_ai",
    "groq.com": "groq",
    "deepseek.com": "deepseek",
    "x.ai": "x_ai",
    "perplexity.ai": "perplexity",
    "cohere.com": "cohere",
}
# Parameters that are numbers, under each of the routes' names for them.
_NUMBERS = {
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "max_completion_tokens": names.REQUEST_MAX_TOKENS,
    "max_output_tokens": names.REQUEST_MAX_TOKENS,
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "top_k": names.REQUEST_TOP_K,
    "seed": names.REQUEST_SEED,
    "n": names.REQUEST_CHOICES,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}
_LARGEST_INTEGER = 2**63 - 1  # of an attribute

Found = dict[str, Value]


@dataclass(frozen=True, slots=True)
class ArmCall:
    """One call of an arm, under way.

    Attributes:
        exchange: Its external id.
        request: As production sent it, or masked.
        level: How much of the exchange may be kept.
        source: `mirror`, `repeat` or `replay`.
        more: What is known of it besides.
    """

    pilot: str
    exchange: str
    arm: str
    target: Target
    request: Json
    path: str
    level: ContentLevel
    source: str
    more: Found = field(default_factory=dict)
    start_ns: int = field(default_factory=time_ns)

    def span(self, answer: Answer) -> Span:
        """It is over."""
        operation = operation_of(self.path)
        asked = request_attributes({**self.request, "model": self.target.model})
        attributes: Found = {
            names.OPERATION: operation,
            **server_attributes(self.target.base_url, self.target.server),
            **asked,
            **answer_attributes(answer, is_streamed=names.REQUEST_STREAM in asked),
            **whose(self.pilot, self.exchange, self.arm),
            **self.more,
            names.LEVEL: self.level,
            names.SOURCE: self.source,
            names.CALLS: answer.calls,
        }
        return Span(
            span_name(operation, asked.get(names.REQUEST_MODEL)),
            "client",
            self.start_ns,
            time_ns(),
            attributes,
            exchange_place(self.pilot, self.exchange, self.arm, self.source),
            is_failed=isinstance(answer.reply, Failure),
        )


def whose(pilot: str, exchange: str, arm: str) -> Found:
    """To what a call belongs."""
    return {names.PILOT: pilot, names.EXCHANGE: exchange, names.ARM: arm}


def word(value: Any) -> str | None:
    """A name that a client or a server gave; `None` if it does not look like one."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def operation_of(path: str) -> str:
    """What the conventions call what a route does."""
    return "text_completion" if path == COMPLETIONS else "chat"


def span_name(operation: str, model: Value | None) -> str:
    """As the conventions have it."""
    return f"{operation} {model}" if model else operation


def server_attributes(base_url: str, fallback: str) -> Found:
    """Who is asked, by address.

    Args:
        base_url: As configured.
        fallback: What a host of our own runs: vllm, sglang, …
    """
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return {names.PROVIDER: fallback}
    provider = next((name for end, name in _HOSTS.items() if host == end or host.endswith(f".{end}")), fallback)
    return without_none({names.PROVIDER: provider, names.SERVER_ADDRESS: host or None, names.SERVER_PORT: port})


def request_attributes(request: Mapping[str, Any]) -> Found:
    """What was asked for, as far as it is numbers and names."""
    found: Found = without_none({names.REQUEST_MODEL: word(request.get("model"))})
    for parameter, name in _NUMBERS.items():
        value = request.get(parameter)
        if isinstance(value, float) or (type(value) is int and abs(value) <= _LARGEST_INTEGER):
            found[name] = value
    if request.get("stream") is True:
        found[names.REQUEST_STREAM] = True
    kind = _output_type(request)
    return found if kind is None else {**found, names.OUTPUT_TYPE: kind}


def answer_attributes(answer: Answer, *, is_streamed: bool) -> Found:
    """What came of a call."""
    reply = answer.reply
    found = without_none(
        {
            names.RESPONSE_ID: word(answer.response_id),
            names.RESPONSE_MODEL: word(answer.model),
            names.RESPONSE_FIRST_CHUNK: reply.timing.ttft_any_seconds if is_streamed else None,
        }
    ) | usage_attributes(answer.usage)
    if isinstance(reply, Failure):
        return found | {names.ERROR_TYPE: error_type(reply), names.OUTCOME: reply.kind.value}
    reason = word(reply.finish_reason)
    return found | {names.OUTCOME: "answered"} | ({names.RESPONSE_FINISH_REASONS: (reason,)} if reason else {})


def usage_attributes(usage: Usage) -> Found:
    """Token counts, those that were said."""
    return without_none(
        {
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.CACHE_READ_TOKENS: usage.cached_input_tokens,
            names.CACHE_CREATION_TOKENS: usage.cache_write_tokens,
            names.REASONING_TOKENS: usage.reasoning_tokens,
        }
    )


def error_type(failure: Failure) -> str:
    """The status where there is one, as the conventions want it; else the kind."""
    is_status = failure.kind is FailureKind.HTTP and failure.status is not None
    return str(failure.status) if is_status else failure.kind.value


def without_none(values: Mapping[str, Value | None]) -> Found:
    """Those that are known."""
    return {name: value for name, value in values.items() if value is not None}


def _output_type(request: Mapping[str, Any]) -> str | None:
    wanted: Json | Any = request.get("response_format")
    if wanted is None and isinstance(request.get("text"), dict):
        wanted = request["text"].get("format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    return {"json_object": "json", "json_schema": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None
