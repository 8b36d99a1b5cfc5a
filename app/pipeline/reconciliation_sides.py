"""Both sides of a reconciliation by UTC day and model: what the evidence says, and what the vendor's exports say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from app.costs.prices import canonical_model, without_snapshot
from app.domain.configuration import PilotConfiguration
from app.domain.evidence import Evidence, Flags, Floats, Numbers, codes
from app.domain.invoices import ALL_MODELS, MEASURES, TOKENS, InvoiceLine
from app.domain.pilot import DAY
from app.domain.words import CoverageReason, Source
from app.pipeline.closing import EPOCH, MICROSECOND, Selection, microseconds
from app.pipeline.estimated_usage import arm_that_counted, with_estimates

DAY_US = DAY // MICROSECOND
Key: TypeAlias = tuple[date, str]


@dataclass(slots=True)
class Side:
    """One day and model on one side; `None` = not said. `n` = exchanges, `uncounted` requests without token counts."""

    n: int = 0
    requests: float | None = None
    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    output_tokens: float | None = None
    usd: Decimal | None = None
    uncounted: float = 0.0
    usd_variance: float = 0.0
    tiers: frozenset[str] = field(default_factory=frozenset)


def added(sides: Iterable[Side]) -> Side:
    """The sum; what some of them do not say is the sum of the others, and what none says is unknown."""
    listed = list(sides)
    total = Side(n=sum(side.n for side in listed), uncounted=sum(side.uncounted for side in listed))
    for name in MEASURES:
        known = [value for side in listed if (value := getattr(side, name)) is not None]
        setattr(total, name, sum(known) if known else None)
    total.usd_variance = sum(side.usd_variance for side in listed)
    total.tiers = frozenset().union(*(side.tiers for side in listed))
    return total


def key_of(base_url: str | None) -> Callable[[str], str]:
    """By what models are the same on both sides: the price table's name, else without snapshot date and letter case."""
    known: dict[str, str] = {ALL_MODELS: ALL_MODELS}

    def key(model: str) -> str:
        if model not in known:
            found = canonical_model(model, base_url) or canonical_model(model, None)
            known[model] = found.partition("/")[2] if found else without_snapshot(model.strip().lower()).replace(".", "-")
        return known[model]

    return key


def whole_days(selection: Selection) -> set[date]:
    """UTC days that lie wholly in closed days of the pilot, whatever its time zone."""
    if selection.ends_at is None:
        return set()
    closed = set(selection.closed)
    first = selection.ends_at - selection.last_day * DAY
    days = {((first + (day - 1) * DAY) + timedelta(days=more)).date() for day in closed for more in (0, 1)}
    return {day for day in days if _pilot_days(day, microseconds(first)) <= closed}


