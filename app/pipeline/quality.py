"""The quality part of a scorecard: win rates of the whole and of each segment, and whether they clear the margin."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Words
from app.domain.scorecard import DayPoint, EstimateModel, JudgeAgreement, QualityModel, SegmentModel
from app.domain.words import OTHER_SEGMENT, GateOutcome
from app.pipeline.closing import Selection
from app.pipeline.conversations import (
    ALL,
    HIGH,
    JUDGE,
    LOW,
    VALUE,
    WITHOUT_FAILURES,
    Conversations,
    PairValues,
    pair_values,
    series_sums,
)
from app.pipeline.coverage import SKIPS, skipped_of
from app.pipeline.judge_agreement import People, agreement_of, labelled_pairs, people_of, raters_of
from app.statistics.asymptotic import interval, lower_bound, units_until, upper_bound
from app.statistics.fixed_sample import mean_estimate
from app.statistics.sums import Sums

ALPHA = 0.05
PAR = 0.5
MOST_LEFT_OUT = 0.05
NOT_BUILT = EstimateModel(method="not_built")

SumsByDay = dict[tuple[str, str], dict[int, Sums]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One candidate's quality, and what the verdict needs of it.

    Attributes:
        gate: What the whole says.
        bound: The one-sided bound that was compared with `threshold`.
        reason: The same in words.
        needed: How many conversations more would clear the bound at the present rate; `None` = not by waiting.
        left_out_days: Days of which we left out too much to say anything.
        judged_segments: Segments with pairs that a judge graded.
        labelled: Pairs on which the judge's accuracy rests.
        sums: The daily sums by segment and series.
        pairs: The preferences they are made of.
    """

    model: QualityModel
    segments: dict[str, SegmentModel]
    gate: GateOutcome
    bound: float | None
    threshold: float
    reason: str
    needed: int | None
    left_out_days: tuple[int, ...]
    judged_segments: frozenset[str]
    labelled: int
    sums: SumsByDay
    pairs: PairValues


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a one-sided bound says of a threshold."""

    outcome: GateOutcome
    bound: float | None
    reason: str


def judge_quality(
    configuration: PilotConfiguration,
    evidence: Evidence,
    arm: ArmEvidence,
    selection: Selection,
    talks: Conversations,
    *,
    name: str,
) -> Judged:
    """All that the scorecard says of the quality of the candidate of that name."""
    pairs = pair_values(configuration, evidence, arm, selection)
    people = people_of(arm.labels, len(evidence.exchanges))
    weights = 1.0 / evidence.exchanges.inclusion_probability
    sums: SumsByDay = defaultdict(dict)
    for segment, series, day, daily in series_sums(pairs, talks, weights):
        sums[segment, series][day] = daily
    left = left_out_of(configuration, selection, arm, skipped_of(evidence, name, arm))
    left_out = left.days
    n_optimal = configuration.pilot.planned_conversations / 2
    whole = cleared(sums, ALL, margin=configuration.quality.margin, alpha=ALPHA, n_optimal=n_optimal)
    if left_out:
        whole = Cleared(GateOutcome.UNKNOWN, whole.bound, _left_out_reason(left))
    total = added(sums[ALL, VALUE].values())
    threshold = PAR - configuration.quality.margin
    return Judged(
        model=_model(configuration, arm, pairs, people, talks, sums),
        segments=_segments(configuration, pairs, people, talks, sums, is_blocked=bool(left_out)),
        gate=whole.outcome,
        bound=whole.bound,
        threshold=threshold,
        reason=whole.reason,
        needed=_needed(total, threshold, n_optimal) if whole.outcome is GateOutcome.UNKNOWN else None,
        left_out_days=left_out,
        judged_segments=frozenset(talks.segment_of_row[pairs.judged & ~np.isnan(pairs.values)].tolist()),
        labelled=labelled_pairs(people, pairs),
        sums=sums,
        pairs=pairs,
    )


def cleared(sums: SumsByDay, segment: str, *, margin: float, alpha: float, n_optimal: float) -> Cleared:
    """Passes if even with every unknown preference at 0 the lower bound is above the margin; fails the same way."""
    threshold = PAR - margin
    lowest, highest = added(sums[segment, LOW].values()), added(sums[segment, HIGH].values())
    low = lower_bound(sums=lowest, alpha=alpha, n_optimal=n_optimal)
    high = upper_bound(sums=highest, alpha=alpha, n_optimal=n_optimal)
    if low is None or high is None:
        return Cleared(GateOutcome.UNKNOWN, None, "there is no graded conversation yet")
    said = f"{lowest.n:,} conversations"
    if low > threshold:
        return Cleared(
            GateOutcome.PASSES, low, f"on {said} the win rate is at least {low:.1%}, above the limit {threshold:.1%}"
        )
    if high < threshold:
        return Cleared(
            GateOutcome.FAILS, high, f"on {said} the win rate is at most {high:.1%}, below the limit {threshold:.1%}"
        )
    between = f"on {said} the win rate lies between {low:.1%} and {high:.1%}, and the limit {threshold:.1%} between them"
    return Cleared(GateOutcome.UNKNOWN, low, between)


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of several days together."""
    total = Sums()
    for part in parts:
        total = total + part
    return total


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Closed days of which we left out more than a twentieth, and why, in requests of these days."""

    days: tuple[int, ...]
    by_reason: dict[str, int]


def left_out_of(configuration: PilotConfiguration, selection: Selection, arm: ArmEvidence, skipped: Words) -> LeftOut:
    """What of each closed day's sampled exchanges the candidate was not asked, or a producer shed before it was one.

    Of requests that a producer shed nobody knows the conversation: the sampling rate says how many would have taken part.
    """
    size = max(selection.closed, default=0) + 1
    shed = np.zeros(size)
    for day in set(selection.closed) & selection.shed.keys():
        shed[day] = selection.shed[day] * configuration.sampling.rate
    unasked = selection.counted & ~arm.replies.is_there
    sampled = np.bincount(selection.days[selection.counted], minlength=size) + shed
    missing = np.bincount(selection.days[unasked], minlength=size) + shed
    days = tuple(np.flatnonzero(missing > MOST_LEFT_OUT * sampled).tolist())
    why = Counter(reason or "not_asked" for reason in skipped[unasked & np.isin(selection.days, days)].tolist())
    why["shed"] += sum(selection.shed.get(day, 0) for day in days)
    return LeftOut(days, {reason: why[reason] for reason in SKIPS if why[reason]})


_LEFT_OUT_WORDS = {"shed": "shed by our own bounds", "over_budget": "beyond the budget", "not_asked": "not asked"}


def _left_out_reason(left: LeftOut) -> str:
    listed = ", ".join(str(day) for day in left.days[:5]) + (", …" if left.days[5:] else "")
    why = ", ".join(f"{requests:,} {_LEFT_OUT_WORDS[reason]}" for reason, requests in left.by_reason.items())
    return (
        f"the candidate was not asked more than {MOST_LEFT_OUT:.0%} of the sampled exchanges of {len(left.days)} days "
        f"(day {listed}): {why}"
    )


def _needed(total: Sums, threshold: float, n_optimal: float) -> int | None:
    if total.mean is None:
        return None
    until = units_until(mean=total.mean, variance=total.variance, bound=threshold, alpha=ALPHA, n_optimal=n_optimal)
    # `until` counts units of equal weight: with unequal weights it takes more conversations for the same certainty.
    return max(1, math.ceil((until - total.effective_n) * total.n / total.effective_n)) if until is not None else None


def _estimate(sums: SumsByDay, segment: str, n_optimal: float, *, prefix: str = "") -> EstimateModel:
    value, low, high = (prefix, f"{prefix}_{LOW}", f"{prefix}_{HIGH}") if prefix else (VALUE, LOW, HIGH)
    known, lowest, highest = (added(sums[segment, series].values()) for series in (value, low, high))
    return EstimateModel.of(interval(sums=known, n_optimal=n_optimal, lowest=lowest, highest=highest))


def _model(
    configuration: PilotConfiguration,
    arm: ArmEvidence,
    pairs: PairValues,
    people: People,
    talks: Conversations,
    sums: SumsByDay,
) -> QualityModel:
    n_optimal = configuration.pilot.planned_conversations / 2
    trust = _trust(configuration, pairs, people, talks)
    labelled = pairs.counted & ~np.isnan(people.preferences)
    return QualityModel(
        win_rate=_estimate(sums, ALL, n_optimal),
        win_rate_fixed=EstimateModel.of(mean_estimate(values=_known(pairs.values, pairs.counted))),
        win_rate_without_failures=_estimate(sums, ALL, n_optimal, prefix=WITHOUT_FAILURES),
        win_rate_length_controlled=NOT_BUILT,
        win_rate_human_corrected=NOT_BUILT,
        ties=int(pairs.ties.sum()),
        flips=int(pairs.flips.sum()),
        ungraded=pairs.ungraded,
        judge_accuracy=trust.accuracy,
        judge_kappa=trust.kappa,
        labels=int(labelled.sum()),
        usable_labels=int((labelled & people.drawn & pairs.judged).sum()),
        people_win_rate=EstimateModel.of(mean_estimate(values=people.preferences[labelled])),
        by_day=_by_day(sums, n_optimal),
        raters=list(raters_of(arm, pairs, people, talks)),
        **_place(trust),
    )


def _place(trust: JudgeAgreement) -> dict[str, float | int | None]:
    names = ("position_consistency_rate", "position_consistency_n", "first_shown_rate", "first_shown_n")
    return {name: getattr(trust, name) for name in names}


def _known(values: Floats, chosen: Flags) -> Floats:
    return values[chosen & ~np.isnan(values)]


def _by_day(sums: SumsByDay, n_optimal: float) -> list[DayPoint]:
    """The win rate as it stood at the end of each day that has conversations."""
    points, so_far = [], {series: Sums() for series in (VALUE, LOW, HIGH)}
    for day in sorted(sums[ALL, LOW]):
        today = sums[ALL, VALUE].get(day, Sums())
        so_far = {series: total + sums[ALL, series].get(day, Sums()) for series, total in so_far.items()}
        e = interval(sums=so_far[VALUE], n_optimal=n_optimal, lowest=so_far[LOW], highest=so_far[HIGH])
        points.append(DayPoint(day=day, n=e.n, value=e.value, low=e.low, high=e.high, day_value=today.mean, day_n=today.n))
    return points  # fmt: skip


def _trust(
    configuration: PilotConfiguration, pairs: PairValues, people: People, talks: Conversations, chosen: Flags | None = None
) -> JudgeAgreement:
    """The judge's agreement with people and with itself, over all pairs or the chosen ones."""
    judge = configuration.judge.rater_name if configuration.judge is not None else ""
    is_judged = pairs.grades.where(np.asarray(pairs.grades.graders == JUDGE, dtype=bool))
    if chosen is None:
        return agreement_of(judge, is_judged, pairs, people, talks)
    only = replace(pairs, counted=pairs.counted & chosen)
    return agreement_of(judge, is_judged.where(chosen[is_judged.rows]), only, people, talks)


