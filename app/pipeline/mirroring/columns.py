"""An answer as the narrow facts that are recorded: no text, whatever the content level."""

import re
from typing import Any

import orjson

from app.costs.arm_prices import ReplyCost
from app.domain.exchange import Failure, Json, Reply
from app.domain.toml_table import ContentLevel
from app.providers.model_server import Adaptation, Answer
from app.providers.usage import kept_usage, plain_usage

WORD_CHARS = 200
VALUE_BYTES = 2000
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,99}")
_TIMES = ("ttft_any_seconds", "ttft_visible_seconds", "total_seconds")
_COUNTS = (
    "input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "cache_write_tokens", "audio_input_tokens",
    "audio_output_tokens",
)  # fmt: skip


def columns_of(
    answer: Answer, level: ContentLevel, *, queue_lag_seconds: float | None = None, cost: ReplyCost | None = None
) -> Json:
    """The columns of a reply, under the names of the table `replies`; `fingerprint` goes to `model_sightings`.

    Token counts and cost are also those of an answer that is unusable: it was paid for.
    """
    usage, cost = answer.usage, cost or ReplyCost()
    columns: dict[str, Any] = {
        "model": _word(answer.model, level),
        "lag_seconds": answer.lag_seconds,
        "queue_lag_seconds": queue_lag_seconds,
        "adaptation": [_adaptation(entry, level) for entry in answer.adaptations],
    }
    fingerprint = _word(answer.fingerprint, level)
    columns |= {"fingerprint": fingerprint} if fingerprint is not None else {}
    columns |= {name: getattr(answer.reply.timing, name) for name in _TIMES}
    columns |= {name: getattr(usage, name) for name in _COUNTS}
    columns["service_tier"] = _word(usage.service_tier, level)
    columns["usage"] = kept_usage(usage.raw) if level == "full" else plain_usage(usage.raw)
    columns |= {"cost_usd": f"{cost.usd:f}" if cost.usd is not None else None, "price_version": cost.price_version}
    return columns | _outcome(answer.reply, level)


def _outcome(reply: Reply | Failure, level: ContentLevel) -> Json:
    if isinstance(reply, Failure):
        failed = {"failure": reply.kind.value, "status": reply.status, "caused_by_adaptation": reply.adaptation}
        return failed | {"finish_reason": None, "content_chars": None}
    answered = {"finish_reason": _word(reply.finish_reason, level), "content_chars": len(reply.content or "")}
    return answered | {"failure": None, "status": None, "caused_by_adaptation": False}


def _word(value: str | None, level: ContentLevel) -> str | None:
    """A name that a server gave; where text may not be kept, only if it looks like one."""
    if value is None or level == "full":
        return value and value[:WORD_CHARS]
    return value if _WORD.fullmatch(value) else None


def _adaptation(entry: Adaptation, level: ContentLevel) -> Json:
    """One line of the log; where text may not be kept, without the client's own values."""
    found = entry.as_json()
    return found | {key: _value(found[key], level) for key in ("from", "to")}


def _value(value: Any, level: ContentLevel) -> Any:
    """A client's value, unless it is text where none may be kept, or nothing that a column can hold."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if level != "full":
        return None
    text = orjson.dumps(value)
    return value if len(text) <= VALUE_BYTES and b"\\u0000" not in text else f"({len(text)} bytes)"
