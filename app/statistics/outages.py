"""Failures that come together: how many independent trials a rate rests on, and how many outages there were."""

import math

import numpy as np

from app.statistics.daily import Numbers

# Failures closer than this belong to one outage.
EPISODE_SECONDS = 300.0
_MICROSECOND = 1e-6


def design_effect_by_day(*, events: Numbers, trials: Numbers) -> float:
    """By how much the failures of one day are alike: variance of the rate by days over that of independent trials, at least 1.

    `V_days = D / (D - 1) Σ (n_d / n)² (p_d - p)²` over the days with trials, `V_trials = p (1 - p) / n`. Without failures, with
    failures alone, or with one day nothing measures it: 1.

    Args:
        events: Of each day, shape (days,), in [0, trials].
        trials: Of each day, shape (days,), at least 0.

    Raises:
        ValueError: If the shapes differ or a count is out of range.

    Source: the linearised variance of a ratio with days as clusters: Cochran, "Sampling Techniques", 3rd edition 1977, chapter
        6; as for quality in `app.statistics.daily`.

    Example:
        >>> import numpy as np
        >>> spread = design_effect_by_day(events=np.array([1, 1, 1, 1]), trials=np.full(4, 100))
        >>> outage = design_effect_by_day(events=np.array([4, 0, 0, 0]), trials=np.full(4, 100))
        >>> round(spread, 2), round(outage, 2)
        (1.0, 4.04)
    """
    if events.shape != trials.shape or (trials < 0).any() or (events < 0).any() or (events > trials).any():
        message = f"events and trials must be counts of the same days, events in [0, trials], not {events} of {trials}"
        raise ValueError(message)
    there = trials > 0
    days, n, failed = int(there.sum()), int(trials.sum()), int(events.sum())
    if days < 2 or failed in {0, n}:  # noqa: PLR2004 - one day measures no spread
        return 1.0
    rate = failed / n
    by_days = days / (days - 1) * float(np.sum((events[there] - rate * trials[there]) ** 2)) / n**2
    return max(1.0, by_days / (rate * (1 - rate) / n))


def effective_counts(*, events: int, trials: int, design_effect: float) -> tuple[int, int]:
    """As many independent trials as all of them are worth, and the failures among them; both rounded to the safe side.

    Example:
        >>> effective_counts(events=10, trials=1400, design_effect=4.0)
        (3, 350)
    """
    if not design_effect >= 1:
        message = f"design_effect must be at least 1, not {design_effect}"
        raise ValueError(message)
    worth = math.floor(trials / design_effect)
    return min(worth, math.ceil(events / design_effect)), worth


def episodes(*, failed_us: Numbers, apart_seconds: float = EPISODE_SECONDS) -> int:
    """How many outages the failures make up: those that follow within so many seconds are one.

    Args:
        failed_us: When each failed request arrived, in microseconds, in any order, shape (m,).
        apart_seconds: At least 0.

    Raises:
        ValueError: If `apart_seconds` is below 0.

    Example:
        >>> import numpy as np
        >>> episodes(failed_us=np.array([0, 10, 20, 4000]) * 1_000_000)
        2
    """
    if not apart_seconds >= 0:
        message = f"apart_seconds must be at least 0, not {apart_seconds}"
        raise ValueError(message)
    if not len(failed_us):
        return 0
    gaps = np.asarray(np.diff(np.sort(failed_us)), dtype=np.float64) * _MICROSECOND
    return 1 + int((gaps > apart_seconds).sum())
