"""Token counts as servers report them, made one shape; the server's own object is kept verbatim.

Shapes are told by the keys that are there, never by the vendor; what could be two is read as OpenAI's.
"""

import re
from dataclasses import replace
from typing import Any

import orjson

from app.domain.exchange import Json, Usage

LARGEST = 2**31 - 1
# Of a usage object where no text may be kept: how long a word may be, and how much there may be in all.
MOST_BYTES = 4000
MOST_DEPTH = 4
_NOTHING: Json = {}
_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
_TIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")

_INPUT = ("prompt_tokens", "input_tokens", "prompt_eval_count")
_OUTPUT = ("completion_tokens", "output_tokens", "eval_count")
# DeepSeek's, Moonshot's and older Mistral's names beside OpenAI's `cached_tokens`, which lies in the details.
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
_ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens")
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")


def usage_of(raw: Any) -> Usage:
    """The counts of a usage object; what it does not say, or says wrongly, is `None`.

    OpenAI's prompt tokens include the cached ones and its completion tokens the reasoning, and so do those of nearly every
    server that speaks its routes. Anthropic's `input_tokens` leave out what was read from and written to the cache: both are
    added. Where `total_tokens` says that reasoning came on top of the completion (xAI, Gemini), it is added, too.
    `input_tokens` and `output_tokens` are the names of the Responses API, `prompt_eval_count` and `eval_count` Ollama's own.
    """
    if not isinstance(raw, dict):
        return Usage()
    prompt, completion = _details(raw, _INPUT_DETAILS), _details(raw, _OUTPUT_DETAILS)
    cached, written = _count(prompt, "cached_tokens"), _count(prompt, "cache_write_tokens")
    cached = _count(raw, *_CACHED) if cached is None else cached
    written = _count(raw, "cache_creation_input_tokens") if written is None else written
    inputs = _count(raw, *_INPUT)
    if _is_anthropic(raw) and inputs is not None:
        inputs = _bounded(inputs + (cached or 0) + (written or 0))
    outputs, reasoning = _outputs(raw, completion, inputs)
    return Usage(
        input_tokens=inputs,
        cached_input_tokens=cached,
        output_tokens=outputs,
        reasoning_tokens=reasoning,
        cache_write_tokens=written,
        audio_input_tokens=_count(prompt, "audio_tokens"),
        audio_output_tokens=_count(completion, "audio_tokens"),
        service_tier=tier_word(raw.get("service_tier")),
        raw=raw if _is_storable(raw) else None,
    )


def usage_in(body: Json) -> Usage | None:
    """The usage that a reply's document or a chunk of a stream tells, wherever its server puts it; `None` = nowhere."""
    found = _usage_object(body)
    tier = tier_word(body.get("service_tier"))
    if found is None:
        return Usage(service_tier=tier) if tier is not None else None
    usage = _of_timings(found) if isinstance(found.get("timings"), dict) else usage_of(found)
    return usage if usage.service_tier is not None or tier is None else replace(usage, service_tier=tier)


def joined(before: Usage, after: Usage) -> Usage:
    """What two chunks of one stream say together: counts are running totals, so the later ones replace, never add.

    A later object without counts takes nothing away; what it leaves out (the cache, say) is as the earlier one told.
    """
    tier = after.service_tier or before.service_tier
    if not _has_counts(after):
        return replace(before, service_tier=tier)
    whole = after
    if before.raw is not None and after.raw is not None and "timings" not in before.raw | after.raw:
        whole = usage_of(before.raw | {name: value for name, value in after.raw.items() if value is not None})
    return replace(whole, service_tier=tier)


def plain_usage(raw: Json | None) -> Json | None:
    """A usage object as it may be stored at any content level: its numbers, and words that are names of things."""
    if raw is None:
        return None
    plain = _plain(raw, MOST_DEPTH)
    return plain if plain and len(orjson.dumps(plain)) <= MOST_BYTES else None


