"""What one step of a rehearsal showed: its calls as columns, made numbers with intervals, and whether the objective was met."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from scipy.stats import t

from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Flags, Floats
from app.domain.measures import LAG_LIMIT_SECONDS
from app.domain.rehearsal import ObjectiveModel, StepOutcome, TimesModel
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.quantiles import prior_weight, quantile_estimate, quantile_of

P50, P95, P99 = 0.5, 0.95, 0.99
LATE_SHARE = 1 - P95
# With fewer requests one late answer decides by itself.
LEAST_REQUESTS = 20
# Above it the bottleneck may be our own process: it could not have sent faster.
MOST_PROCESSOR_SHARE = 0.9
# Our lag is in the measured times: so small a part of the least limit decides nothing, and errs against the candidate.
LAG_SHARE = 0.01
_GROUPS = 5
_RAMP_SHARE = 0.25
SLOPE_METHOD = "batch_slopes"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was due; times in seconds since the step began.

    Attributes:
        due: When it should be sent.
        sent: When it was; `None` = it was not, our own bound was reached.
        ended: When its answer was complete, or when it failed or was ended.
        first: When the first token came; `None` = none, or the answer came in one piece.
        failure: Its kind; "" = it was answered, or (`is_unfinished`) ended by us.
        lag: How late our own process was with it.
    """

    due: float
    sent: float | None
    ended: float
    first: float | None = None
    failure: str = ""
    is_unfinished: bool = False
    output_tokens: int | None = None
    lag: float = 0.0
    usd: Decimal | None = Decimal(0)
    held_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the step did beside its calls.

    Attributes:
        seconds: How long requests were due.
        not_sent: Due, but not sent: the money was used up.
        processor_share: Processor time of our process by the clock.
        lag_limit_seconds: Above this lag at p99 the step is not valid.
    """

    seconds: float
    not_sent: int = 0
    processor_share: float = 0.0
    lag_limit_seconds: float = LAG_LIMIT_SECONDS


@dataclass(frozen=True, slots=True)
class Ruled:
    """A step's outcome and why."""

    outcome: StepOutcome
    reason: str


def figures_of(calls: Sequence[Call], offer: Offer, objective: ObjectiveModel) -> dict[str, object]:
    """Fields of a `StepModel` that follow from its calls."""
    sent = [call for call in calls if call.sent is not None]
    answered = [call for call in sent if not call.failure and not call.is_unfinished]
    late_or_done = [call for call in sent if not call.failure]
    totals = np.sort(np.array([call.ended - call.due for call in late_or_done]))
    firsts = np.sort(np.array([call.first - call.due for call in answered if call.first is not None]))
    offered = len(calls) + offer.not_sent
    within = sum(is_within(call, objective) for call in answered)
    share = _share(within, offered)
    rate = offered / offer.seconds
    littles, mean, peak = _concurrency(sent, offer.seconds)
    ruled = rule(calls, offer, objective, totals=totals, firsts=firsts)
    tokens = [call.output_tokens for call in answered if call.output_tokens is not None]
    lags = np.sort(np.array([call.lag for call in sent]))
    return {
        "outcome": ruled.outcome,
        "reason": ruled.reason,
        "offered": offered,
        "offered_requests_per_second": rate,
        "refused": len(calls) - len(sent),
        "not_sent": offer.not_sent,
        "unfinished": sum(call.is_unfinished for call in sent),
        "answered": len(answered),
        "failures": dict(sorted(Counter(call.failure for call in sent if call.failure).items())),
        "ttft_any_seconds": times_model(firsts),
        "total_seconds": times_model(totals),
        "answered_requests_per_second": EstimateModel.of(throughput([call.ended for call in answered], offer.seconds)),
        "goodput_requests_per_second": EstimateModel.of(_times(share, rate)) if has_times(objective) else EstimateModel(),
        "within_share": EstimateModel.of(share) if has_times(objective) else EstimateModel(),
        "concurrency_mean": mean,
        "concurrency_peak": peak,
        "concurrency_littles": littles,
        "service_seconds_mean": float(np.mean([call.ended - (call.sent or 0.0) for call in answered])) if answered else None,
        "output_tokens_per_second": sum(tokens) / offer.seconds if tokens else None,
        "lag_seconds_p99": quantile_of(ordered=lags, probability=P99),
        "processor_share": offer.processor_share,
        "usd": sum((call.usd for call in sent if call.usd is not None), Decimal(0)),
        "held_usd": sum((call.held_usd for call in sent if call.usd is None), Decimal(0)),
        "unpriced": sum(call.usd is None for call in sent),
    }


