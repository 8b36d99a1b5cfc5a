"""The candidate's times beside the incumbent's, where both were measured from the same place as far as the control tells."""

import numpy as np

from app.domain.evidence import Floats
from app.domain.operation_models import AgainstIncumbent
from app.domain.scorecard import ControlModel, EstimateModel
from app.statistics.quantiles import METHOD, quantile_estimate

P95 = 0.95
MOST_OF_OBJECTIVE = 0.1
# Of second answers of the incumbent: fewer do not tell where we stand.
ENOUGH = 30
_ROUNDING = 1e-9


def against_incumbent(
    incumbent: Floats, candidate: Floats, *, limit: float | None, control: ControlModel | None, measure: str, weight: float
) -> AgainstIncumbent:
    """The difference of the 95th percentiles, if the control's offset is small beside the objective.

    Args:
        incumbent: Its times, ascending.
        candidate: Its times, ascending.
        limit: The objective in seconds; `None` = there is none.
        control: The incumbent asked again from where the candidate is asked.
        measure: Which time.
        weight: See `prior_weight`.
    """
    offset = control.vantage_offset_seconds.get(measure) if control is not None else None
    reason = _why_not(offset, limit)
    if reason:
        return AgainstIncumbent(vantage_offset_seconds=offset, reason=reason)
    return AgainstIncumbent(
        candidate_minus_incumbent_p95_seconds=_difference(incumbent, candidate, weight),
        vantage_offset_seconds=offset,
        reason="measured from nearly the same place: the control's offset is below 10% of the limit",
    )


def _why_not(offset: EstimateModel | None, limit: float | None) -> str:
    if limit is None:
        return "no limit is configured to which the control's offset could be compared"
    if offset is None or offset.value is None:
        return "the arms are measured from different places, and without a control arm nobody knows what that does to times"
    if offset.n < ENOUGH:
        return (
            f"the control answered {offset.n} times beside production: {ENOUGH} are needed to know what our place does to times"
        )
    if abs(offset.value) >= MOST_OF_OBJECTIVE * limit - _ROUNDING:
        return (
            f"standing elsewhere alone moves times by {offset.value:+.3g} s (the control), which is not below 10% of the limit "
            f"of {limit:g} s"
        )
    return ""


def _difference(incumbent: Floats, candidate: Floats, weight: float, confidence: float = 0.95) -> EstimateModel:
    """Each percentile at half of the error probability: then the difference holds at the whole."""
    half = (1 + confidence) / 2
    theirs, its = (
        quantile_estimate(ordered=np.asarray(times), probability=P95, weight=weight, confidence=half)
        for times in (incumbent, candidate)
    )
    return EstimateModel(
        value=_less(its.value, theirs.value),
        low=_less(its.low, theirs.high),
        high=_less(its.high, theirs.low),
        n=min(its.n, theirs.n),
        method=METHOD,
        confidence=confidence,
    )


def _less(one: float | None, other: float | None) -> float | None:
    return one - other if one is not None and other is not None else None