def kept_usage(raw: Json | None) -> Json | None:
    """A usage object as a column holds it where all text is kept: verbatim, unless it is no such thing or too long."""
    if raw is None:
        return None
    text = orjson.dumps(raw)
    return raw if len(text) <= MOST_BYTES and b"\\u0000" not in text else plain_usage(raw)


def usage_text(raw: Json | None, *, keeps_text: bool) -> str | None:
    """What a column keeps of a usage object, as JSON text."""
    if raw is None:
        return None
    text = orjson.dumps(raw)
    if keeps_text and len(text) <= MOST_BYTES and b"\\u0000" not in text:
        return text.decode()
    plain = plain_usage(raw)
    return None if plain is None else orjson.dumps(plain).decode()


def tier_word(value: Any) -> str | None:
    """A service tier in the server's own word; anything but a word is none."""
    return value if isinstance(value, str) and _TIER.fullmatch(value) else None


def _outputs(raw: Json, completion: Json, inputs: int | None) -> tuple[int | None, int | None]:
    """Output tokens with their reasoning, wherever the server counts it."""
    outputs = _count(raw, *_OUTPUT)
    reasoning = _count(completion, "reasoning_tokens", "thinking_tokens")
    reasoning = _count(raw, "reasoning_tokens") if reasoning is None else reasoning
    total = _count(raw, "total_tokens")
    if outputs is None or inputs is None or total is None:
        return outputs, reasoning
    beyond = total - inputs - outputs
    if beyond > 0 and reasoning in (None, beyond):
        return _bounded(outputs + beyond), beyond
    return outputs, reasoning


def _is_anthropic(raw: Json) -> bool:
    """Whether `input_tokens` leaves the cache out: its keys beside no count or details of OpenAI's."""
    if "prompt_tokens" in raw or "input_tokens" not in raw:
        return False
    return any(name in raw for name in _ANTHROPIC) and not any(name in raw for name in _INPUT_DETAILS)


def _of_timings(found: Json) -> Usage:
    """llama.cpp's own figures: `prompt_n` is what was computed, `cache_n` what was there already."""
    timings = found["timings"]
    computed, cached = _count(timings, "prompt_n"), _count(timings, "cache_n")
    inputs = _bounded(computed + (cached or 0)) if computed is not None else None
    raw = found if _is_storable(found) else None
    return Usage(input_tokens=inputs, cached_input_tokens=cached, output_tokens=_count(timings, "predicted_n"), raw=raw)


def _usage_object(body: Json) -> Json | None:
    """OpenAI's place, Groq's and Moonshot's in streams, then the figures that Ollama and llama.cpp put beside the reply."""
    choices, groq = body.get("choices"), body.get("x_groq")
    first = choices[0] if isinstance(choices, list) and choices else None
    for place in (body, groq, first):
        if isinstance(place, dict) and isinstance(place.get("usage"), dict):
            found: Json = place["usage"]
            return found
    native: Json = {name: body[name] for name in ("prompt_eval_count", "eval_count") if name in body}
    if native:
        return native
    timings = body.get("timings")
    return {"timings": timings} if isinstance(timings, dict) and "predicted_n" in timings else None


def _has_counts(usage: Usage) -> bool:
    return usage.input_tokens is not None or usage.output_tokens is not None


def _details(raw: Json, names: tuple[str, ...]) -> Json:
    for name in names:
        if type(raw.get(name)) is dict:
            found: Json = raw[name]
            return found
    return _NOTHING


# Plain loops: an import calls these for every line.
def _count(raw: Json, *names: str) -> int | None:
    for name in names:
        count = raw.get(name)
        if type(count) is int and 0 <= count <= LARGEST:
            return count
    return None


def _bounded(count: int) -> int | None:
    return count if count <= LARGEST else None


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else None
    if isinstance(value, dict) and depth:
        kept = {key: _plain(each, depth - 1) for key, each in value.items() if isinstance(key, str) and _TIER.fullmatch(key)}
        return {key: each for key, each in kept.items() if each is not None}
    return None


def _is_storable(raw: Json) -> bool:
    try:
        orjson.dumps(raw)
    except (orjson.JSONEncodeError, RecursionError):
        return False
    return True