def _segments(
    configuration: PilotConfiguration,
    pairs: PairValues,
    people: People,
    talks: Conversations,
    sums: SumsByDay,
    *,
    is_blocked: bool,
) -> dict[str, SegmentModel]:
    registered = [segment.name for segment in configuration.segment]
    others = sorted(set(talks.segments.tolist()) - set(registered) - {OTHER_SEGMENT})
    found = [OTHER_SEGMENT] if OTHER_SEGMENT in set(talks.segments.tolist()) else []
    segments = {}
    for name in registered + others + found:
        chosen = pairs.counted & np.asarray(talks.segment_of_row == name, dtype=bool)
        segment = _segment(
            configuration, name, chosen, people, sums, is_registered=name in registered, is_blocked=is_blocked
        )  # fmt: skip
        segments[name] = segment.model_copy(update={"judge": _trust(configuration, pairs, people, talks, chosen)})
    return segments


def _segment(
    configuration: PilotConfiguration,
    name: str,
    chosen: Flags,
    people: People,
    sums: SumsByDay,
    *,
    is_registered: bool,
    is_blocked: bool,
) -> SegmentModel:
    n_optimal = configuration.pilot.planned_conversations / 2
    margin = configuration.margin_of(name)
    alpha = ALPHA / max(1, len(configuration.segment))
    found = cleared(sums, name, margin=margin, alpha=alpha, n_optimal=n_optimal)
    if not is_registered:
        found = Cleared(GateOutcome.UNKNOWN, found.bound, "not named before the start: it has no say of its own")
    elif is_blocked:
        found = Cleared(GateOutcome.UNKNOWN, found.bound, "too much of some days was left out")
    return SegmentModel(
        registered=is_registered,
        pairs=int(chosen.sum()),
        conversations=added(sums[name, LOW].values()).n,
        win_rate=_estimate(sums, name, n_optimal),
        margin=margin,
        alpha=alpha,
        bound=found.bound,
        outcome=found.outcome,
        labels=int((chosen & ~np.isnan(people.preferences)).sum()),
        reason=found.reason,
    )
