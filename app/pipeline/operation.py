"""The operation part of a scorecard: how fast the arms answered, how often they failed, what the traffic asks of a server."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers, ReplyColumns
from app.domain.measures import LAG_LIMIT_SECONDS, tpot_seconds
from app.domain.operation_models import ArmsByLoad, DayEstimate, HourTimes, OutagesModel
from app.domain.registered import ALPHA
from app.domain.scorecard import (
    ArmsEstimate,
    ControlModel,
    EstimateModel,
    LatencyModel,
    Quantiles,
    ReliabilityModel,
)
from app.domain.words import FailureKind, GateOutcome, Source
from app.pipeline.beside_incumbent import against_incumbent
from app.pipeline.latency_curve import curve_of
from app.pipeline.latency_groups import Known, at_once_of, hours_of, loads_of
from app.pipeline.load_share import load_of
from app.pipeline.operation_days import counts_by_day, failures_by_day, outages_of, p95_by_day, worst_of, worst_p95
from app.statistics.outages import design_effect_by_day, effective_counts
from app.statistics.proportions import rule_of_three
from app.statistics.quantiles import lower_quantile, prior_weight, quantile_estimate, quantile_of, upper_quantile
from app.statistics.rates import lower_rate, rate_estimate, upper_rate

P50, P95, P99 = 0.5, 0.95, 0.99
MEASURES = ("ttft_any_seconds", "ttft_visible_seconds", "total_seconds", "tpot_seconds")
OBJECTIVES = {"ttft_any_seconds": "ttft_any_p95_seconds", "total_seconds": "total_p95_seconds"}
OBJECTIVE_NAMES = {"ttft_any_seconds": "time to first token", "total_seconds": "total time"}
NOT_THERE = frozenset({FailureKind.UNAVAILABLE.value, FailureKind.CONNECTION.value})


@dataclass(frozen=True, slots=True)
class Bounded:
    """A gate's finding: what its bound was and what it was compared with."""

    outcome: GateOutcome
    bound: float | None
    threshold: float | None
    reason: str


def measured(replies: ReplyColumns, configuration: PilotConfiguration) -> Flags:
    """Whose times count: live ones, imported ones if the pilot accepts them, replayed ones never; failures have no latency."""
    return replies.answered & _timed(replies, configuration)


def _timed(replies: ReplyColumns, configuration: PilotConfiguration) -> Flags:
    """Rows from where times are accepted, failures too."""
    latency = configuration.latency
    sources = [Source.LIVE.value, *([Source.IMPORTED.value] if latency is not None and latency.accept_imported else [])]
    return np.asarray(np.isin(replies.sources, sources), dtype=bool)


def on_time(replies: ReplyColumns) -> Flags:
    """Observations without a wait of our own."""
    return ~(replies.lag_seconds > LAG_LIMIT_SECONDS)


def times_of(replies: ReplyColumns, measure: str) -> Floats:
    """One kind of time of each row, in seconds; NaN = not known. TPOT needs two tokens."""
    if measure != "tpot_seconds":
        column: Floats = getattr(replies, measure)
        return column
    return tpot_seconds(replies.ttft_any_seconds, replies.total_seconds, replies.output_tokens)


def queue_lag_of(evidence: Evidence, name: str) -> Floats | None:
    """How long after its arrival each live request was sent to an arm, in seconds: ours, no part of the arm's times."""
    return evidence.live.queue_lag_seconds.get(name) if evidence.live is not None else None


