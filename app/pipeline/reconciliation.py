"""The vendor's invoice beside what the pilot measured.

**Measured** is production's volume as far as the evidence knows it: every captured exchange, weighted by the requests it
stands for (1 / inclusion probability, and for live traffic 1 / sampling rate: the requests that sampling left out are in it),
and the imported exchanges that only `[sampling] rate` left out, which are there and need no weight. Requests that never
reached the pilot (another key, mirroring off, `X-Pilot-Mirror: off`, other routes, lost ones) are not in it, though the vendor
bills them: measured over invoiced volume is the **coverage** of the bill; a bill that is larger by volume means that it is
below 1. Calls that the client cancelled or got wrong are no captured exchanges either. Calls of the pilot itself (the control
arm, replay) are billed by the vendor too, and are other traffic if they use the same key.

**Compared** are UTC days that lie wholly in closed days of the pilot and are on the invoice, and models that the pilot saw.
The measured dollars stay what the cost model uses: an invoice covers traffic that a candidate would not take over, comes
without segments, and says nothing of what one request costs. It is the check on them: above 5 % nobody knows what staying
costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from app.costs.prices import cost_usd
from app.domain.configuration import PilotConfiguration
from app.domain.evidence import Evidence, Floats
from app.domain.exchange import Usage
from app.domain.invoices import ALL_MODELS, TOKENS, InvoiceLine
from app.domain.reconciliation import (
    MOST_DIFFERENCE,
    CauseModel,
    OtherModel,
    ReconciledRow,
    ReconciliationModel,
)
from app.pipeline.closing import Selection
from app.pipeline.estimated_usage import arm_that_counted
from app.pipeline.reconciliation_causes import SAME, Grounds, causes_of, is_same, same_tokens
from app.pipeline.reconciliation_doubts import is_counted, token_doubt
from app.pipeline.reconciliation_rows import Pair, largest_rate, money_of, row_of
from app.pipeline.reconciliation_sides import (
    DAY_US,
    Key,
    Side,
    added,
    comparable,
    invoiced_over_all_models,
    invoiced_sides,
    measured_over_all_models,
    measured_sides,
    own_calls,
    production_rows,
    production_weights,
    whole_days,
)
from app.pipeline.token_bills import incumbent_prices, row_costs

FEW_DAYS, FEW_CELLS = 3, 2
# A cell with less than this share of the dollars says little about a factor.
SMALL_CELL = 0.01
CENT = Decimal("0.01")


def reconciliation_of(
    configuration: PilotConfiguration,
    invoice_lines: Sequence[InvoiceLine],
    evidence: Evidence,
    selection: Selection,
    weights: Floats,
) -> ReconciliationModel | None:
    """`reconcile`, with each reply at the price of its model on its day."""
    if not invoice_lines:
        return None
    rows, arrived = production_rows(evidence, selection), evidence.exchanges.arrived_us
    prices, model = incumbent_prices(configuration), configuration.incumbent.model
    other = arm_that_counted(evidence, rows)
    costs = row_costs(evidence.incumbent, rows, arrived // DAY_US, prices, model=model, other=other, arrived_us=arrived)
    return reconcile(configuration, invoice_lines, evidence, selection, weights, costs)


def reconcile(
    configuration: PilotConfiguration,
    invoice_lines: Sequence[InvoiceLine],
    evidence: Evidence,
    selection: Selection,
    weights: Floats,
    row_costs: Floats,
) -> ReconciliationModel | None:
    """Compares by day and model and in all; `None` where nothing was imported.

    Args:
        configuration: The incumbent's address, model and prices.
        invoice_lines: What all imported exports say together.
        evidence: The incumbent's replies.
        selection: Which days are closed and which exchanges count.
        weights: How many requests each exchange stands for.
        row_costs: What each reply of `production_rows` costs, unweighted; NaN = nobody knows.
    """
    if not invoice_lines:
        return None
    rows, weighted = production_rows(evidence, selection), production_weights(evidence, weights)
    days = whole_days(selection)
    measured, names = measured_sides(configuration, evidence, rows, weighted, row_costs, days)
    invoiced, billed_names = invoiced_sides(comparable(invoice_lines, selection), configuration.incumbent.base_url)
    is_sampled = bool((weighted[rows] > 1).any())
    found = Comparison(configuration, measured, invoiced, billed_names | names, days, is_sampled=is_sampled)
    return found.model(own_calls(evidence, {day for day, _ in found.cells}))


class Comparison:
    """Both sides, matched by day and model."""

    def __init__(
        self,
        configuration: PilotConfiguration,
        measured: Mapping[Key, Side],
        invoiced: Mapping[Key, Side],
        names: Mapping[str, str],
        days: set[date],
        *,
        is_sampled: bool,
    ) -> None:
        self.configuration, self.names, self.is_sampled = configuration, dict(names), is_sampled
        self.notes: list[CauseModel] = []
        on_invoice = {day for day, _ in invoiced}
        measured, invoiced = self._matched(measured, {key: side for key, side in invoiced.items() if key[0] in days})
        self.compared = sorted({day for day, _ in measured} | {day for day, _ in invoiced} & days)
        self.compared = [day for day in self.compared if day in on_invoice]
        self.missing = sorted({day for day, _ in measured} - on_invoice)
        seen, billed = {model for _, model in measured}, {model for _, model in invoiced}
        self.models = sorted(seen & billed)
        self.unmatched, self.others = sorted(seen - billed), sorted(billed - seen)
        self.invoiced = invoiced
        self.measured = measured
        keys = [(day, model) for day in self.compared for model in self.models if self._has((day, model))]
        self.cells = {key: self._pair(key) for key in keys}

    def model(self, own: Side) -> ReconciliationModel:
        """All of it; `own` = what the pilot itself asked the incumbent."""
        total, is_implied, undollared = self._with_implied(self._row(list(self.cells.values())))
        factor = None if is_implied else self._factor(total)
        causes = [*self.notes, *causes_of(self._grounds(total, factor, own)), *self._of_days_and_models()]
        share, unmatched = total.usd.difference_rate, self._unmatched_rate()
        differs = share is not None and abs(share) > MOST_DIFFERENCE
        discount = self._discount(factor)
        reason = _reason(total, causes, self, discount) if differs else _of_unmatched(unmatched, causes)
        reason = reason or token_doubt(undollared, total, causes)
        return ReconciliationModel(
            first_day=self.compared[0] if self.cells else None,
            last_day=self.compared[-1] if self.cells else None,
            compared_days=len({day for day, _ in self.cells}),
            total=total,
            by_model=[self._row(self._where(model=model), model=self.names.get(model, model)) for model in self.models],
            by_day=[self._row(self._where(day=day), day=day) for day in sorted({day for day, _ in self.cells})],
            rows=[self._row([pair], day=day, model=self.names.get(key, key)) for (day, key), pair in self.cells.items()],
            usd_is_implied=is_implied,
            missing_days=self.missing,
            other_models=[self._other(model) for model in self.others],
            unmatched_models=[self.names.get(model, model) for model in self.unmatched],
            uncounted_rate=self._uncounted(),
            causes=causes,
            price_factor=factor,
            discount_rate=discount,
            is_unknown=bool(reason),
            reason=reason,
        )

    def _matched(
        self, measured: Mapping[Key, Side], invoiced: Mapping[Key, Side]
    ) -> tuple[Mapping[Key, Side], Mapping[Key, Side]]:
        """Where one side is not split by model, the other is not either; one name each that match nothing are the same."""
        if any(model == ALL_MODELS for _, model in invoiced):
            return measured_over_all_models(measured), invoiced_over_all_models(invoiced)
        seen, billed = {model for _, model in measured}, {model for _, model in invoiced}
        if seen & billed or len(seen) != 1 or len(billed) != 1:
            return measured, invoiced
        ours, theirs = seen.pop(), billed.pop()
        words = f"the invoice calls the model {self.names[theirs]!r}, the replies {self.names[ours]!r}: taken to be the same"
        self.notes.append(CauseModel(code="model_names", words=words))
        return measured, {(day, ours): side for (day, _), side in invoiced.items()}

    def _has(self, key: Key) -> bool:
        return key in self.measured or key in self.invoiced

    def _pair(self, key: Key) -> Pair:
        """What one side lacks on a day that both cover is nothing, in the measures that it has at all for the model."""
        return self._side(self.measured, key), self._side(self.invoiced, key)

    def _side(self, sides: Mapping[Key, Side], key: Key) -> Side:
        if key in sides:
            return sides[key]
        said = added(side for (_, model), side in sides.items() if model == key[1])
        nothing = {name: 0.0 for name in TOKENS if getattr(said, name) is not None}
        made = Side(usd=Decimal(0) if said.usd is not None else None)
        for name, value in nothing.items():
            setattr(made, name, value)
        return made

    def _where(self, *, day: date | None = None, model: str | None = None) -> list[Pair]:
        return [pair for (its, name), pair in self.cells.items() if its == (day or its) and name == (model or name)]

    def _row(self, pairs: Sequence[Pair], *, day: date | None = None, model: str | None = None) -> ReconciledRow:
        return row_of(pairs, is_sampled=self.is_sampled, day=day, model=model)

    def _with_implied(self, total: ReconciledRow) -> tuple[ReconciledRow, bool, list[Pair]]:
        """Where no export has dollars: the invoice's tokens at the prices that were measured; and what has no dollars still."""
        every = list(self.cells.values())
        undollared = [(ours, theirs) for ours, theirs in every if ours.usd is None or theirs.usd is None]
        if total.usd.invoiced is not None or total.usd.measured is None or not every:
            return total, False, undollared
        pairs = []
        for key in self.models:
            known = [pair for pair in self._where(model=key) if is_counted(pair)]
            ours, theirs = (added(pair[place] for pair in known) for place in (0, 1))
            factor = self._implied_factor(key, ours, theirs)
            if factor is None or ours.usd is None:
                return total, False, undollared
            pairs.append((ours, Side(usd=ours.usd * factor)))
        usd = money_of(pairs, is_sampled=self.is_sampled)
        return total.model_copy(update={"usd": usd}), True, [pair for pair in every if not is_counted(pair)]

    def _implied_factor(self, key: str, ours: Side, theirs: Side) -> Decimal | None:
        at = datetime.combine(self.compared[-1], time(), UTC)
        prices = incumbent_prices(self.configuration)(self.names.get(key, key), at, "")
        if prices is None:
            return None
        has_cached = ours.cached_input_tokens is not None and theirs.cached_input_tokens is not None
        usages = (_usage(side, has_cached=has_cached) for side in (ours, theirs))
        before, after = (cost_usd(usage, replace(prices, tiers=())) for usage in usages)
        return after / before if before and after is not None else None

    def _factor(self, total: ReconciledRow) -> float | None:
        """One factor that explains the dollars of every day and model, the tokens being the same."""
        ours, theirs = total.usd.measured, total.usd.invoiced
        if ours is None or theirs is None or ours <= 0 or theirs <= 0 or not same_tokens(total):
            return None
        factor = float(theirs / ours)
        large = [
            pair for pair in self.cells.values() if pair[0].usd is not None and float(pair[0].usd) > SMALL_CELL * float(ours)
        ]
        ratios = [float(billed.usd / seen.usd) for seen, billed in large if seen.usd and billed.usd is not None]
        if is_same(factor) or len(ratios) < FEW_CELLS or len(ratios) < len(large):
            return None
        return factor if all(abs(ratio / factor - 1) <= SAME for ratio in ratios) else None

    def _discount(self, factor: float | None) -> float | None:
        """For prices of the price table alone: own prices are taken as they are."""
        table = self.configuration.incumbent
        has_own = table.input_usd_per_million_tokens is not None or table.output_usd_per_million_tokens is not None
        if factor is None or has_own:
            return None
        rate = 1 - (1 - float(table.discount_rate)) * factor
        return round(rate, 4) if 0 <= rate < 1 else None

    def _grounds(self, total: ReconciledRow, factor: float | None, own: Side) -> Grounds:
        tiers = sorted({tier for _, billed in self.cells.values() for tier in billed.tiers})
        return Grounds(
            total=total,
            price_factor=factor,
            tiers=tuple(tiers),
            uncounted_rate=self._uncounted(),
            is_sampled=self.is_sampled,
            lagging=self._is_lagging(),
            own_requests=own.requests or 0.0,
            own_input_tokens=own.input_tokens or 0.0,
        )

    def _uncounted(self) -> float | None:
        requests = sum(side.requests or 0.0 for side, _ in self.cells.values())
        return sum(side.uncounted for side, _ in self.cells.values()) / requests if requests else None

    def _is_lagging(self) -> bool:
        """The last day alone has too little: the export was made before it was whole."""
        days = sorted({day for day, _ in self.cells})
        if len(days) < FEW_DAYS:
            return False
        last = largest_rate(self._row(self._where(day=days[-1])))
        before = largest_rate(self._row([pair for (day, _), pair in self.cells.items() if day != days[-1]]))
        return last is not None and before is not None and last > MOST_DIFFERENCE and abs(before) <= MOST_DIFFERENCE

    def _of_days_and_models(self) -> list[CauseModel]:
        found = []
        if not self.cells:
            words = "no UTC day that is wholly closed is on the invoice with a model that the pilot saw: nothing is compared"
            found.append(CauseModel(code="nothing_in_common", words=words))
        if self.missing:
            lag = ", at its end: exports lag" if self.compared and self.missing[0] > self.compared[-1] else ""
            many = "1 day" if len(self.missing) == 1 else f"{len(self.missing)} days"
            words = f"{many} with measured traffic not on the invoice{lag} ({_listed(self.missing)})"
            found.append(CauseModel(code="missing_days", words=words))
        if self.unmatched:
            ours, theirs = (", ".join(self.names.get(m, m) for m in some) for some in (self.unmatched, self.others))
            also = f"; on the invoice and not measured: {theirs}: do their names differ?" if theirs else ""
            words = f"measured and under no name on the invoice: {ours}{also}"
            found.append(CauseModel(code="model_names", words=words))
        return found

    def _unmatched_rate(self) -> float:
        """Which share of the measured dollars (else tokens, else requests) of the invoice's days is under no name on it."""
        here = [(model, side) for (day, model), side in self.measured.items() if day in self.compared]
        for name in ("usd", "input_tokens", "requests"):
            amounts = [(model, getattr(side, name)) for model, side in here]
            every = sum(float(amount or 0) for _, amount in amounts)
            if every and all(amount is not None for _, amount in amounts):
                return sum(float(amount) for model, amount in amounts if model in self.unmatched) / every
        return 0.0

    def _other(self, model: str) -> OtherModel:
        side = added(each for (_, name), each in self.invoiced.items() if name == model)
        name = self.names.get(model, model)
        return OtherModel(model=name, input_tokens=side.input_tokens, output_tokens=side.output_tokens, usd=side.usd)


