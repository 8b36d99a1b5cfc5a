"""The ends of every range: what lies outside is named, what lies on it is as documented."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.statistics.binomial_mixture import log_evidence
from app.statistics.fixed_sample import wilson
from app.statistics.quantiles import quantile_of
from app.statistics.rates import lower_rate, upper_rate

EVIDENCE: dict[str, Any] = {"successes": np.array([1]), "trials": 2, "share": 0.5, "a": 0.5, "b": 0.5}
RATE: dict[str, Any] = {"events": 1, "trials": 2, "alpha": 0.05}
WILSON: dict[str, Any] = {"successes": 1, "trials": 2, "confidence": 0.95}
QUANTILE: dict[str, Any] = {"ordered": np.array([1.0]), "probability": 0.5}


@pytest.mark.parametrize(
    ("function", "right", "name", "wrong"),
    [
        (log_evidence, EVIDENCE, "trials", -1),
        *((log_evidence, EVIDENCE, "share", wrong) for wrong in (0.0, 1.0, -0.1, 1.1)),
        *((log_evidence, EVIDENCE, name, wrong) for name in ("a", "b") for wrong in (0.0, -0.5)),
        *((bound, RATE, "events", wrong) for bound in (upper_rate, lower_rate) for wrong in (-1, 3)),
        *((bound, RATE, "alpha", wrong) for bound in (upper_rate, lower_rate) for wrong in (0.0, 1.0)),
        (wilson, WILSON, "trials", 0),
        *((wilson, WILSON, "successes", wrong) for wrong in (-0.1, 2.1)),
        *((wilson, WILSON, "confidence", wrong) for wrong in (0.0, 1.0)),
        *((quantile_of, QUANTILE, "probability", wrong) for wrong in (0.0, 1.0)),
    ],
)
def test_what_lies_outside_its_range_is_named(
    function: Callable[..., Any], right: dict[str, Any], name: str, wrong: float
) -> None:
    function(**right)
    with pytest.raises(ValueError, match=name):
        function(**(right | {name: wrong}))


def test_no_trials_are_no_evidence() -> None:
    assert log_evidence(successes=np.array([0]), trials=0, share=0.3, a=0.5, b=0.5).tolist() == pytest.approx([0.0])
    with pytest.raises(ValueError, match="events"):
        upper_rate(events=0, trials=-1, alpha=0.05)


def test_wilson_at_its_ends() -> None:
    z = 1.959964
    assert wilson(successes=0, trials=20) == pytest.approx((0.0, z * z / (20 + z * z)), abs=1e-6)
    assert wilson(successes=20, trials=20) == pytest.approx((20 / (20 + z * z), 1.0), abs=1e-6)
    assert math.isclose(*wilson(successes=1, trials=1e12), abs_tol=1e-9)
