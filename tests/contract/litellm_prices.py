"""LiteLLM's price map, from its wheel in an environment of its own, and what a call costs by it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.costs.price_table import tier_of
from app.domain.exchange import Usage
from tests.contract.sdk_environments import package_folder

# The one whose map was last compared.
LITELLM_WHEEL = "litellm==1.109.1"
MAP = "litellm/model_prices_and_context_window_backup.json"
_SUFFIX = {"default": "", "batch": "_batches", "flex": "_flex", "priority": "_priority"}


def litellm_map() -> dict[str, Any]:
    """The whole map; skips the test, loudly, where the wheel cannot be had."""
    found: dict[str, Any] = json.loads(Path(package_folder(LITELLM_WHEEL) / MAP).read_text(), parse_float=Decimal)
    return found


def litellm_usd(entry: dict[str, Any], usage: Usage) -> Decimal:
    """What the map says: parts of the input at their own price, all else at the ordinary one."""

    def rate(name: str, otherwise: str) -> Decimal:
        tier = _SUFFIX[tier_of(usage.service_tier)]
        found = (entry.get(key) for key in (name + tier, name, otherwise + tier, otherwise))
        return Decimal(next(price for price in found if price is not None))

    inputs, outputs = usage.input_tokens or 0, usage.output_tokens or 0
    cached, written = usage.cached_input_tokens or 0, usage.cache_write_tokens or 0
    heard, spoken = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    plain, out = "input_cost_per_token", "output_cost_per_token"
    return (
        (inputs - cached - written - heard) * rate(plain, plain)
        + cached * rate("cache_read_input_token_cost", plain)
        + written * rate("cache_creation_input_token_cost", plain)
        + heard * rate("input_cost_per_audio_token", plain)
        + (outputs - spoken) * rate(out, out)
        + spoken * rate("output_cost_per_audio_token", out)
    )
