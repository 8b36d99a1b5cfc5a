"""Whether to pilot at all, from an export of the vendor: volume, where the spend is, the best case, cheaper ways to buy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from app.capture.invoices.reading import read_invoice
from app.costs.alternatives import Alternative, cheaper_tiers, managed_hosts
from app.costs.catalogue.entries import Catalogue, catalogue
from app.costs.rules_of_thumb import OwnNumbers, rules_of_thumb
from app.domain.rules_of_thumb import RuleOfThumb
from app.domain.usage_plan import BestCase, CheaperOption, UsageAdvice, UsageByModel, UsagePlan, UsageVolume
from app.errors import InvalidInput, Problem
from app.pipeline.usage_volume import (
    PricedLine,
    kinds_of,
    models_of,
    month_of,
    periods_of,
    priced,
    tokens_at_least,
    trend_of,
    uncounted_models,
)

FEW_DAYS, FEW_NAMES = 7, 3
# Models with less of the spend are not looked at for cheaper ones.
LARGE_SHARE = 0.1
MOST_MODELS, MOST_TIERS, MOST_MANAGED = 3, 5, 6
LEAST_TOKENS, ENGINEER = "tokens_a_month", "engineer"


def plan_usage(
    content: bytes, *, now: datetime, has_privacy_constraint: bool = False, own_catalogue: Path | None = None
) -> UsagePlan:
    """Reads an export and says whether a pilot is worth its while.

    Args:
        content: The export, CSV or JSON.
        now: An export's day that is not over yet is left out.
        has_privacy_constraint: The data may not leave: the decision does not hang on money.
        own_catalogue: The user's own file of GPUs and prices.

    Raises:
        InvalidInput: As `read_invoice`, or if there is no whole day.
    """
    invoice = read_invoice(content)
    whole = [line for line in invoice.lines if line.day < now.date()]
    if not whole:
        message = f"no day of the export is over: its first is {invoice.lines[0].day}"
        raise InvalidInput(message, (Problem(message, code="no_whole_day"),))
    lines, first, last = priced(whole), whole[0].day, whole[-1].day
    days = (last - first).days + 1
    month, by_model = month_of(lines, days), models_of(lines, days)
    rules = rules_of_thumb(_own(month))
    known = catalogue(own_catalogue)
    best = best_case(month.usd, known, next(rule for rule in rules if rule.key == ENGINEER))
    options = cheaper_options(by_model, month, known, now)
    rate, words = trend_of(lines, first, last)
    at_least = tokens_at_least(lines, days) if month.tokens is None else None
    advice, reasons = advise(month, rules, best, options, has_privacy_constraint=has_privacy_constraint)
    return UsagePlan(
        format=invoice.format, first_day=first, last_day=last, days=days, month=month, by_model=by_model,
        by_kind=kinds_of(lines, days),
        by_month=periods_of(lines, lambda day: f"{day:%Y-%m}"), by_day=periods_of(lines, date.isoformat),
        trend_rate=rate, trend_words=words,
        unpriced_models=sorted({each.line.model for each in lines if each.usd is None}),
        tokens_at_least=at_least,
        rules=[rule for rule in rules if rule.table == "threshold"],
        best_case=best, options=options, has_privacy_constraint=has_privacy_constraint, advice=advice, reasons=reasons,
        notes=[*invoice.notes, *_notes(lines, len(invoice.lines) - len(whole), days, first), *_of_counts(lines, at_least)],
    )  # fmt: skip


def best_case(usd: Decimal | None, known: Catalogue, engineer: RuleOfThumb) -> BestCase:
    """The cheapest single GPU of the catalogue and the least upkeep of the field; the dearest one and the most beside it."""
    single = sorted(
        (price for price in known.prices if price.gpus == 1),
        key=lambda price: (price.usd_per_month[0], price.gpu, price.source),
    )
    cheapest, dearest = single[0], max(single, key=lambda price: price.usd_per_month[1])
    upkeep_low, upkeep_high = (Decimal(repr(end or 0)) for end in (engineer.low, engineer.high))
    least, dear = cheapest.usd_per_month[0] + upkeep_low, dearest.usd_per_month[1] + upkeep_high
    words = (
        f"if an open model cost nothing but one {cheapest.gpu} (${cheapest.usd_per_month[0]:,.0f}) and the least upkeep "
        f"of the field (${upkeep_low:,.0f}), that were ${least:,.0f}; with one {dearest.gpu} and the most upkeep ${dear:,.0f}"
    )
    sources = [f"{known.title_of(price.source)} ({price.as_of})" for price in (cheapest, dearest)]
    return BestCase(
        gpu=cheapest.gpu, gpu_usd=cheapest.usd_per_month[0], upkeep_usd=upkeep_low, least_usd=least, dear_usd=dear,
        saving_at_most_usd=usd - least if usd is not None else None,
        saving_in_a_dear_case_usd=usd - dear if usd is not None else None,
        words=words, sources=[*dict.fromkeys(sources), f"upkeep: {engineer.source} ({engineer.as_of})"],
    )  # fmt: skip


def cheaper_options(
    by_model: Sequence[UsageByModel], month: UsageVolume, known: Catalogue, at: datetime
) -> list[CheaperOption]:
    """Cheaper models of the same vendor for the largest models of the spend, and hosts of open models for all of it."""
    return [*_tiers(by_model, at), *_managed(month, known, at)]


def _tiers(by_model: Sequence[UsageByModel], at: datetime) -> Iterator[CheaperOption]:
    large = [each for each in by_model if (each.share_rate or 0.0) >= LARGE_SHARE][:MOST_MODELS]
    for each in large:
        if each.usd is None or each.input_tokens is None or each.output_tokens is None:
            continue
        cached = min(each.cached_input_tokens or 0.0, each.input_tokens)
        tokens = {"input_tokens": each.input_tokens, "cached_input_tokens": cached, "output_tokens": each.output_tokens}
        for found in cheaper_tiers(each.model, None, at, most=MOST_TIERS, than_usd=each.usd, **tokens):
            yield _option(found, each.model, each.usd)


def _managed(month: UsageVolume, known: Catalogue, at: datetime) -> list[CheaperOption]:
    if month.usd is None or month.input_tokens is None or month.output_tokens is None:
        return []
    cached = min(month.cached_input_tokens or 0.0, month.input_tokens)
    tokens = {"input_tokens": month.input_tokens, "cached_input_tokens": cached, "output_tokens": month.output_tokens}
    offers = [
        _option(found, "all of it", month.usd)
        for model in known.models
        for found in managed_hosts(model.name, at, most=1, also=model.names, **tokens)
        if found.usd < month.usd
    ]
    return sorted(offers, key=lambda each: (each.usd_per_month, each.model))[:MOST_MANAGED]


def _option(found: Alternative, instead_of: str, usd: Decimal) -> CheaperOption:
    return CheaperOption(
        model=found.model, vendor=found.vendor, kind=found.kind, instead_of=instead_of, usd_per_month=found.usd,
        saving_usd_per_month=usd - found.usd, source=found.source,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """What advice rests on."""

    month: UsageVolume
    least_tokens: RuleOfThumb
    best: BestCase
    tiers: tuple[CheaperOption, ...]


def advise(
    month: UsageVolume,
    rules: Sequence[RuleOfThumb],
    best: BestCase,
    options: Sequence[CheaperOption],
    *,
    has_privacy_constraint: bool,
) -> tuple[UsageAdvice, list[str]]:
    """The first rule that holds: privacy; too few tokens; nothing to save at best; a cheaper model saves more; pilot.

    A cheaper model of the vendor comes first where it saves more, with nothing to run, than self-hosting would in a dear case.
    """
    tiers = sorted((o for o in options if o.kind == "vendor_tier"), key=lambda option: option.saving_usd_per_month)
    found = _Found(month, next(rule for rule in rules if rule.key == LEAST_TOKENS), best, tuple(tiers))
    if has_privacy_constraint:
        reason = (
            'data that may not leave decides on its own: pilot for quality and capacity, with [decision] reason = "privacy"'
        )
        return "pilot", [reason, *_of_money(found)]
    tokens = month.tokens
    if tokens is not None and tokens < (found.least_tokens.low or 0):
        reason = f"{tokens:,.0f} tokens a month are under {found.least_tokens.low:,.0f}: stay ({found.least_tokens.source})"
        return "stay", [reason, *_of_money(found)]
    if month.usd is None:
        return "unknown", ["nobody knows the spend: import an export with costs, or one whose models the price table knows"]
    return _by_money(found, month.usd)


def _by_money(found: _Found, usd: Decimal) -> tuple[UsageAdvice, list[str]]:
    best, tiers = found.best, found.tiers
    if usd <= best.least_usd:
        reason = f"even at the best case there is nothing to save: ${usd:,.0f} a month are spent, and {best.words}"
        return "stay", [reason, *_of_tiers(tiers)]
    if tiers and tiers[-1].saving_usd_per_month >= (best.saving_in_a_dear_case_usd or Decimal(0)):
        return "cheaper_tier_first", [*_of_tiers(tiers), *_range(best)]
    return "pilot", [*_range(best), *_of_tiers(tiers)]


def _of_money(found: _Found) -> list[str]:
    return [*_range(found.best), *_of_tiers(found.tiers)]


def _range(best: BestCase) -> list[str]:
    at_most, dear = best.saving_at_most_usd, best.saving_in_a_dear_case_usd
    if at_most is None or dear is None:
        return []
    if at_most <= 0:
        return [f"at the best case self-hosting would cost ${-at_most:,.0f} a month more: {best.words}"]
    least = f"${dear:,.0f}" if dear >= 0 else f"a loss of ${-dear:,.0f}"
    return [f"what self-hosting could save a month lies between {least} and ${at_most:,.0f}: {best.words}"]


def _of_tiers(tiers: Sequence[CheaperOption]) -> list[str]:
    """From the one that saves least, so the most like the present one, to the one that saves most."""
    if not tiers:
        return []
    named = [f"{tier.model} ${tier.saving_usd_per_month:,.2f} on {tier.instead_of}" for tier in _ends(tiers)]
    saved = f"cheaper models of the same vendor would save a month, with nothing to run: {', '.join(named)}"
    return [f"{saved}; their quality is not tested"]


def _ends(tiers: Sequence[CheaperOption]) -> list[CheaperOption]:
    return [tiers[0], tiers[-1]] if len(tiers) > 1 else [tiers[0]]


def _own(month: UsageVolume) -> OwnNumbers:
    usd = float(month.usd) if month.usd is not None else None
    return OwnNumbers(tokens_per_month=month.tokens, requests_per_month=month.requests, incumbent_usd_per_month=usd)


def _notes(lines: Sequence[PricedLine], left_out: int, days: int, first: date) -> Iterator[str]:
    if left_out:
        yield f"days that are not over are left out ({left_out} of their lines)"
    if days < FEW_DAYS:
        yield f"a month is reckoned from {days} {'day' if days == 1 else 'days'}: a week or more says what weekends are like"
    silent = days - len({each.line.day for each in lines})
    if silent:
        last = first + timedelta(days=days - 1)
        yield f"{silent} of the {days} days from {first} to {last} have no line and count as days without usage"
    if any(each.is_listed for each in lines):
        yield "dollars are tokens at list prices where the export has none: no discount, batch or priority price is in them"


def _of_counts(lines: Sequence[PricedLine], at_least: float | None) -> Iterator[str]:
    if at_least is not None:
        names = uncounted_models(lines)
        some = f"{', '.join(names[:FEW_NAMES])}{f' and {len(names) - FEW_NAMES} more' if len(names) > FEW_NAMES else ''}"
        yield (
            f"tokens a month are unknown, at least {at_least:,.0f}: lines of {some} have usage without input or output tokens, "
            "so the rule of thumb on tokens decides nothing"
        )
    if any(each.is_listed and each.line.input_tokens and each.line.cached_input_tokens is None for each in lines):
        yield "lines that do not say how much of the input is cached are taken at the full price: the spend may be less"
