"""How far several people agree, when not everybody rated everything: Krippendorff's alpha."""

from enum import StrEnum

import numpy as np

from app.domain.estimate import Estimate
from app.statistics.cluster_bootstrap import Numbers, cluster_bootstrap
from app.statistics.sums import Floats

METHOD = "krippendorff_alpha"
RESAMPLES = 1000


class Measurement(StrEnum):
    """How two ratings differ: not at all or wholly, or by the square of their distance."""

    NOMINAL = "nominal"
    INTERVAL = "interval"


def krippendorff_estimate(
    *,
    ratings: Floats,
    generator: np.random.Generator,
    measurement: Measurement = Measurement.INTERVAL,
    clusters: Numbers | None = None,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Estimate:
    """Agreement beyond chance: 1 = all agree, 0 = as by chance.

    Args:
        ratings: Shape (units, raters); NaN = that rater did not rate it. Units with one rating say nothing and do not count.
        generator: Of the bootstrap.
        measurement: How the difference of two ratings counts.
        clusters: Shape (units,): units of one cluster (conversation) are drawn together; default: each its own.
        resamples: Of the bootstrap.
        confidence: Two-sided, in (0, 1).

    Returns:
        An estimate whose `n` is the number of units with at least two ratings. No value without them, and none where all
        ratings are equal: then agreement by chance is certain.

    Raises:
        ValueError: If `ratings` has not two axes, or an argument is out of range.

    Source: Krippendorff, "Computing Krippendorff's alpha-reliability", 2011; the interval is the percentile bootstrap over
        clusters of units.

    Example:
        >>> import numpy as np
        >>> nan = np.nan
        >>> ratings = np.array([[0, 0, nan], [1, 1, 1], [1, nan, 1], [0, 1, 0], [0, 0, 0], [1, 1, nan]])
        >>> found = krippendorff_estimate(ratings=ratings, generator=np.random.default_rng(1))
        >>> round(found.value, 3), found.n
        (0.75, 6)
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:  # noqa: PLR2004 - units and raters
        message = f"ratings must have the shape (units, raters), not {table.shape}"
        raise ValueError(message)
    several = (~np.isnan(table)).sum(axis=1) > 1
    parts = _parts(table[several], measurement)
    n = int(several.sum())
    value = float(_alpha(np.ones((1, n)), *parts)[0])
    if np.isnan(value):
        return Estimate(None, None, None, n, METHOD, confidence)
    found = cluster_bootstrap(
        clusters=np.arange(n) if clusters is None else clusters[several],
        statistic=lambda drawn: _alpha(drawn, *parts),
        generator=generator,
        resamples=resamples,
        confidence=confidence,
    )
    return Estimate(value, found.low, found.high, n, METHOD, confidence, found.standard_error)


def _parts(table: Floats, measurement: Measurement) -> tuple[Floats, Floats, Floats]:
    """Of each unit: how many ratings, its disagreement, and what the disagreement of all together is made of.

    With a coordinate for each category (nominal) or one for the value (interval), disagreement is the squared distance, whose
    unit does not matter, and that of all ordered pairs is `2 (m Σ|x|² - |Σx|²)`.
    """
    there = ~np.isnan(table)
    if measurement is Measurement.INTERVAL:
        middle = table[there].mean() if there.any() else 0.0
        points = np.where(there, table - middle, 0.0)[:, :, None]
    else:
        values = np.unique(table[there])
        points = (table[:, :, None] == values).astype(np.float64)
    number = there.sum(axis=1).astype(np.float64)
    squares, total = (points**2).sum(axis=(1, 2)), points.sum(axis=1)
    disagreement = 2 * (number * squares - (total**2).sum(axis=1)) / (number - 1)
    return number, disagreement, np.column_stack([squares, total])


def _alpha(drawn: Floats, number: Floats, disagreement: Floats, sums: Floats) -> Floats:
    """Alpha of each resample, shape (m,); NaN where all ratings are equal."""
    n, together = drawn @ number, drawn @ sums
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = 2 * (n * together[:, 0] - (together[:, 1:] ** 2).sum(axis=1)) / (n - 1)
        alpha = 1 - drawn @ disagreement / expected
    return np.where(expected > 1e-12 * np.maximum(n, 1), alpha, np.nan)