def _usage(side: Side, *, has_cached: bool) -> Usage:
    """Cached tokens only where both sides say them: an export that is silent on them does not say that there were none."""
    cached = side.cached_input_tokens if has_cached else None
    return Usage(
        input_tokens=None if side.input_tokens is None else round(side.input_tokens),
        cached_input_tokens=None if cached is None else round(cached),
        output_tokens=None if side.output_tokens is None else round(side.output_tokens),
    )


def _listed(days: Sequence[date]) -> str:
    shown = ", ".join(str(day) for day in days[:FEW_DAYS])
    return shown if len(days) <= FEW_DAYS else f"{shown} and {len(days) - FEW_DAYS} more"


def _of_unmatched(rate: float, causes: Sequence[CauseModel]) -> str:
    if rate <= MOST_DIFFERENCE:
        return ""
    names = next(cause.words for cause in causes if cause.code == "model_names")
    return f"{rate:.1%} of the measured cost cannot be compared with the vendor's invoice: {names}"


def _reason(total: ReconciledRow, causes: Sequence[CauseModel], made: Comparison, discount: float | None) -> str:
    usd, days = total.usd, len({day for day, _ in made.cells})
    first = causes[0].words if causes else "no rule finds a cause"
    fix = f"; with [incumbent] discount_rate = {discount:g} both are the same" if discount is not None else ""
    ours, theirs = (amount.quantize(CENT) if amount is not None else Decimal(0) for amount in (usd.measured, usd.invoiced))
    return (
        f"the vendor's invoice and the measured cost differ by {abs(usd.difference_rate or 0):.1%} "
        f"(at most {MOST_DIFFERENCE:.0%} is allowed): {theirs:,.2f} US dollars invoiced and {ours:,.2f} measured "
        f"over {days} days. "
        f"Probable cause: {first}{fix}"
    )
