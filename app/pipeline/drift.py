"""Whether a pilot still compares what it compared at first: the candidate's quality, the mix of prompts, the judge.

Drift changes no number. It freezes the verdict and asks for an extension (docs/drift.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.drift import DriftModel, JudgeWeek, MixWeek, QualityWatch
from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, Floats, GradeColumns
from app.domain.grading import ANCHOR, anchor_week
from app.pipeline.conversations import JUDGE, Conversations, PairValues, one_an_order
from app.pipeline.prompt_mix import mix_weeks
from app.pipeline.settlement import judge_of
from app.statistics.drift import LIMIT, cusum, daily_errors, day_to_day
from app.statistics.fixed_sample import mean_estimate
from app.statistics.sums import Sums

PAR = 0.5
DAYS_A_WEEK = 7
# An alarm speaks for as long as an extension takes; a fall that goes on is an alarm again.
ALARM_DAYS = 14
# One-sided 95 %: since the fall, the candidate must be shown to be above the limit for the alarm not to freeze.
Z_ONE_SIDED = 1.645
LEAST_ANCHORS = 20
MOST_ERRORS = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class _Watched:
    """One candidate's evidence of one epoch.

    Attributes:
        threshold: The limit that the win rate has to clear.
        first_day: Of the epoch.
        last_day: The last closed day.
    """

    configuration: PilotConfiguration
    evidence: Evidence
    arm: ArmEvidence
    daily: Mapping[int, Sums]
    threshold: float
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class _Said:
    """One watcher's words: what freezes, and what is only worth a look."""

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def drift_of(
    configuration: PilotConfiguration,
    evidence: Evidence,
    arm: ArmEvidence,
    pairs: PairValues,
    talks: Conversations,
    *,
    daily: Mapping[int, Sums],
    last_day: int,
    first_day: int = 1,
) -> DriftModel:
    """What the three watchers say of one candidate after the last closed day.

    Args:
        configuration: The margin and the judge.
        evidence: Everything.
        arm: The candidate's.
        pairs: Its preferences.
        talks: What each exchange belongs to.
        daily: The sums of the conversations' win rates by day, all segments together.
        last_day: Number of the last closed day; 0 = none.
        first_day: First day of the evidence that counts, where a changed model made earlier days another comparison.
    """
    threshold = PAR - configuration.quality.margin
    watched = _Watched(configuration, evidence, arm, daily, threshold, first_day, last_day)
    quality, of_quality = _quality(watched)
    mix = list(mix_weeks(evidence, arm, pairs, talks, first_day=first_day, last_day=last_day, threshold=threshold))
    judge = list(_judge(watched))
    said = (of_quality, _of_mix(mix, threshold), _of_judge(judge))
    reasons = [reason for each in said for reason in each.reasons]
    warnings = [warning for each in said for warning in each.warnings]
    return DriftModel(
        frozen=bool(reasons), reasons=reasons, warnings=warnings, quality=quality, mix=mix, judge=judge
    )  # fmt: skip


def _quality(watched: _Watched) -> tuple[QualityWatch, _Said]:
    days = [day for day in sorted(watched.daily) if watched.first_day <= day <= watched.last_day and watched.daily[day].n]
    if len(days) < 2:  # noqa: PLR2004 - a day is compared with those before it
        return QualityWatch(days=len(days), limit=LIMIT), _Said()
    sums = [watched.daily[day] for day in days]
    means = np.array([each.mean for each in sums], dtype=np.float64)
    variances = _variances(sums)
    errors = daily_errors(means=means, variances=variances)
    found = cusum(means=means, errors=errors)
    fell_on = [days[place] for place in np.flatnonzero(found.fell)]
    watch = QualityWatch(
        days=len(days),
        statistic=float(found.falls[-1]),
        limit=LIMIT,
        fell_on=fell_on,
        rose_on=[days[place] for place in np.flatnonzero(found.rose)],
        day_to_day=float(np.sqrt(day_to_day(means=means, variances=variances))),
    )
    if not fell_on or fell_on[-1] <= watched.last_day - ALARM_DAYS:
        return watch, _Said()
    last = days.index(fell_on[-1])
    quiet = np.flatnonzero((found.falls[:last] == 0) | found.fell[:last] | found.rose[:last])
    since = int(quiet[-1]) + 1 if len(quiet) else 1
    return watch, _fall(watched.threshold, days, means, errors, since)