def latency_of(
    configuration: PilotConfiguration,
    evidence: Evidence,
    arm: ArmEvidence,
    counted: Flags,
    *,
    days: Numbers,
    weights: Floats,
    control: ControlModel | None,
    queue_lag: Floats | None = None,
) -> LatencyModel:
    """Quantiles of both arms' times with always-valid intervals, the candidate's days, and what load it saw.

    Args:
        configuration: Objectives, and whose times count.
        evidence: Both arms' times.
        arm: The candidate.
        counted: Which exchanges count.
        days: The day of each.
        weights: How many production requests each stands for.
        control: The incumbent asked again.
        queue_lag: How long each live request waited for us.
    """
    both = (evidence.incumbent, arm.replies)
    chosen = [counted & measured(replies, configuration) for replies in both]
    late = sum(int((rows & ~on_time(replies)).sum()) for rows, replies in zip(chosen, both, strict=True))
    weight = prior_weight(planned=configuration.pilot.planned_conversations)
    ordered = {m: [_ordered(replies, rows, m) for rows, replies in zip(chosen, both, strict=True)] for m in MEASURES}
    waited = np.sort(queue_lag[counted & ~np.isnan(queue_lag)]) if queue_lag is not None else np.empty(0)
    by_day = {measure: _p95_by_day(arm.replies, chosen[1], measure, days) for measure in OBJECTIVES}
    worst = {measure: worst_of(found) for measure, found in by_day.items()}
    groups = {each[0]: each[1:] for each in _groups(configuration, evidence, arm, chosen, queue_lag)}
    return LatencyModel(
        curve={measure: curve_of(*ordered[measure], weight=weight) for measure in OBJECTIVES},
        by_hour={measure: by_hour for measure, (by_hour, _) in groups.items()},
        by_load={measure: by_load for measure, (_, by_load) in groups.items()},
        p95_by_day=by_day,
        worst_day={measure: day for measure, day in worst.items() if day is not None},
        against_incumbent={
            measure: against_incumbent(
                *ordered[measure], limit=_limit(configuration, measure), control=control, measure=measure, weight=weight
            )
            for measure in OBJECTIVES
        },
        load=load_of(arm, counted, evidence.exchanges.arrived_us, weights),
        basis=_basis(arm.replies, chosen[1]),
        left_out_for_lag=late,
        queue_lag_seconds_p50=quantile_of(ordered=waited, probability=P50),
        queue_lag_seconds_p99=quantile_of(ordered=waited, probability=P99),
        queue_lag_n=len(waited),
        **{measure: _quantiles(times, weight) for measure, times in ordered.items()},
    )


def _groups(
    configuration: PilotConfiguration, evidence: Evidence, arm: ArmEvidence, chosen: list[Flags], queue_lag: Floats | None
) -> Iterator[tuple[str, list[HourTimes], ArmsByLoad]]:
    """The times behind the quantiles of both arms by the hour and by the load; one kind of time after the other, for memory."""
    arrived, both = evidence.exchanges.arrived_us, (evidence.incumbent, arm.replies)
    loads = [
        at_once_of(replies, _timed(replies, configuration), arrived, waited)
        for replies, waited in zip(both, (None, queue_lag), strict=True)
    ]
    for measure in OBJECTIVES:
        known = [_known(replies, rows, measure) for replies, rows in zip(both, chosen, strict=True)]
        one, other = (
            Known(times_of(replies, measure)[rows], arrived[rows], load[rows])
            for replies, rows, load in zip(both, known, loads, strict=True)
        )
        yield (
            measure,
            hours_of(one, other, configuration.pilot.timezone),
            ArmsByLoad(incumbent=loads_of(one), candidate=loads_of(other)),
        )


def _quantiles(of_arms: list[Floats], weight: float) -> Quantiles:
    """Of the incumbent's and the candidate's times, both ascending."""
    incumbent, candidate = (
        [EstimateModel.of(quantile_estimate(ordered=times, probability=p, weight=weight)) for p in (P50, P95, P99)]
        for times in of_arms
    )
    return Quantiles(
        p50=ArmsEstimate(incumbent=incumbent[0], candidate=candidate[0]),
        p95=ArmsEstimate(incumbent=incumbent[1], candidate=candidate[1]),
        p99=ArmsEstimate(incumbent=incumbent[2], candidate=candidate[2]),
    )


def _ordered(replies: ReplyColumns, rows: Flags, measure: str) -> Floats:
    return np.sort(times_of(replies, measure)[_known(replies, rows, measure)])


def _known(replies: ReplyColumns, rows: Flags, measure: str) -> Flags:
    return np.asarray(rows & on_time(replies) & ~np.isnan(times_of(replies, measure)), dtype=bool)


def _p95_by_day(replies: ReplyColumns, rows: Flags, measure: str, days: Numbers) -> list[DayEstimate]:
    known = _known(replies, rows, measure)
    return p95_by_day(times_of(replies, measure)[known], days[known])


