"""The volume that a plan of models prices: as a pilot measured it, or as it is given."""

import math
from dataclasses import dataclass
from datetime import datetime

from app.domain.capacity_figures import CapacityModel
from app.domain.cost_figures import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS
from app.domain.model_plan import DEFAULT_CONTEXT_TOKENS, ModelPlanQuestion, VolumeModel
from app.domain.scorecard import Scorecard
from app.pipeline.scorecard import compute_scorecard
from app.store.session import SessionFactory


@dataclass(frozen=True, slots=True)
class MeasuredVolume:
    """A month of a pilot's production requests on closed days; `None` = not measured yet."""

    pilot: str
    closed_days: int
    requests: float | None = None
    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    output_tokens: float | None = None
    requests_per_minute_peak: float | None = None
    concurrency_peak: float | None = None


def measured_volume(session_factory: SessionFactory, pilot: str, as_of: datetime | None = None) -> MeasuredVolume:
    """What a pilot's scorecard says of its volume.

    Raises:
        NotFound: If there is no such pilot.
    """
    return read_volume(compute_scorecard(session_factory, pilot, as_of))


def read_volume(card: Scorecard) -> MeasuredVolume:
    """The incumbent's tokens, requests and peak, which are the same whatever candidate they stand beside."""
    first = next(iter(card.candidates.values()), None)
    if first is None:
        return MeasuredVolume(card.pilot, len(card.days_closed))
    tokens = {each.name: each.value for each in first.cost.inputs}
    return MeasuredVolume(
        pilot=card.pilot,
        closed_days=len(card.days_closed),
        requests=first.cost.requests_per_month,
        input_tokens=tokens.get(INPUT_TOKENS),
        cached_input_tokens=tokens.get(CACHED_TOKENS),
        output_tokens=tokens.get(OUTPUT_TOKENS),
        requests_per_minute_peak=first.capacity.requests_per_minute_peak,
        concurrency_peak=_at_once(first.capacity),
    )


def _at_once(capacity: CapacityModel) -> int | None:
    """What has to be answered at once: what the arrivals need, which a thin sample's weights do not blow up, else the peak."""
    return capacity.slots_needed if capacity.slots_needed is not None else capacity.incumbent_concurrency_peak


def volume_of(question: ModelPlanQuestion, measured: MeasuredVolume | None) -> VolumeModel:
    """What was given goes before what was measured."""
    if question.tokens_per_month is not None:
        return _given(question, question.tokens_per_month, measured)
    if measured is None or measured.input_tokens is None or measured.output_tokens is None:
        return _unknown(question, measured)
    return _measured(question, measured, measured.input_tokens + measured.output_tokens)


def _measured(question: ModelPlanQuestion, measured: MeasuredVolume, total: float) -> VolumeModel:
    context, said = _context(question, measured, total)
    return VolumeModel(
        tokens_per_month=total,
        input_tokens=measured.input_tokens,
        cached_input_tokens=measured.cached_input_tokens,
        output_tokens=measured.output_tokens,
        requests_per_minute_peak=measured.requests_per_minute_peak,
        concurrency_peak=measured.concurrency_peak,
        context_tokens=context,
        users=question.users,
        source="measured",
        words=[f"volume and peak: measured by {measured.pilot} on {measured.closed_days} closed days", said],
    )


def _given(question: ModelPlanQuestion, tokens: float, measured: MeasuredVolume | None) -> VolumeModel:
    context, said = _context(question, measured, None)
    generated = tokens * question.output_share
    return VolumeModel(
        tokens_per_month=tokens,
        input_tokens=tokens - generated,
        output_tokens=generated,
        context_tokens=context,
        users=question.users,
        source="given",
        words=[f"volume: given, {question.output_share:.0%} of it generated; the peak is not known", said],
    )


def _unknown(question: ModelPlanQuestion, measured: MeasuredVolume | None) -> VolumeModel:
    context, said = _context(question, measured, None)
    why = "no pilot is named and no tokens a month are given"
    if measured is not None:
        why = f"{measured.pilot} has measured no tokens on a closed day yet"
    return VolumeModel(context_tokens=context, users=question.users, source="unknown", words=[f"volume: unknown, {why}", said])


def _context(question: ModelPlanQuestion, measured: MeasuredVolume | None, total: float | None) -> tuple[int, str]:
    if question.context_tokens is not None:
        return question.context_tokens, "context of a request: given"
    if total is not None and measured is not None and measured.requests:
        return max(1, math.ceil(total / measured.requests)), "context of a request: the measured mean; many are longer"
    return DEFAULT_CONTEXT_TOKENS, "context of a request: assumed, 2,000 tokens in and 500 out (SH, 2026)"