def has_times(objective: ObjectiveModel) -> bool:
    """Whether there is a limit of time."""
    return objective.total_p95_seconds is not None or objective.ttft_any_p95_seconds is not None


def is_within(call: Call, objective: ObjectiveModel) -> bool:
    """Whether an answer came within both limits, counted from the moment at which its request was due.

    An answer in one piece has no first token of its own: its limit is then the total's alone.
    """
    total, first = objective.total_p95_seconds, objective.ttft_any_p95_seconds
    if total is not None and call.ended - call.due > total:
        return False
    return first is None or call.first is None or call.first - call.due <= first


def rule(calls: Sequence[Call], offer: Offer, objective: ObjectiveModel, *, totals: Floats, firsts: Floats) -> Ruled:
    """Whether the objective was met; `NOT_VALID` wherever it could be our own doing."""
    sent = [call for call in calls if call.sent is not None]
    own = _own_doing(calls, sent, offer, objective)
    if own:
        return Ruled(StepOutcome.NOT_VALID, own)
    found = _missed(sent, objective, offer.seconds, totals=totals, firsts=firsts)
    if found:
        return Ruled(StepOutcome.MISSED, "; ".join(found))
    if not has_times(objective):
        return Ruled(StepOutcome.MEASURED, "the pilot has no [latency] objective to meet")
    return Ruled(StepOutcome.MET, "95 of 100 answers came within the objective")


def _own_doing(calls: Sequence[Call], sent: Sequence[Call], offer: Offer, objective: ObjectiveModel) -> str:
    """Why the step says nothing about the candidate; "" = it does."""
    if len(calls) + offer.not_sent < LEAST_REQUESTS:
        return f"only {len(calls)} requests were due: too few to say anything"
    if offer.not_sent:
        return f"{offer.not_sent:,} requests were not sent: the limit of money is reached"
    lag = quantile_of(ordered=np.sort(np.array([call.lag for call in sent])), probability=P99)
    most = max(offer.lag_limit_seconds, LAG_SHARE * _least_limit(objective))
    if lag is not None and lag > most:
        return f"our own process was late by {lag * 1000:.0f} ms (p99; at most {most * 1000:.0f} ms count)"
    if offer.processor_share > MOST_PROCESSOR_SHARE:
        return f"our own process used {offer.processor_share:.0%} of a processor: the limit may be ours"
    refused = len(calls) - len(sent)
    bad = sum(bool(call.failure) or call.is_unfinished or not is_within(call, objective) for call in sent)
    if refused and bad <= LATE_SHARE * len(calls):
        return f"{refused:,} requests were not sent: so many calls as PILOT_REHEARSAL_CONCURRENCY allows were in flight"
    return ""


def _least_limit(objective: ObjectiveModel) -> float:
    limits = (objective.total_p95_seconds, objective.ttft_any_p95_seconds)
    return min((limit for limit in limits if limit is not None), default=0.0)


def _missed(
    sent: Sequence[Call], objective: ObjectiveModel, seconds: float, *, totals: Floats, firsts: Floats
) -> list[str]:  # fmt: skip
    found: list[str] = []
    if not has_times(objective) and objective.max_failure_rate is None:
        return found
    times = (
        ("total time", totals, objective.total_p95_seconds),
        ("time to first token", firsts, objective.ttft_any_p95_seconds),
    )
    for name, ordered, limit in times:
        p95 = quantile_of(ordered=ordered, probability=P95)
        if limit is not None and p95 is not None and p95 > limit:
            found.append(f"{name}: the 95th percentile was {p95:.3g} s, above {limit:g} s")
    failures = sum(bool(call.failure) for call in sent)
    unfinished = sum(call.is_unfinished for call in sent)
    most = objective.max_failure_rate if objective.max_failure_rate is not None else LATE_SHARE
    if failures > most * len(sent):
        found.append(f"{failures:,} of {len(sent):,} calls failed, above {most:.2%}")
    behind = _falls_behind(sent, seconds)
    if behind:
        found.append(f"it did not keep up: {behind:,} more requests were waiting at the end than early on")
    if unfinished > LATE_SHARE * len(sent) and not found:
        found.append(f"{unfinished:,} of {len(sent):,} calls had no end long after the last one was sent")
    return found