def _limit(configuration: PilotConfiguration, measure: str) -> float | None:
    found: float | None = getattr(configuration.latency, OBJECTIVES[measure]) if configuration.latency is not None else None
    return found


def _basis(replies: ReplyColumns, rows: Flags) -> str:
    sources = sorted(set(replies.sources[rows].tolist()))
    return "none" if not sources else sources[0] if len(sources) == 1 else "mixed"


def latency_gate(configuration: PilotConfiguration, arm: ArmEvidence, rows: Flags, days: Numbers) -> Bounded:
    """Whether the candidate's 95th percentiles keep the objectives, on some rows; `days` is the day of each."""
    if configuration.latency is None:
        return Bounded(GateOutcome.NOT_REQUIRED, None, None, "no [latency] is configured")
    weight = prior_weight(planned=configuration.pilot.planned_conversations)
    usable = rows & measured(arm.replies, configuration)
    found = []
    for measure in OBJECTIVES:
        limit = _limit(configuration, measure)
        if limit is not None:
            one = _objective(OBJECTIVE_NAMES[measure], _ordered(arm.replies, usable, measure), limit, weight)
            found.append(replace(one, reason=one.reason + _worst_words(arm.replies, usable, measure, days)))
    return joined(found)


def _worst_words(replies: ReplyColumns, rows: Flags, measure: str, days: Numbers) -> str:
    """Slow answers come in bursts, which a bound takes for chance: the worst day says how bad they are."""
    known = _known(replies, rows, measure)
    worst = worst_p95(times_of(replies, measure)[known], days[known])
    if worst is None:
        return ""
    day, value, n = worst
    return f" (slow answers come in bursts: on the worst day, day {day}, it was {value:.3g} s, over {n:,} exchanges)"


def joined(found: list[Bounded]) -> Bounded:
    """All must pass, one that fails is enough; the one that decides lends its numbers."""
    for outcome in (GateOutcome.FAILS, GateOutcome.UNKNOWN):
        for one in found:
            if one.outcome is outcome:
                return Bounded(outcome, one.bound, one.threshold, "; ".join(each.reason for each in found))
    tightest = max(found, key=lambda one: (one.bound or 0.0) / (one.threshold or 1.0))
    return Bounded(GateOutcome.PASSES, tightest.bound, tightest.threshold, "; ".join(each.reason for each in found))


def _objective(name: str, ordered: Floats, limit: float, weight: float) -> Bounded:
    if not len(ordered):
        return Bounded(GateOutcome.UNKNOWN, None, limit, f"{name}: no time of the candidate counts (replayed times never do)")
    high = upper_quantile(ordered=ordered, probability=P95, weight=weight, alpha=ALPHA)
    low = lower_quantile(ordered=ordered, probability=P95, weight=weight, alpha=ALPHA)
    said = f"{name}: on {len(ordered):,} exchanges the 95th percentile is"
    if high is not None and high <= limit:
        return Bounded(GateOutcome.PASSES, high, limit, f"{said} at most {high:.3g} s, within {limit:g} s")
    if low is not None and low > limit:
        return Bounded(GateOutcome.FAILS, low, limit, f"{said} at least {low:.3g} s, above {limit:g} s")
    most = f"{high:.3g} s" if high is not None else "not bounded yet"
    return Bounded(GateOutcome.UNKNOWN, high, limit, f"{said} not known to be within {limit:g} s (its upper bound is {most})")