def _pilot_days(day: date, first_us: int) -> set[int]:
    starts = (day - EPOCH.date()).days * DAY_US
    return {(starts - first_us) // DAY_US + 1, (starts + DAY_US - 1 - first_us) // DAY_US + 1}


def production_rows(evidence: Evidence, selection: Selection) -> Flags:
    """Rows whose tokens the vendor bills to this traffic: captured ones, and imported ones that only sampling left out."""
    left_out = (selection.reasons == CoverageReason.NOT_SAMPLED.value) & (evidence.exchanges.sources != Source.LIVE.value)
    in_closed = np.isin(selection.days, selection.closed)
    return np.asarray(selection.counted | (left_out & in_closed), dtype=bool)


def production_weights(evidence: Evidence, weights: Floats) -> Floats:
    """How many requests a row stands for, where imported rows that sampling left out are counted themselves."""
    by_import = 1.0 / evidence.exchanges.inclusion_probability
    return np.where(evidence.exchanges.sources == Source.LIVE.value, weights, by_import)


def measured_sides(
    configuration: PilotConfiguration, evidence: Evidence, rows: Flags, weights: Floats, costs: Floats, days: set[date]
) -> tuple[dict[Key, Side], dict[str, str]]:
    """What the evidence says of each day and model, and one name of each model.

    Args:
        configuration: Names the model of replies that name none.
        evidence: The incumbent's replies.
        rows: Which are production's.
        weights: How many requests each stands for.
        costs: What each row's reply costs; NaN = nobody knows.
        days: Which UTC days.
    """
    estimated = with_estimates(evidence.incumbent, rows, arm_that_counted(evidence, rows))
    replies = estimated.replies
    dates = evidence.exchanges.arrived_us // DAY_US
    wanted = np.array(sorted((day - EPOCH.date()).days for day in days), dtype=np.int64)
    counted = replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
    at = np.flatnonzero(rows & (counted | replies.answered) & np.isin(dates, wanted))
    models, names = codes(replies.models[at])
    same = key_of(configuration.incumbent.base_url)
    keys = [same(name or configuration.incumbent.model) for name in names]
    distinct = sorted(set(keys))
    group = np.array([distinct.index(key) for key in keys], dtype=np.int64)[models] if len(at) else models
    first = int(dates[at].min()) if len(at) else 0
    place = (dates[at] - first) * len(distinct) + group
    summed = _Sums(place, int(place.max()) + 1 if len(at) else 0, weights[at], counted[at], (counted & ~estimated.is_guess)[at])
    is_sampled = bool((weights[at] > 1).any())
    conversations = codes(evidence.exchanges.conversations[at])[0] if is_sampled else np.zeros(len(at), dtype=np.int64)
    columns = (replies.input_tokens[at], np.nan_to_num(replies.cached_input_tokens[at]), replies.output_tokens[at])
    sides = summed.sides(columns, costs[at], conversations)
    shown = {key: name or configuration.incumbent.model for key, name in zip(keys, names, strict=True)}
    found = ((divmod(cell, len(distinct)), side) for cell, side in enumerate(sides) if side.n)
    return {((EPOCH + timedelta(days=first + day)).date(), distinct[model]): side for (day, model), side in found}, shown


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Weighted sums by cell; requests without token counts are reckoned like the others of their cell.

    `told` = whose counts come from the server, and are no estimate.
    """

    place: Numbers
    cells: int
    weights: Floats
    counted: Flags
    told: Flags

    def sides(self, tokens: Sequence[Floats], costs: Floats, conversations: Numbers) -> list[Side]:
        requests = self._sum(np.ones(len(self.place)))
        counted, told = (self._sum(flags.astype(np.float64)) for flags in (self.counted, self.told))
        unpriced = self._sum((self.counted & np.isnan(costs)).astype(np.float64))
        number = np.bincount(self.place, minlength=self.cells)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(counted > 0, requests / counted, np.nan)
        inputs, cached, outputs = (self._sum(np.where(self.counted, column, 0.0)) * scale for column in tokens)
        usd = self._sum(np.where(self.counted, np.nan_to_num(costs), 0.0)) * scale
        variance = self._variance(np.where(self.counted, np.nan_to_num(costs), 0.0), conversations) * scale**2
        return [
            Side(
                n=int(number[cell]), requests=float(requests[cell]),
                input_tokens=_known(inputs[cell]), cached_input_tokens=_known(cached[cell]),
                output_tokens=_known(outputs[cell]),
                usd=None if unpriced[cell] or np.isnan(usd[cell]) else Decimal(repr(float(usd[cell]))),
                uncounted=float(requests[cell] - told[cell]), usd_variance=_known(variance[cell]) or 0.0,
            )
            for cell in range(self.cells)
        ]  # fmt: skip

    def _sum(self, values: Floats) -> Floats:
        return np.asarray(np.bincount(self.place, weights=values * self.weights, minlength=self.cells), dtype=np.float64)

    def _variance(self, costs: Floats, conversations: Numbers) -> Floats:
        """Of a sum over conversations that were each taken with probability 1 / weight (Horvitz and Thompson, 1952)."""
        if not (self.weights > 1).any():
            return np.zeros(self.cells)
        many = int(conversations.max()) + 1
        pairs, where = np.unique(self.place * many + conversations, return_inverse=True)
        totals = np.bincount(where, weights=costs * self.weights)
        heaviest = np.zeros(len(pairs))
        np.maximum.at(heaviest, where, self.weights)
        missed = np.maximum(0.0, 1.0 - 1.0 / heaviest) * totals**2
        return np.asarray(np.bincount(pairs // many, weights=missed, minlength=self.cells), dtype=np.float64)


def own_calls(evidence: Evidence, days: set[date]) -> Side:
    """What the pilot itself asked the incumbent on these days, in its control arm: on the vendor's bill, and no production."""
    control = evidence.live.control if evidence.live is not None else None
    if control is None or not days:
        return Side()
    wanted = np.array(sorted((day - EPOCH.date()).days for day in days), dtype=np.int64)
    replies = control.replies
    asked = replies.answered & np.isin(evidence.exchanges.arrived_us // DAY_US, wanted)
    columns = (replies.input_tokens, replies.output_tokens)
    inputs, outputs = (float(np.nan_to_num(column[asked]).sum()) for column in columns)
    return Side(n=int(asked.sum()), requests=float(asked.sum()), input_tokens=inputs, output_tokens=outputs)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def comparable(lines: Sequence[InvoiceLine], selection: Selection) -> tuple[InvoiceLine, ...]:
    """The lines of days that can be compared: an invoice may go on after the last closed day, or begin before the first."""
    days = whole_days(selection)
    return tuple(line for line in lines if line.day in days)


def said_by(lines: Sequence[InvoiceLine], base_url: str | None) -> list[list[object]]:
    """Of each line all that a comparison rests on, in one order: for hashing."""
    same = key_of(base_url)
    said = [
        [
            str(line.day), same(line.model), *(getattr(line, name) for name in TOKENS),
            None if line.usd is None else str(line.usd.normalize()), sorted(line.facts.get("tiers", ())),
        ]
        for line in lines
    ]  # fmt: skip
    return sorted(said, key=repr)


def invoiced_sides(lines: Sequence[InvoiceLine], base_url: str | None) -> tuple[dict[Key, Side], dict[str, str]]:
    """What the exports say of each day and model, and one name of each model."""
    same = key_of(base_url)
    groups: dict[Key, list[Side]] = {}
    shown: dict[str, str] = {}
    for line in lines:
        key = same(line.model)
        shown.setdefault(key, line.model)
        groups.setdefault((line.day, key), []).append(_side(line))
    return {key: added(sides) for key, sides in groups.items()}, shown


def _side(line: InvoiceLine) -> Side:
    side = Side(usd=line.usd, tiers=frozenset(line.facts.get("tiers", ())))
    for name in TOKENS:
        count = getattr(line, name)
        setattr(side, name, None if count is None else float(count))
    return side


def over_all_models(sides: Mapping[Key, Side]) -> dict[Key, Side]:
    """Each day as one."""
    days = sorted({day for day, _ in sides})
    return {(day, ALL_MODELS): added(side for (its, _), side in sides.items() if its == day) for day in days}


def invoiced_over_all_models(sides: Mapping[Key, Side]) -> dict[Key, Side]:
    """The same of what was invoiced: without dollars of all models, a day's dollars need those of every model with tokens."""
    made = over_all_models(sides)
    for (day, _), total in made.items():
        whole = sides.get((day, ALL_MODELS))
        its = [side for (at, _), side in sides.items() if at == day]
        if (whole is None or whole.usd is None) and any(side.usd is None and side.input_tokens for side in its):
            total.usd = None
    return made


def measured_over_all_models(sides: Mapping[Key, Side]) -> dict[Key, Side]:
    """The same of what was measured: calls without counts are reckoned like the day's others, dollars need every price."""
    made = over_all_models(sides)
    for (day, _), total in made.items():
        counted = [side for (its, _), side in sides.items() if its == day and side.input_tokens is not None]
        requests = sum(side.requests or 0.0 for side in counted)
        if not requests:
            continue
        scale = (total.requests or 0.0) / requests
        for name in ("input_tokens", "cached_input_tokens", "output_tokens"):
            count = getattr(total, name)
            setattr(total, name, None if count is None else count * scale)
        is_priced = total.usd is not None and all(side.usd is not None for side in counted)
        total.usd = total.usd * Decimal(repr(scale)) if is_priced and total.usd is not None else None
        total.usd_variance *= scale**2
    return made
