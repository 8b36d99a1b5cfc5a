"""`pilot plan --gpu`: which open models fit on which GPUs, with room for whom, under which licence, for how much."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from app.costs.alternatives import managed_hosts
from app.costs.catalogue.entries import Catalogue, catalogue
from app.costs.memory import HEADROOM_HIGH, HEADROOM_LOW, USABLE_SHARE, Fit, smallest_fits
from app.domain.catalogue import CatalogueGpu, CatalogueModel, Claim, GpuPrice
from app.domain.model_plan import (
    FitCost,
    FitLine,
    GpuLine,
    HostLine,
    ModelLine,
    ModelPlanAnswer,
    ModelPlanQuestion,
    PriceLine,
    SaidLine,
    VolumeModel,
)
from app.errors import InvalidInput, Problem
from app.pipeline.licence_notes import KINDS
from app.pipeline.measured_volume import MeasuredVolume, volume_of

MOST_HOSTS = 3
LICENCE_WORDS = {
    "permissive": "passes the licence check",
    "community": "terms to read: unknown until license_reviewed = true",
    "revenue_threshold": "terms to read: unknown until license_reviewed = true",
    "non_commercial": "fails the licence check: no commercial use",
}
NOTES = (
    f"Weights are computed from the parameters (FP16 2 bytes, INT8 1, INT4 0.5 with scales); a server may use "
    f"{USABLE_SHARE:.0%} of a GPU's memory; what is left holds the KV cache at 2 bytes a value.",
    f"Where the sizes of a model's KV cache are not known, the weights times {HEADROOM_LOW} must fit "
    f"(the field says {HEADROOM_LOW} to {HEADROOM_HIGH}: EV, 2026).",
    "Costs are those of the GPUs alone; engineering hours, storage and network come on top (`docs/rules-of-thumb.md`).",
    "Whether a model is good enough and what a replica carries, a pilot and a rehearsal measure: nothing here is a verdict.",
)


@dataclass(frozen=True, slots=True)
class _Plan:
    known: Catalogue
    question: ModelPlanQuestion
    volume: VolumeModel
    at: datetime


def plan_models(
    question: ModelPlanQuestion, at: datetime, *, own: Path | None = None, measured: MeasuredVolume | None = None
) -> ModelPlanAnswer:
    """Answers a question from the catalogue; without GPUs it lists those that are known.

    Args:
        question: What is asked.
        at: Prices of hosts are those of this moment.
        own: The user's own catalogue file.
        measured: What the named pilot measured.

    Raises:
        InvalidInput: If a GPU is not known, or the own catalogue is wrong.
    """
    known = catalogue(own)
    if not question.gpus:
        return ModelPlanAnswer(gpus=[_gpu_line(gpu, known) for gpu in known.gpus])
    gpus = [_known_gpu(known, name, place) for place, name in enumerate(question.gpus)]
    plan = _Plan(known, question, volume_of(question, measured), at)
    fits = [fit for gpu in gpus for model in known.models for fit in _fits(plan, model, gpu)]
    fitting = {fit.model.name for fit in fits}
    return ModelPlanAnswer(
        gpus=[_gpu_line(gpu, known) for gpu in gpus],
        volume=plan.volume,
        models=[_model_line(plan, model) for model in known.models if model.name in fitting],
        fits=[_fit_line(plan, fit) for fit in sorted(fits, key=_fewest_first)],
        does_not_fit={gpu.name: _absent(known, fits, gpu) for gpu in gpus},
        contradictions=list(_contradictions(known, gpus)),
        notes=list(NOTES),
    )


def _known_gpu(known: Catalogue, name: str, place: int) -> CatalogueGpu:
    found = known.gpu(name)
    if found is None:
        message = f"there is no GPU {name!r} in the catalogue. Known: {', '.join(gpu.name for gpu in known.gpus)}"
        hint = "; your own go into the file that PILOT_CATALOGUE names (docs/catalogue.md)"
        raise InvalidInput(message + hint, (Problem(message, field=f"gpus[{place}]", code="unknown_gpu"),))
    return found


def _fits(plan: _Plan, model: CatalogueModel, gpu: CatalogueGpu) -> list[Fit]:
    volume, most = plan.volume, plan.question.most_gpus
    return smallest_fits(model, gpu, context_tokens=volume.context_tokens, users=volume.users, most_gpus=most)


def _fewest_first(fit: Fit) -> tuple[str, int, float, str]:
    return fit.gpu.name, fit.gpus, -fit.model.parameters_billion, fit.model.name


def _absent(known: Catalogue, fits: list[Fit], gpu: CatalogueGpu) -> list[str]:
    here = {fit.model.name for fit in fits if fit.gpu.name == gpu.name}
    return [model.name for model in known.models if model.name not in here]


def _gpu_line(gpu: CatalogueGpu, known: Catalogue) -> GpuLine:
    prices = [_price_line(price) for price in known.prices_of(gpu.name)]
    return GpuLine(name=gpu.name, memory_gb=gpu.memory_gb, prices=prices, is_own=gpu.name.lower() in known.own)


def _price_line(price: GpuPrice) -> PriceLine:
    low, high = price.usd_per_month
    return PriceLine(
        gpus=price.gpus, usd_per_month_low=low, usd_per_month_high=high,
        source=price.source, as_of=price.as_of, note=price.note,
    )  # fmt: skip


def _model_line(plan: _Plan, model: CatalogueModel) -> ModelLine:
    claims = plan.known.claims_on(model=model.name)
    return ModelLine(
        name=model.name,
        parameters_billion=model.parameters_billion,
        active_parameters_billion=model.active_parameters_billion,
        licence=model.licence,
        licence_kind=model.licence_kind,
        licence_words=f"{KINDS[model.licence_kind]}: {LICENCE_WORDS[model.licence_kind]}",
        source=model.source,
        as_of=model.as_of,
        note=model.note,
        is_own=model.name.lower() in plan.known.own,
        quality=[_said(claim) for claim in claims if claim.about == "quality"],
        hosting=[_said(claim) for claim in claims if claim.about == "price"],
        hosts=list(_hosts(plan, model)),
    )


def _hosts(plan: _Plan, model: CatalogueModel) -> Iterator[HostLine]:
    volume = plan.volume
    if volume.input_tokens is None or volume.output_tokens is None:
        return
    found = managed_hosts(
        model.name,
        plan.at,
        input_tokens=volume.input_tokens,
        cached_input_tokens=volume.cached_input_tokens or 0.0,
        output_tokens=volume.output_tokens,
        most=MOST_HOSTS,
        also=model.names,
    )
    for host in found:
        yield HostLine(model=host.model, vendor=host.vendor, usd_per_month=host.usd, source=host.source)


def _fit_line(plan: _Plan, fit: Fit) -> FitLine:
    low, high, words = _replicas(plan, fit)
    return FitLine(
        model=fit.model.name,
        gpu=fit.gpu.name,
        gpus=fit.gpus,
        quantisation=fit.quantisation,
        weights_gb=round(fit.weights_gb, 1),
        kv_gb=round(fit.kv_gb, 1),
        kv_tokens=fit.kv_tokens,
        users=fit.users,
        replicas_low=low,
        replicas_high=high,
        replicas_words=words,
        costs=[_cost(plan, fit, price, (low, high)) for price in _fitting_prices(plan, fit)],
    )


def _replicas(plan: _Plan, fit: Fit) -> tuple[int, int, str]:
    """At least so many hold the peak's contexts; where the field says what one carries, by that too."""
    volume, said = plan.volume, []
    room = 1
    if volume.concurrency_peak is not None and fit.users:
        room = max(1, math.ceil(volume.concurrency_peak / fit.users))
        said.append(f"room for {fit.users:,} of the {volume.concurrency_peak:,.0f} requests at once at the peak")
    low = high = room
    claim = _throughput(plan, fit)
    if claim is not None and volume.requests_per_minute_peak is not None:
        most, least = claim.requests_per_minute_high or 0.0, claim.requests_per_minute_low or 0.0
        low = max(room, math.ceil(volume.requests_per_minute_peak / most))
        high = max(room, math.ceil(volume.requests_per_minute_peak / least))
        said.append(f"{claim.source}: {claim.says}, for {volume.requests_per_minute_peak:,.0f} in the busiest minute")
    return low, high, "; ".join(said) or "one replica: how many the peak needs is not known here"