def reliability_of(evidence: Evidence, arm: ArmEvidence, counted: Flags, days: Numbers) -> ReliabilityModel:
    """How often each arm failed, over exchanges of which the candidate was asked; `days` is the day of each."""
    asked = counted & arm.replies.is_there
    live, incumbent, arrived = evidence.live, evidence.incumbent, evidence.exchanges.arrived_us
    available = _available(arm.replies, asked)
    by_day = failures_by_day(arm.replies.failed, asked, days)
    return ReliabilityModel(
        incumbent_failure_rate=_rate(incumbent, asked),
        candidate_failure_rate=_rate(arm.replies, asked),
        candidate_available_rate=available.value,
        failure_kinds=_kinds(arm.replies, asked),
        incumbent_failure_kinds=_kinds(incumbent, asked),
        incumbent_attempts_folded=int(live.folded_attempts[asked].sum()) if live is not None else 0,
        incumbent_failed_attempts=int(live.failed_attempts[asked].sum()) if live is not None else 0,
        candidate_available=available,
        incumbent_available=_available(incumbent, asked),
        failure_kind_rates=_kind_rates(arm.replies, asked),
        incumbent_failure_kind_rates=_kind_rates(incumbent, asked),
        by_day=by_day,
        incumbent_by_day=failures_by_day(incumbent.failed, asked, days),
        worst_day=worst_of(by_day),
        outages=_outages(arm.replies, asked, days, arrived),
        incumbent_outages=_outages(incumbent, asked, days, arrived),
    )


def _outages(replies: ReplyColumns, asked: Flags, days: Numbers, arrived_us: Numbers) -> OutagesModel:
    return outages_of(replies, asked, days, arrived_us) if asked.any() else OutagesModel()


def _rate(replies: ReplyColumns, asked: Flags) -> EstimateModel:
    return EstimateModel.of(rate_estimate(events=int((asked & replies.failed).sum()), trials=int(asked.sum())))


def _available(replies: ReplyColumns, asked: Flags) -> EstimateModel:
    """Share of the requests that found the server in service."""
    away = asked & np.isin(replies.failures, list(NOT_THERE))
    return EstimateModel.of(rate_estimate(events=int(asked.sum() - away.sum()), trials=int(asked.sum())))


def _kinds(replies: ReplyColumns, asked: Flags) -> dict[str, int]:
    return dict(sorted(Counter(replies.failures[asked & replies.failed].tolist()).items()))


def _kind_rates(replies: ReplyColumns, asked: Flags) -> dict[str, EstimateModel]:
    trials = int(asked.sum())
    return {
        kind: EstimateModel.of(rate_estimate(events=events, trials=trials)) for kind, events in _kinds(replies, asked).items()
    }


def reliability_gate(configuration: PilotConfiguration, arm: ArmEvidence, rows: Flags, days: Numbers) -> Bounded:
    """Whether the candidate fails rarely enough, on some rows; `days` is the day of each.

    To pass, failures that come together count as what they are worth in independent requests (decision 24).
    """
    if configuration.reliability is None:
        return Bounded(GateOutcome.NOT_REQUIRED, None, None, "no [reliability] is configured")
    limit = configuration.reliability.max_failure_rate
    by_day = counts_by_day(arm.replies.failed, rows & arm.replies.is_there, days)
    events, trials = (int(counts.sum()) for counts in by_day)
    if not trials:
        return Bounded(GateOutcome.UNKNOWN, None, limit, "the candidate was not asked yet")
    effect = design_effect_by_day(events=by_day[0], trials=by_day[1])
    failures, worth = effective_counts(events=events, trials=trials, design_effect=effect)
    high = upper_rate(events=failures, trials=worth, alpha=ALPHA)
    low = lower_rate(events=events, trials=trials, alpha=ALPHA)
    said = f"{events:,} of {trials:,} requests failed{_together(failures, worth, trials)}: the failure rate is"
    if high <= limit:
        return Bounded(
            GateOutcome.PASSES, high, limit, f"{said} at most {high:.2%}{_none_seen(events, trials)}, within {limit:.2%}"
        )
    if low > limit:
        return Bounded(GateOutcome.FAILS, low, limit, f"{said} at least {low:.2%}, above {limit:.2%}")
    return Bounded(
        GateOutcome.UNKNOWN,
        high,
        limit,
        f"{said} between {low:.2%} and {high:.2%}{_none_seen(events, trials)}, and the limit {limit:.2%} between them",
    )


def _together(failures: int, worth: int, trials: int) -> str:
    return f" (they come together: worth {failures:,} of {worth:,} independent ones)" if worth < trials else ""


def _none_seen(events: int, trials: int) -> str:
    return "" if events else f" with the always-valid bound ({rule_of_three(trials=trials):.2%} by the rule of three)"
