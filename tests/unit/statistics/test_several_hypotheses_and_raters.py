"""Holm's correction, Krippendorff's alpha and the cluster bootstrap against published numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statistics.cluster_bootstrap import BootstrapInterval, cluster_bootstrap
from app.statistics.holm import holm
from app.statistics.rater_agreement import Measurement, krippendorff_estimate
from app.statistics.sums import Floats

GAP = float("nan")
# Krippendorff 2011, example C: four observers, twelve units.
EXAMPLE_C = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
        [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
    ]
).T
# The worked example of three coders and fifteen units that encyclopaedias show.
THREE_CODERS = np.array(
    [
        [GAP, GAP, GAP, GAP, GAP, 3, 4, 1, 2, 1, 1, 3, 3, GAP, 3],
        [1, GAP, 2, 1, 3, 3, 4, 3, GAP, GAP, GAP, GAP, GAP, GAP, GAP],
        [GAP, GAP, 2, 1, 3, 4, 4, GAP, 2, 1, 1, 3, 3, GAP, 4],
    ]
).T


def chance() -> np.random.Generator:
    return np.random.default_rng(4)


def test_holm_gives_the_adjusted_values_of_the_textbook() -> None:
    found = holm(p_values=np.array([0.01, 0.04, 0.03, 0.005]), alpha=0.05)
    assert found.adjusted.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert found.rejected.tolist() == [True, False, False, True]
    assert holm(p_values=np.array([0.6, 0.9])).adjusted.tolist() == [1.0, 1.0]
    assert holm(p_values=np.array([])).rejected.tolist() == []
    assert holm(p_values=np.array([0.05]), alpha=0.05).rejected.tolist() == [True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni(values: list[float]) -> None:
    p = np.array(values)
    adjusted = holm(p_values=p).adjusted
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1.0, p * len(p)) + 1e-15).all() or adjusted.max() <= 1
    assert adjusted[p.argmin()] == min(1.0, p.min() * len(p))
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@pytest.mark.parametrize(
    ("p", "alpha", "said"), [(1.1, 0.05, "1.1"), (-0.1, 0.05, "-0.1"), (0.5, 0.0, "alpha"), (0.5, 1.0, "alpha")]
)
def test_impossible_p_values_are_named(p: float, alpha: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        holm(p_values=np.array([0.5, p]), alpha=alpha)


@pytest.mark.parametrize(
    ("ratings", "measurement", "published", "units"),
    [
        (EXAMPLE_C, Measurement.NOMINAL, 0.743, 11),
        (EXAMPLE_C, Measurement.INTERVAL, 0.849, 11),
        (THREE_CODERS, Measurement.NOMINAL, 0.691, 12),
        (THREE_CODERS, Measurement.INTERVAL, 0.811, 12),
    ],
)
def test_alpha_is_the_published_one(ratings: Floats, measurement: Measurement, published: float, units: int) -> None:
    found = krippendorff_estimate(ratings=ratings, measurement=measurement, generator=chance(), resamples=300)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert found.n == units
    assert found.low is not None
    assert found.high is not None
    assert found.low < published < found.high
    assert found.standard_error is not None


def test_alpha_of_two_raters_who_rated_everything_follows_from_the_coincidences() -> None:
    # Krippendorff 2011, example A: two observers, ten units, binary.
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    ratings = np.array([one, other], dtype=float).T
    for measurement in Measurement:  # of two categories both differences are the same
        found = krippendorff_estimate(ratings=ratings, measurement=measurement, generator=chance(), resamples=10)
        assert found.value == pytest.approx(0.095, abs=5e-4)


def test_alpha_without_several_ratings_or_without_spread_is_unknown() -> None:
    alone = krippendorff_estimate(ratings=np.array([[1.0, GAP], [GAP, 0.0]]), generator=chance())
    assert (alone.value, alone.low, alone.n) == (None, None, 0)
    for measurement in Measurement:
        alike = krippendorff_estimate(ratings=np.full((4, 2), 0.7), measurement=measurement, generator=chance())
        assert (alike.value, alike.n) == (None, 4)
    with pytest.raises(ValueError, match="ratings"):
        krippendorff_estimate(ratings=np.array([1.0, 2.0]), generator=chance())


def test_units_of_one_conversation_are_drawn_together() -> None:
    ratings = np.repeat(EXAMPLE_C[:9], 4, axis=0)
    apart = krippendorff_estimate(ratings=ratings, generator=chance())
    together = krippendorff_estimate(ratings=ratings, generator=chance(), clusters=np.repeat(np.arange(9), 4))
    assert together.value == apart.value
    assert together.standard_error is not None
    assert apart.standard_error is not None
    assert together.standard_error > 1.5 * apart.standard_error
    # Units with one rating are left out of the clusters too.
    with_single = np.vstack([ratings, np.full((5, 4), GAP)])
    same = krippendorff_estimate(
        ratings=with_single, generator=chance(), clusters=np.append(np.repeat(np.arange(9), 4), np.full(5, 99))
    )
    assert same == together


def test_the_bootstrap_finds_the_error_of_a_clustered_mean() -> None:
    generator = np.random.default_rng(8)
    centres = generator.normal(size=200)
    values = np.repeat(centres, 5) + 0.1 * generator.normal(size=1000)
    found = cluster_bootstrap(
        clusters=np.repeat(np.arange(200), 5),
        statistic=lambda drawn: drawn @ values / drawn.sum(axis=1),
        generator=np.random.default_rng(1),
        resamples=2000,
    )
    error = float(np.std(values.reshape(200, 5).mean(axis=1), ddof=1)) / math.sqrt(200)
    assert found.standard_error == pytest.approx(error, rel=0.08)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_blocks_of_resamples_see_whole_clusters_and_all_of_them() -> None:
    clusters, seen = np.repeat(np.arange(1000), 5), []

    def statistic(drawn: Floats) -> Floats:
        seen.append(len(drawn))
        assert (drawn.sum(axis=1) == 5000).all()
        assert (drawn[:, ::5] == drawn[:, 4::5]).all()
        return drawn[:, 0]

    found = cluster_bootstrap(clusters=clusters, statistic=statistic, generator=chance(), resamples=1700)
    assert seen == [800, 800, 100]
    assert found.resamples == 1700


def test_resamples_without_a_value_are_left_out() -> None:
    def statistic(drawn: Floats) -> Floats:
        return np.where(drawn[:, 0] > 0, drawn[:, 1], np.nan)

    found = cluster_bootstrap(clusters=np.arange(3), statistic=statistic, generator=chance(), resamples=300)
    assert 0 < found.resamples < 300
    nothing = cluster_bootstrap(
        clusters=np.arange(3), statistic=lambda drawn: drawn[:, 0] * np.nan, generator=chance(), resamples=5
    )
    assert nothing == BootstrapInterval(None, None, None, 0)
    once = cluster_bootstrap(clusters=np.arange(3), statistic=lambda drawn: drawn[:, 0], generator=chance(), resamples=1)
    assert once.low is not None
    assert once.standard_error is None


def test_two_clusters_show_a_spread() -> None:
    found = cluster_bootstrap(clusters=np.arange(2), statistic=lambda drawn: drawn[:, 0], generator=chance(), resamples=400)
    assert (found.low, found.high) == (0.0, 2.0)


def test_one_cluster_shows_no_spread() -> None:
    found = cluster_bootstrap(clusters=np.zeros(9, dtype=int), statistic=lambda drawn: drawn[:, 0], generator=chance())
    assert found == BootstrapInterval(None, None, None, 0)


def test_the_confidence_is_that_of_the_percentiles() -> None:
    values = np.arange(50.0)

    def at(confidence: float) -> BootstrapInterval:
        return cluster_bootstrap(
            clusters=np.arange(50), statistic=lambda drawn: drawn @ values / 50, generator=chance(), confidence=confidence
        )

    wide, narrow = at(0.95), at(0.5)
    assert wide.standard_error == narrow.standard_error
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(1.96 / 0.6745, rel=0.12)


@pytest.mark.parametrize(
    ("resamples", "confidence", "said"), [(0, 0.95, "resamples"), (10, 0.0, "confidence"), (10, 1.0, "confidence")]
)
def test_wrong_arguments_of_the_bootstrap_are_named(resamples: int, confidence: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cluster_bootstrap(
            clusters=np.arange(3),
            statistic=lambda drawn: drawn[:, 0],
            generator=chance(),
            resamples=resamples,
            confidence=confidence,
        )
