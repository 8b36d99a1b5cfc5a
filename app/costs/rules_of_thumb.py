"""Sets the guides' rules of thumb beside a pilot's own numbers, each in the rule's own unit. Never used by a gate."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.domain.rules_of_thumb import RuleOfThumb, Standing

FILE = Path(__file__).with_name("rules_of_thumb.toml")
DAYS_PER_MONTH = 730 / 24
# SH's query: 2,000 tokens in and 500 out.
GUIDE_QUERY_TOKENS = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNumbers:
    """What a pilot knows of itself; `None` = unknown, and stays so.

    Attributes:
        tokens_per_month: Input and output tokens of all production requests in a month of 730 hours.
        requests_per_month: All production requests.
        incumbent_usd_per_month: What they cost at the incumbent.
        engineering_usd_per_month: Recurring hours times their rate.
        other_usd_per_month: Storage, network, monitoring, backups.
        hours_per_upgrade: Of the served model or server.
        upgrades_per_year: How often.
        one_off_hours: Logged and still to come.
        first_share: One-off hours over all hours until the horizon.
        gpus: GPUs of all replicas; `None` where the candidate is paid by the token.
        candidate_available_rate: Share of mirrored requests that found the candidate in service.
    """

    tokens_per_month: float | None = None
    requests_per_month: float | None = None
    incumbent_usd_per_month: float | None = None
    engineering_usd_per_month: float | None = None
    other_usd_per_month: float | None = None
    hours_per_upgrade: float | None = None
    upgrades_per_year: float | None = None
    one_off_hours: float | None = None
    first_share: float | None = None
    gpus: int | None = None
    candidate_available_rate: float | None = None


def rules_of_thumb(own: OwnNumbers) -> list[RuleOfThumb]:
    """Every rule of the guides with the pilot's own value, first the thresholds, then what napkin maths leaves out."""
    rules = _rules()
    left_out = [line for line in rules["left_out"] if (own.gpus or 1) >= line.get("only_with_gpus", 1)]
    return [_threshold(line, own) for line in rules["threshold"]] + [_left_out(line, own) for line in left_out]


@cache
def _rules() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(FILE.read_text("utf-8"))


def _threshold(line: dict[str, Any], own: OwnNumbers) -> RuleOfThumb:
    value, words = _MEASURES[line["own"]](own)
    standing: Standing = "unknown"
    if value is not None:
        standing = "stay" if value < line["low"] else "pays" if value >= line["high"] else "decision_zone"
    said = ". ".join(part for part in (words, line.get("caution", "")) if part)
    return RuleOfThumb(table="threshold", value=value, standing=standing, words=said, **_said(line))


def _left_out(line: dict[str, Any], own: OwnNumbers) -> RuleOfThumb:
    value = getattr(own, line["own"], None)
    standing: Standing = "unknown"
    if value is not None:
        standing = "below" if value < line["low"] else "above" if value > line["high"] else "within"
    words = "" if value is not None else f"missing: {line['missing']}"
    return RuleOfThumb(table="left_out", value=value, standing=standing, words=words, **_said(line))


def _said(line: dict[str, Any]) -> dict[str, Any]:
    return {key: line[key] for key in ("key", "says", "unit", "low", "high", "source", "as_of")}


def _tokens_per_month(own: OwnNumbers) -> tuple[float | None, str]:
    return own.tokens_per_month, "" if own.tokens_per_month is not None else "missing: token counts of production's replies"


def _tokens_per_day(own: OwnNumbers) -> tuple[float | None, str]:
    month, words = _tokens_per_month(own)
    return None if month is None else month / DAYS_PER_MONTH, words


def _queries_per_day(own: OwnNumbers) -> tuple[float | None, str]:
    """In queries of the guide's size: a pilot's requests may be much shorter or longer."""
    if own.tokens_per_month is None:
        return None, "missing: token counts of production's replies, without which requests cannot be set beside the guide's"
    value = own.tokens_per_month / DAYS_PER_MONTH / GUIDE_QUERY_TOKENS
    if not own.requests_per_month:
        return value, ""
    size = own.tokens_per_month / own.requests_per_month
    return value, f"{own.requests_per_month / DAYS_PER_MONTH:,.0f} requests a day of {size:,.0f} tokens each"


def _incumbent_usd(own: OwnNumbers) -> tuple[float | None, str]:
    usd = own.incumbent_usd_per_month
    return usd, "" if usd is not None else "missing: what the incumbent costs a month (its prices or token counts)"


_MEASURES: dict[str, Callable[[OwnNumbers], tuple[float | None, str]]] = {
    "tokens_per_month": _tokens_per_month,
    "tokens_per_day": _tokens_per_day,
    "queries_per_day": _queries_per_day,
    "incumbent_usd_per_month": _incumbent_usd,
}
