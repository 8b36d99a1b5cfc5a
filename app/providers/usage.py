"""Token counts as servers report them, made one shape; the server's own object is kept verbatim."""

from typing import Any

import orjson

from app.domain.exchange import Json, Usage

LARGEST = 2**31 - 1


def usage_of(raw: Any) -> Usage:
    """The counts of a usage object; what it does not say, or says wrongly, is `None`.

    OpenAI's prompt tokens include the cached ones and its completion tokens the reasoning; every server of CONTRACTS
    section 3 follows. `input_tokens` and `output_tokens` are the names of the Responses API.
    """
    if not isinstance(raw, dict):
        return Usage()
    prompt = _details(raw, "prompt_tokens_details", "input_tokens_details")
    completion = _details(raw, "completion_tokens_details", "output_tokens_details")
    return Usage(
        input_tokens=_count(raw, "prompt_tokens", "input_tokens"),
        cached_input_tokens=_count(prompt, "cached_tokens"),
        output_tokens=_count(raw, "completion_tokens", "output_tokens"),
        reasoning_tokens=_count(completion, "reasoning_tokens"),
        raw=raw if _is_storable(raw) else None,
    )


def _details(raw: Json, *names: str) -> Json:
    return next((raw[name] for name in names if isinstance(raw.get(name), dict)), {})


def _count(raw: Json, *names: str) -> int | None:
    values = (raw.get(name) for name in names)
    return next((v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= LARGEST), None)


def _is_storable(raw: Json) -> bool:
    try:
        orjson.dumps(raw)
    except (orjson.JSONEncodeError, RecursionError):
        return False
    return True
