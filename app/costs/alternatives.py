"""Cheaper ways to buy the same tokens: other models of the vendor, and hosts that serve an open model."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic, ModelInfo, ModelPrice, Provider, TieredPrices

from app.costs.catalogue.entries import catalogue
from app.costs.price_table import canonical_model
from app.domain.families import guess_family

MILLION = Decimal(1_000_000)
# A model that takes less is no chat model of today: speech, moderation, legacy completions.
LEAST_CONTEXT_TOKENS = 32_000
# Models for one purpose, and open weights that the vendor's own API does not serve.
_NOT_CHAT = re.compile(
    r"(^|[-_.:/])(audio|image|realtime|live|tts|transcribe|search|embed\w*|omni|robotics\w*|computer|codex|cyber|guard|"
    r"safeguard|moderation|research|oss|gemma|ft)([-_.:/]|$)"
)
# The first number of a name, unless it is a size ("8b") or a date.
_GENERATION = re.compile(r"(?<!\d)(\d{1,2})(?!\d)(?![.\d]*b)")
# They resell others' models under terms of their own, or do not serve open models: not an API to move production to.
_NO_HOSTS = frozenset({"cursor", "github-copilot", "openai", "openrouter"})
_ROUTED = "huggingface_"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to buy given tokens.

    Attributes:
        model: Its name as that vendor's API takes it.
        vendor: Whose API it is, as the price table calls it.
        kind: `vendor_tier` = another model of the incumbent's vendor; `managed` = open weights that somebody else serves.
        usd: What the tokens cost there, each request priced as a short one.
        source: Where the prices come from.
        input_usd_per_million_tokens: Its price, for people.
        output_usd_per_million_tokens: Its price, for people.
    """

    model: str
    vendor: str
    kind: Literal["vendor_tier", "managed"]
    usd: Decimal
    source: str
    input_usd_per_million_tokens: Decimal
    output_usd_per_million_tokens: Decimal


@dataclass(frozen=True, slots=True)
class _Tokens:
    """A volume of tokens; the cached ones are a part of the input."""

    input: Decimal
    cached: Decimal
    output: Decimal


def cheaper_tiers(
    model: str,
    base_url: str | None,
    at: datetime,
    *,
    input_tokens: float,
    cached_input_tokens: float,
    output_tokens: float,
    most: int = 5,
    than_usd: Decimal | None = None,
) -> list[Alternative]:
    """Models of the same vendor and of its generation or a later one that cost less for these tokens; cheapest first.

    Where there are more than `most`, they are picked evenly from the cheapest to the one just below the model itself. Models
    that the table calls deprecated, free ones, and those not made for chat are left out. Whether one is good enough is for
    a pilot to find out.

    Args:
        model: As it is sent to the vendor; a name that the price table does not have exactly gives an empty list.
        base_url: The vendor's address; `None` = told by the model's name.
        at: Aware time: prices change.
        input_tokens: All input tokens, the cached ones included.
        cached_input_tokens: Those of them read from the vendor's cache.
        output_tokens: Generated tokens, reasoning included.
        most: How many at most.
        than_usd: What these tokens cost now, where the user's own price is not the table's.
    """
    tokens = _tokens(input_tokens, cached_input_tokens, output_tokens)
    found = _entry(model, base_url)
    if found is None:
        return []
    provider, own = found
    limit = than_usd if than_usd is not None else _usd(own.get_prices(at), tokens)
    if limit is None:
        return []
    others = (entry for entry in provider.models if entry is not own and _is_for_chat(entry) and _is_akin(entry.id, own.id))
    priced = _priced(((provider, entry) for entry in others), "vendor_tier", at, tokens)
    return _spread([one for one in priced if one.usd < limit], most)


def managed_hosts(
    model: str,
    at: datetime,
    *,
    input_tokens: float,
    cached_input_tokens: float,
    output_tokens: float,
    most: int = 5,
    also: Collection[str] = (),
) -> list[Alternative]:
    """Who serves an open model by the token, and what these tokens cost there; cheapest first.

    A host's model counts if its name is exactly this one or another that the catalogue has for the same weights, letter case
    and the organisation before the last `/` aside. A host may serve them quantised.

    Args:
        model: Its name, as `Qwen/Qwen3.5-27B`.
        at: Aware time: prices change.
        input_tokens: All input tokens, the cached ones included.
        cached_input_tokens: Those of them read from a cache.
        output_tokens: Generated tokens, reasoning included.
        most: How many at most.
        also: More exact names of the same weights.
    """
    tokens = _tokens(input_tokens, cached_input_tokens, output_tokens)
    listed = catalogue().model(model)
    wanted = {_bare(name) for name in (model, *also, *(listed.every_name if listed is not None else ()))}
    offers = (
        (provider, entry)
        for provider in get_snapshot().providers
        if provider.id not in _NO_HOSTS
        for entry in provider.models
        if not entry.deprecated and wanted & {_bare(name) for name in _names(entry)}
    )
    return _once_a_host(_priced(offers, "managed", at, tokens))[:most]