def _variances(sums: list[Sums]) -> Floats:
    """Of each day's mean by drawing alone: all days share the variance of one conversation."""
    total = Sums()
    for each in sums:
        total = total + each
    one = max(total.variance, 0.25 / (total.n + 1))
    return np.array([one / each.effective_n for each in sums])


def _fall(threshold: float, days: list[int], means: Floats, errors: Floats, since: int) -> _Said:
    """Freezes unless the days since the fall began are themselves shown to be above the limit."""
    weights = 1 / errors**2
    before, now = (float(np.average(means[part], weights=weights[part])) for part in (slice(since), slice(since, None)))
    low = now - Z_ONE_SIDED / float(np.sqrt(weights[since:].sum()))
    said = (
        f"the candidate's quality fell about day {days[since]}: its daily win rates average {now:.1%} since then, "
        f"{before:.1%} before, more than days differ by chance"
    )
    if low > threshold:
        return _Said(warnings=(f"{said}; they are still above the limit {threshold:.1%} (at least {low:.1%})",))
    return _Said((f"{said}; since then they are not shown to be above the limit {threshold:.1%} (at least {low:.1%})",))


def _of_mix(mix: list[MixWeek], threshold: float) -> _Said:
    """Only the last week freezes: as traffic is mixed now it will be after a migration."""
    warnings, reasons = [], []
    for week in mix:
        if not week.is_warning:
            continue
        said = (
            f"in week {week.week} the requests were mixed otherwise than in the first week "
            f"(stability index {week.psi:.2f}, p = {week.p_value:.2g}, {week.conversations:,} conversations)"
        )
        is_last = week is mix[-1]
        if is_last and week.freezes:
            reasons.append(
                f"{said}, and it decides: with all traffic mixed so, the candidate would reach {week.win_rate_at_mix:.1%}, "
                f"as it was mixed it reached {week.win_rate:.1%}, and the limit {threshold:.1%} lies between them"
            )
        else:
            warnings.append(said)
    return _Said(tuple(reasons), tuple(warnings))


def _judge(watched: _Watched) -> Iterator[JudgeWeek]:
    """What the judge said when it was asked again, against what it said of the same pairs at first."""
    judge = judge_of(watched.configuration)
    if judge is None or judge.version is None:
        return
    grades, rows = watched.arm.grades, len(watched.evidence.exchanges)
    is_its = np.asarray(grades.raters == judge.rater, dtype=bool)
    first = _means(one_an_order(grades.where(is_its & (grades.graders == JUDGE) & (grades.versions == judge.version))), rows)
    again = grades.where(is_its & np.asarray(grades.graders == ANCHOR, dtype=bool))
    versions = [version for version in set(again.versions.tolist()) if version.rpartition("@")[0] == judge.version]
    for version in sorted(versions, key=anchor_week):
        if anchor_week(version) * DAYS_A_WEEK <= watched.last_day:
            then = _means(again.where(np.asarray(again.versions == version, dtype=bool)), rows)
            yield _judge_week(anchor_week(version), (then - first)[~np.isnan(then - first)])


def _means(grades: GradeColumns, rows: int) -> Floats:
    """Of each row, over the orders that have a value; NaN = none."""
    graded = grades.where(~np.isnan(grades.values))
    number = np.bincount(graded.rows, minlength=rows)
    total = np.bincount(graded.rows, weights=graded.values, minlength=rows)
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, total / number, np.nan)


def _judge_week(week: int, changes: Floats) -> JudgeWeek:
    found = mean_estimate(values=changes)
    return JudgeWeek(week=week, change=EstimateModel.of(found), has_changed=_has_changed(found))


def _has_changed(found: Estimate) -> bool:
    if found.value is None or found.standard_error is None or found.n < LEAST_ANCHORS:
        return False
    return abs(found.value) > MOST_ERRORS * found.standard_error


def _of_judge(weeks: list[JudgeWeek]) -> _Said:
    """Any week freezes: what was judged in between was judged by another measure."""
    changed = [week for week in weeks if week.has_changed]
    if not changed:
        return _Said()
    week = changed[-1]
    value, error = week.change.value or 0.0, week.change.standard_error or 0.0
    by = f"{abs(value) / error:.1f} standard errors" if error else "all of them alike"
    said = (
        f"the judge has changed: asked again after week {week.week} about {week.change.n} pairs of the first week, its "
        f"preferences moved by {value:+.1%} ({by}); a judge with another name or a pinned version judges all pairs anew"
    )
    return _Said((said,))