def _falls_behind(sent: Sequence[Call], seconds: float) -> int:
    """By how many calls the queue grew, if that is more than chance; a short step hides in its queue what is too much.

    More than one in 20 of the requests that came meanwhile, and than twice the spread of a count of those in flight.
    """
    begins = np.array([call.sent for call in sent], dtype=np.float64)
    ends = np.array([call.ended for call in sent])
    early = _RAMP_SHARE * seconds
    flying = [int((begins <= at).sum() - (ends <= at).sum()) for at in (early, seconds)]
    growth = flying[1] - flying[0]
    came = int(((begins > early) & (begins <= seconds)).sum())
    chance = 2 * np.sqrt((flying[0] + flying[1]) / 2) + 2
    return growth if growth > max(LATE_SHARE * came, chance) else 0


def times_model(ordered: Floats) -> TimesModel:
    """Quantiles with intervals."""
    weight = max(1.0, prior_weight(planned=len(ordered)))
    p50, p95, p99 = (
        EstimateModel.of(quantile_estimate(ordered=ordered, probability=p, weight=weight)) for p in (P50, P95, P99)
    )
    return TimesModel(p50=p50, p95=p95, p99=p99)


def throughput(ended: Sequence[float], seconds: float) -> Estimate:
    """Answers a second while requests were offered, the first quarter left out; its interval from five stretches.

    The slope of the number of answers over time: answers that end in waves, as equal ones do, do not bias it.
    """
    moments = np.sort(np.array([moment for moment in ended if _RAMP_SHARE * seconds < moment <= seconds]))
    value = _slope(moments)
    parts = [found for part in np.array_split(moments, _GROUPS) if (found := _slope(part)) is not None]
    if value is None or len(parts) < _GROUPS:
        return Estimate(value, None, None, len(moments), SLOPE_METHOD)
    half = float(t.isf(0.025, _GROUPS - 1)) * float(np.std(parts, ddof=1)) / _GROUPS**0.5
    return Estimate(value, max(0.0, value - half), value + half, len(moments), SLOPE_METHOD)


def _slope(moments: Floats) -> float | None:
    """Least squares of the number of answers on time; `None` with fewer than four, or all at once."""
    centred = moments - moments.mean() if len(moments) else moments
    scatter = float(centred @ centred)
    if len(moments) < 4 or scatter == 0:  # noqa: PLR2004
        return None
    ranks = np.arange(len(moments)) - (len(moments) - 1) / 2
    return float(centred @ ranks) / scatter


def _concurrency(sent: Sequence[Call], seconds: float) -> tuple[float | None, float | None, int | None]:
    """By Little's law, by direct count over the time in which requests were offered, and the most at once."""
    if not sent:
        return None, None, None
    begins = np.array([call.sent for call in sent], dtype=np.float64)
    ends = np.array([call.ended for call in sent])
    littles = float((ends - begins).sum()) / seconds
    ramp = _RAMP_SHARE * seconds
    inside = np.clip(ends, ramp, seconds) - np.clip(begins, ramp, seconds)
    moments = np.concatenate([ends, begins])
    change = np.concatenate([-np.ones(len(ends), dtype=np.int64), np.ones(len(begins), dtype=np.int64)])
    is_begin: Flags = np.repeat([False, True], len(begins))
    peak = int(np.cumsum(change[np.lexsort((is_begin, moments))]).max())
    return littles, float(inside.sum()) / (seconds - ramp), peak


def _share(within: int, offered: int) -> Estimate:
    if not offered:
        return Estimate(None, None, None, 0, WILSON_METHOD)
    low, high = wilson(successes=within, trials=offered)
    return Estimate(within / offered, low, high, offered, WILSON_METHOD)


def _times(share: Estimate, rate: float) -> Estimate:
    low, value, high = (None if part is None else part * rate for part in (share.low, share.value, share.high))
    return Estimate(value, low, high, share.n, share.method)
