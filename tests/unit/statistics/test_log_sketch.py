"""The sketch of times: merged parts are the whole, and every quantile is within its relative error."""

import numpy as np
import pytest

from app.statistics.log_sketch import LEAST, RELATIVE_ERROR, LogSketch
from app.statistics.quantiles import quantile_of


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_every_quantile_is_within_the_relative_error(spread: float) -> None:
    values = np.random.default_rng(4).lognormal(0.0, spread, size=5001)
    sketch = LogSketch.of(values)
    for probability in (0.001, 0.25, 0.5, 0.95, 0.99, 0.9999):
        exact = quantile_of(ordered=np.sort(values), probability=probability)
        assert sketch.quantile(probability) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)


def test_parts_merged_are_the_sketch_of_all_values() -> None:
    values = np.random.default_rng(5).lognormal(0.0, 1.0, size=1000) * np.repeat([0.0, 1.0], 500)
    whole, parts = LogSketch.of(values), LogSketch.merged(LogSketch.of(part) for part in np.array_split(values, 7))
    assert parts.keys.tolist() == whole.keys.tolist()
    assert parts.counts.tolist() == whole.counts.tolist()
    assert (parts.zeros, parts.n) == (500, 1000)


def test_what_is_next_to_nothing_counts_as_nothing() -> None:
    sketch = LogSketch.of(np.array([0.0, LEAST, 2.0]))
    assert (sketch.quantile(0.5), sketch.zeros) == (0.0, 2)
    assert sketch.quantile(0.9) == pytest.approx(2.0, rel=RELATIVE_ERROR)


def test_without_values_nothing_is_known() -> None:
    assert LogSketch.of(np.empty(0)).quantile(0.5) is None
    assert LogSketch.merged([]).quantile(0.5) is None
    assert LogSketch.merged([LogSketch(), LogSketch()]).n == 0


@pytest.mark.parametrize("values", [[-1.0], [np.nan], [np.inf]])
def test_what_is_no_time_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        LogSketch.of(np.array(values))


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1])
def test_a_probability_lies_between_0_and_1(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        LogSketch.of(np.array([1.0])).quantile(probability)
