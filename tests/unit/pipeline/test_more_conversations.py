"""How many conversations more are said to be needed, when conversations stand for unequally many requests."""

from dataclasses import astuple

import numpy as np
import pytest

from app.pipeline.quality import ALPHA, _needed
from app.statistics.asymptotic import lower_bound
from app.statistics.sums import Sums

LIMIT, N_OPTIMAL = 0.45, 700.0


@pytest.mark.parametrize("heavy", [1.0, 20.0])
def test_so_many_more_of_the_same_kind_clear_the_limit_and_fewer_do_not(heavy: float) -> None:
    values = np.tile([0.0, 1.0, 0.5, 0.5], 30)
    weights = np.where(np.arange(len(values)) % 3 == 0, heavy, 1.0)
    now = Sums.of(values=values, weights=weights)
    more = _needed(now, LIMIT, N_OPTIMAL)
    assert more is not None
    assert more > 1

    def bound(conversations: float) -> float:
        factor = conversations / now.n
        n, *rest = astuple(now)
        found = lower_bound(sums=Sums(round(n * factor), *(part * factor for part in rest)), alpha=ALPHA, n_optimal=N_OPTIMAL)
        assert found is not None
        return found

    assert bound(now.n + more * 0.9) < LIMIT < bound(now.n + more * 1.1)
