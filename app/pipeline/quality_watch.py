"""Has the candidate become worse since the pilot began: a running sum over its daily win rates."""

from collections.abc import Mapping

import numpy as np

from app.domain.drift import QualityWatch, Said
from app.statistics.drift import LIMIT, cusum, daily_errors, day_to_day
from app.statistics.sums import Floats, Sums

# An alarm speaks for as long as an extension takes; a fall that goes on is an alarm again.
ALARM_DAYS = 14
# One-sided 95 %: since the fall, the candidate must be shown to be above the limit for the alarm not to freeze.
Z_ONE_SIDED = 1.645


def quality_watch(
    daily: Mapping[int, Sums], *, days: range, threshold: float, correction: float = 0.0
) -> tuple[QualityWatch, Said]:
    """The daily win rates of closed days, each against those before it.

    Args:
        daily: Sums over conversations by day.
        days: From the first day of the evidence that counts to the last closed one.
        threshold: The limit that a win rate has to clear.
        correction: Added to each daily win rate.
    """
    known = [day for day in days if day in daily and daily[day].n]
    if len(known) < 2:  # noqa: PLR2004 - a day is compared with those before it
        return QualityWatch(days=len(known), limit=LIMIT), Said()
    sums = [daily[day] for day in known]
    means = np.array([each.mean for each in sums], dtype=np.float64) + correction
    variances = _variances(sums)
    errors = daily_errors(means=means, variances=variances)
    found = cusum(means=means, errors=errors)
    fell_on = [known[place] for place in np.flatnonzero(found.fell)]
    watch = QualityWatch(
        days=len(known),
        statistic=float(found.falls[-1]),
        limit=LIMIT,
        fell_on=fell_on,
        rose_on=[known[place] for place in np.flatnonzero(found.rose)],
        day_to_day=float(np.sqrt(day_to_day(means=means, variances=variances))),
    )
    if not fell_on or fell_on[-1] < days.stop - ALARM_DAYS:
        return watch, Said()
    last = known.index(fell_on[-1])
    quiet = np.flatnonzero((found.falls[:last] == 0) | found.fell[:last] | found.rose[:last])
    since = int(quiet[-1]) + 1 if len(quiet) else 1
    return watch, _fall(threshold, known, means, errors, since)


def _variances(sums: list[Sums]) -> Floats:
    """Of each day's mean by drawing alone: all days share the variance of one conversation."""
    total = Sums()
    for each in sums:
        total = total + each
    one = max(total.variance, 0.25 / (total.n + 1))
    return np.array([one / each.effective_n for each in sums])


def _fall(threshold: float, days: list[int], means: Floats, errors: Floats, since: int) -> Said:
    """Freezes unless the days since the fall began are themselves shown to be above the limit."""
    weights = 1 / errors**2
    before, now = (float(np.average(means[part], weights=weights[part])) for part in (slice(since), slice(since, None)))
    low = now - Z_ONE_SIDED / float(np.sqrt(weights[since:].sum()))
    said = (
        f"the candidate's quality fell about day {days[since]}: its daily win rates average {now:.1%} since then, "
        f"{before:.1%} before, more than days differ by chance"
    )
    if low > threshold:
        return Said(warnings=(f"{said}; they are still above the limit {threshold:.1%} (at least {low:.1%})",))
    return Said((f"{said}; since then they are not shown to be above the limit {threshold:.1%} (at least {low:.1%})",))