def _tokens(input_tokens: float, cached_input_tokens: float, output_tokens: float) -> _Tokens:
    if not 0 <= cached_input_tokens <= input_tokens or output_tokens < 0:
        message = (
            f"tokens must be 0 or more and the cached ones a part of the input, not {cached_input_tokens} of {input_tokens}"
        )
        raise ValueError(message)
    return _Tokens(Decimal(str(input_tokens)), Decimal(str(cached_input_tokens)), Decimal(str(output_tokens)))


def _entry(model: str, base_url: str | None) -> tuple[Provider, ModelInfo] | None:
    named = canonical_model(model, base_url)
    if named is None:
        return None
    vendor, _, name = named.partition("/")
    provider = next(p for p in get_snapshot().providers if p.id == vendor)
    return provider, next(entry for entry in provider.models if entry.id == name)


def _is_for_chat(entry: ModelInfo) -> bool:
    return not entry.deprecated and (entry.context_window or 0) >= LEAST_CONTEXT_TOKENS and not _NOT_CHAT.search(entry.id)


def _is_akin(other: str, own: str) -> bool:
    """Whether both are of one family and the other's generation is not an older one; a name that tells none has the same."""
    if guess_family(other) != guess_family(own):
        return False
    generations = [int(found[1]) for found in (_GENERATION.search(name) for name in (other, own)) if found]
    return len(generations) < 2 or generations[0] >= generations[1]  # noqa: PLR2004 - one of each


def _priced(
    offers: Iterable[tuple[Provider, ModelInfo]], kind: Literal["vendor_tier", "managed"], at: datetime, tokens: _Tokens
) -> list[Alternative]:
    return sorted(_alternatives(offers, kind, at, tokens), key=lambda one: (one.usd, one.vendor, one.model))


def _alternatives(
    offers: Iterable[tuple[Provider, ModelInfo]], kind: Literal["vendor_tier", "managed"], at: datetime, tokens: _Tokens
) -> Iterator[Alternative]:
    for provider, entry in offers:
        price = entry.get_prices(at)
        usd, each = _usd(price, tokens), (_base(price.input_mtok), _base(price.output_mtok))
        if usd is None or each[0] is None or each[1] is None or not any(each):
            continue
        source = f"genai-prices {genai_prices.__version__}: {provider.id}/{entry.id}"
        yield Alternative(entry.id, provider.id, kind, usd, source, each[0], each[1])


def _usd(price: ModelPrice, tokens: _Tokens) -> Decimal | None:
    """What the tokens cost at the price of short requests; `None` where a price is missing."""
    rate_in, rate_out, cached = (_base(rate) for rate in (price.input_mtok, price.output_mtok, price.cache_read_mtok))
    if rate_in is None or rate_out is None:
        return None
    cached = rate_in if cached is None else cached
    return ((tokens.input - tokens.cached) * rate_in + tokens.cached * cached + tokens.output * rate_out) / MILLION


def _base(rate: Decimal | TieredPrices | None) -> Decimal | None:
    return rate.base if isinstance(rate, TieredPrices) else rate


def _spread(found: list[Alternative], most: int) -> list[Alternative]:
    """Evenly picked, both ends among them."""
    if len(found) <= most or most < 2:  # noqa: PLR2004 - one has no two ends
        return found[: max(most, 0)]
    return [found[round(place * (len(found) - 1) / (most - 1))] for place in range(most)]


def _once_a_host(found: list[Alternative]) -> list[Alternative]:
    """Of a host that is also reached through a router, only its own offer; of each host, only its cheapest."""
    direct = {one.vendor for one in found}
    kept: dict[str, Alternative] = {}
    for one in found:
        host = one.vendor.removeprefix(_ROUTED).removesuffix("-ai")
        if one.vendor == host or host not in direct:
            kept.setdefault(host, one)
    return list(kept.values())


def _bare(name: str) -> str:
    return name.strip().lower().rpartition("/")[2]


def _names(entry: ModelInfo) -> list[str]:
    return [entry.id, *_equals(entry.match)]


def _equals(match: MatchLogic) -> list[str]:
    if isinstance(match, ClauseEquals):
        return [match.equals]
    return [name for part in match.or_ for name in _equals(part)] if isinstance(match, ClauseOr) else []
