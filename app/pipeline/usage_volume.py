"""Volume and spend of an export: a month of it, by model, by what the tokens are for, by day."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache

from app.costs.monthly import month_factor
from app.costs.prices import Prices, cost_usd, prices_of
from app.domain.exchange import Usage
from app.domain.invoices import TOKENS, InvoiceLine
from app.domain.usage_plan import UsageByKind, UsageByModel, UsagePeriod, UsageVolume

SIDES = ("input_tokens", "output_tokens")
KINDS = ("input", "cached input", "cache writes", "output", "other")
WEEK = 7
FEWEST_DAYS_OF_A_TREND = 4


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its dollars: the export's, else its tokens at list prices; `usd` None = nobody knows its price."""

    line: InvoiceLine
    usd: Decimal | None
    is_listed: bool
    by_kind: Mapping[str, Decimal]


def priced(lines: Sequence[InvoiceLine]) -> list[PricedLine]:
    """Each line with its dollars, and what they are for."""
    listed = cache(_listed_prices)
    return [_priced(line, listed) for line in lines]


def month_of(lines: Sequence[PricedLine], days: int) -> UsageVolume:
    """A month of 730 hours; dollars and counts only where every line with usage has some.

    Cached tokens are those that are known: where an export is silent on them, input is taken at its full price.
    """
    factor = month_factor(closed_days=days) or Decimal(0)
    counts = {name: _counted(lines, name, float(factor)) for name in TOKENS}
    counts["cached_input_tokens"] = _sum([each.line.cached_input_tokens for each in lines], float(factor))
    usd = (
        None
        if any(each.usd is None for each in lines)
        else sum((each.usd or Decimal(0) for each in lines), Decimal(0)) * factor
    )
    return UsageVolume(**counts, usd=usd)


def tokens_at_least(lines: Sequence[PricedLine], days: int) -> float | None:
    """Of a month, the input and output tokens that are known; `None` where none are."""
    factor = float(month_factor(closed_days=days) or 0)
    return _sum([count for each in lines for count in (each.line.input_tokens, each.line.output_tokens)], factor)


def uncounted_models(lines: Sequence[PricedLine]) -> list[str]:
    """Models with usage of which input or output tokens are not said."""
    silent = {each.line.model for each in lines for name in SIDES if _is_silent(each.line, name)}
    return sorted(silent)


def models_of(lines: Sequence[PricedLine], days: int) -> list[UsageByModel]:
    """By model, the dearest first; of the dollars that are known, else of the tokens."""
    names = sorted({each.line.model for each in lines})
    found = {name: [each for each in lines if each.line.model == name] for name in names}
    months = {name: month_of(its, days) for name, its in found.items()}
    usd = sum((month.usd for month in months.values() if month.usd is not None), Decimal(0))
    known = [month.tokens for month in months.values() if month.tokens is not None]
    tokens = sum(known) if len(known) == len(months) else 0.0
    made = [
        UsageByModel(
            model=name, share_rate=_share(months[name], usd, tokens), usd_source=_source(its),
            **{field: getattr(months[name], field) for field in UsageVolume.model_fields},
        )
        for name, its in found.items()
    ]  # fmt: skip
    return sorted(made, key=lambda each: (-(each.usd or Decimal(0)), -(each.tokens or 0.0), each.model))


def kinds_of(lines: Sequence[PricedLine], days: int) -> list[UsageByKind]:
    """What the dollars of a month are for, as far as they are known."""
    factor = month_factor(closed_days=days) or Decimal(0)
    sums = {kind: sum((each.by_kind.get(kind, Decimal(0)) for each in lines), Decimal(0)) * factor for kind in KINDS}
    total = sum(sums.values(), Decimal(0))
    return [UsageByKind(kind=kind, usd=usd, share_rate=float(usd / total)) for kind, usd in sums.items() if usd and total > 0]


def periods_of(lines: Sequence[PricedLine], name_of: Callable[[date], str]) -> list[UsagePeriod]:
    """By day or by calendar month."""
    groups: dict[str, list[PricedLine]] = {}
    for each in lines:
        groups.setdefault(name_of(each.line.day), []).append(each)
    return [
        UsagePeriod(period=name, days=len({each.line.day for each in its}), tokens=_tokens(its), usd=_usd(its))
        for name, its in sorted(groups.items())
    ]