def _throughput(plan: _Plan, fit: Fit) -> Claim | None:
    for claim in plan.known.claims_on(model=fit.model.name):
        same = (claim.gpu, claim.gpus, claim.quantisation) == (fit.gpu.name, fit.gpus, fit.quantisation)
        if same and claim.requests_per_minute_low is not None and claim.requests_per_minute_high is not None:
            return claim
    return None


def _fitting_prices(plan: _Plan, fit: Fit) -> list[GpuPrice]:
    """Of each source the price of just so many GPUs, else that of one."""
    prices = plan.known.prices_of(fit.gpu.name)
    exact = [price for price in prices if price.gpus == fit.gpus]
    told = {price.source for price in exact}
    return exact + [price for price in prices if price.gpus == 1 and price.source not in told]


def _cost(plan: _Plan, fit: Fit, price: GpuPrice, replicas: tuple[int, int]) -> FitCost:
    low, high = (usd * fit.gpus / price.gpus for usd in price.usd_per_month)
    low, high = low * replicas[0], high * replicas[1]
    tokens = plan.volume.tokens_per_month
    return FitCost(
        usd_per_month_low=low,
        usd_per_month_high=high,
        usd_per_million_tokens_low=_per_million(low, tokens),
        usd_per_million_tokens_high=_per_million(high, tokens),
        source=price.source,
        as_of=price.as_of,
        words="" if price.gpus == fit.gpus else f"{fit.gpus} times the price of one",
    )


def _per_million(usd: Decimal, tokens: float | None) -> float | None:
    return None if tokens is None else float(usd) / tokens * 1e6


def _contradictions(known: Catalogue, gpus: list[CatalogueGpu]) -> Iterator[SaidLine]:
    """Of every model, fitting or not, and of the GPUs that were asked for."""
    names = {gpu.name for gpu in gpus}
    for claim in known.claims:
        if claim.contradicts is not None and (claim.gpu is None or claim.gpu in names):
            yield _said(claim)
    for price in known.prices:
        if price.contradicts is not None and price.gpu in names:
            low, high = price.usd_per_month
            says = f"{price.gpus}x {price.gpu}: {low:,.0f}-{high:,.0f} US dollars a month, {price.note or ''}".rstrip(", ")
            yield SaidLine(
                about="price", of=price.gpu, says=says, source=price.source, as_of=price.as_of, contradicts=price.contradicts
            )


def _said(claim: Claim) -> SaidLine:
    return SaidLine(
        about=claim.about, of=claim.model or claim.gpu or "", says=claim.says, source=claim.source, as_of=claim.as_of,
        contradicts=claim.contradicts,
    )  # fmt: skip
