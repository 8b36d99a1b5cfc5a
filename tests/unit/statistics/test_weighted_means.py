"""A weighted mean's interval at its limits."""

import numpy as np
import pytest

from app.statistics.weighted_mean import weighted_mean_estimate


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        weighted_mean_estimate(values=np.ones(3), weights=np.ones(3), confidence=confidence)


def test_two_units_have_an_interval_and_one_has_none() -> None:
    one = weighted_mean_estimate(values=np.array([0.4]), weights=np.array([2.0]))
    assert (one.value, one.low, one.high, one.n) == (0.4, None, None, 1)
    two = weighted_mean_estimate(values=np.array([0.4, 0.6]), weights=np.ones(2), confidence=0.5)
    # Student's t with one degree of freedom has its upper quartile at 1.
    assert two.low == pytest.approx(0.4)
    assert two.high == pytest.approx(0.6)