def trend_of(lines: Sequence[PricedLine], first: date, last: date) -> tuple[float | None, str]:
    """The last week over the week before; of shorter exports the later half over the earlier one, weekends or not."""
    days = (last - first).days + 1
    if days < FEWEST_DAYS_OF_A_TREND:
        return None, ""
    span = WEEK if days >= 2 * WEEK else days // 2
    later, before = (_between(lines, last, span, back) for back in (0, span))
    values = [_usd(part) for part in (later, before)]
    numbers = [float(usd) if usd is not None else _tokens(part) for usd, part in zip(values, (later, before), strict=True)]
    if None in numbers or (None in values and values != [None, None]) or not numbers[1] or numbers[1] < 0:
        return None, ""
    rate = (numbers[0] or 0.0) / numbers[1] - 1
    what = "spend" if values[0] is not None else "tokens"
    return rate, f"{what} of the last {span} days against the {span} before: {rate:+.0%}"


def _between(lines: Sequence[PricedLine], last: date, span: int, back: int) -> list[PricedLine]:
    return [each for each in lines if back <= (last - each.line.day).days < back + span]


def _priced(line: InvoiceLine, listed: Callable[[str, date], Prices | None]) -> PricedLine:
    parts = _list_parts(line, listed(line.model, line.day))
    by_list = sum(parts.values(), Decimal(0)) if parts is not None else None
    if line.usd is None:
        return PricedLine(line, by_list, is_listed=by_list is not None, by_kind=parts or {})
    said = _said_kinds(line)
    if not said and parts and by_list:
        said = {kind: usd * line.usd / by_list for kind, usd in parts.items()}
    return PricedLine(line, line.usd, is_listed=False, by_kind=said or {"other": line.usd})


def _listed_prices(model: str, day: date) -> Prices | None:
    found = prices_of(model, own=None, at=datetime.combine(day, time(12), UTC))
    return replace(found, tiers=()) if found is not None and found.is_complete else None


def _list_parts(line: InvoiceLine, prices: Prices | None) -> dict[str, Decimal] | None:
    """Fresh, cached and written input and output at list prices, each once; a day holds many requests: none is a long one."""
    if prices is None or line.input_tokens is None or line.output_tokens is None:
        return None
    cached = min(line.cached_input_tokens or 0, line.input_tokens)
    written = min(line.facts.get("cache_write_tokens") or 0, line.input_tokens - cached)
    calls = {
        "input": Usage(input_tokens=line.input_tokens - cached - written, output_tokens=0),
        "cached input": Usage(input_tokens=cached, cached_input_tokens=cached, output_tokens=0),
        "cache writes": Usage(input_tokens=written, cache_write_tokens=written, output_tokens=0),
        "output": Usage(input_tokens=0, output_tokens=line.output_tokens),
    }
    costs = {kind: cost_usd(usage, prices) for kind, usage in calls.items()}
    return None if None in costs.values() else {kind: usd for kind, usd in costs.items() if usd is not None}


def _said_kinds(line: InvoiceLine) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for said, usd in line.facts.get("usd_by_kind", {}).items():
        kind = _kind(said)
        found[kind] = found.get(kind, Decimal(0)) + Decimal(usd)
    return found


def _kind(said: str) -> str:
    words = set(said.split())
    if "output" in words:
        return "output"
    if "write" in words or "creation" in words:
        return "cache writes"
    if "no" in words and "cache" in words:
        return "input"
    if words & {"cached", "cache"}:
        return "cached input"
    return "input" if "input" in words or "uncached" in words else "other"


def _source(lines: Sequence[PricedLine]) -> str:
    if any(each.usd is None for each in lines):
        return "unknown"
    return "price table" if any(each.is_listed for each in lines) else "export"


def _share(month: UsageVolume, usd: Decimal, tokens: float) -> float | None:
    if usd > 0:
        return float(month.usd / usd) if month.usd is not None else None
    return month.tokens / tokens if month.tokens is not None and tokens else None


def _sum(values: Iterable[int | None], factor: float) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) * factor if known else None


def _is_silent(line: InvoiceLine, name: str) -> bool:
    """Whether the line has usage and does not count this; a credit is no usage."""
    has_usage = (line.usd is not None and line.usd > 0) or any(getattr(line, count) for count in TOKENS)
    return has_usage and getattr(line, name) is None


def _counted(lines: Sequence[PricedLine], name: str, factor: float) -> float | None:
    if any(_is_silent(each.line, name) for each in lines):
        return None
    return _sum([getattr(each.line, name) for each in lines], factor)


def _tokens(lines: Sequence[PricedLine]) -> float | None:
    inputs, outputs = (_counted(lines, name, 1.0) for name in SIDES)
    return None if inputs is None or outputs is None else inputs + outputs


def _usd(lines: Sequence[PricedLine]) -> Decimal | None:
    return None if any(each.usd is None for each in lines) else sum((each.usd or Decimal(0) for each in lines), Decimal(0))
