"""Draws: seeded, with the stated mean, spread and correlation; a share of them is a probability."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from app.costs.month_draws import DRAWS, Spread, draw_factors, every_fourth, range_of, saving_range, simulate
from app.costs.month_model import month_of
from app.costs.stairs import Stairs
from tests.unit.costs.made_month import a_month

SPREAD = Spread(incumbent=0.05, candidate=0.1, correlation=0.6, carrying=0.2, upkeep_sigma=0.5)


def test_each_input_has_its_mean_and_spread() -> None:
    drawn = draw_factors(SPREAD)
    for values, variation in ((drawn.incumbent, 0.05), (drawn.candidate, 0.1), (drawn.carrying, 0.2)):
        assert np.shape(values) == (DRAWS,)
        assert np.mean(values) == pytest.approx(1, abs=0.003)
        assert np.std(values) == pytest.approx(variation, rel=0.02)
    assert np.median(drawn.upkeep) == pytest.approx(1, abs=0.01)
    assert np.percentile(drawn.upkeep, 97.5) == pytest.approx(math.exp(1.96 * 0.5), rel=0.02)
    assert np.corrcoef(drawn.incumbent, drawn.candidate)[0, 1] == pytest.approx(0.6, abs=0.01)
    assert np.corrcoef(drawn.incumbent, drawn.upkeep)[0, 1] == pytest.approx(0, abs=0.01)


def test_every_fourth_draw_says_the_same_within_a_point() -> None:
    drawn = draw_factors(SPREAD)
    some = every_fourth(drawn)
    assert np.asarray(some.upkeep).tolist() == np.asarray(drawn.upkeep)[::4].tolist()
    assert some.volume == 1.0
    model = a_month(incumbent_usd=4600.0)
    chances = [saving_range(month_of(model, each)).probability_positive for each in (drawn, some)]
    assert chances[0] == pytest.approx(chances[1], abs=0.01)


def test_what_is_known_does_not_move() -> None:
    drawn = draw_factors(Spread(), draws=100)
    assert all(np.all(getattr(drawn, name) == 1) for name in ("incumbent", "candidate", "carrying", "upkeep"))
    month = simulate(a_month(), Spread(), draws=100)
    found = saving_range(month)
    assert (found.low, found.p5, found.p50, found.p95, found.high) == pytest.approx((1500,) * 5)
    assert (found.probability_positive, found.draws) == (1.0, 100)


def test_the_same_seed_gives_the_same_and_another_one_the_same_within_one_percent() -> None:
    ranges = [saving_range(simulate(a_month(), SPREAD, seed=seed)) for seed in (1, 1, 2, 3)]
    assert ranges[0] == ranges[1] != ranges[2]
    for name in ("low", "p5", "p50", "p95", "high"):
        values = [getattr(each, name) for each in ranges[1:]]
        assert max(values) - min(values) < 0.01 * a_month().incumbent_usd
    chances = [each.probability_positive for each in ranges[1:]]
    assert max(chances) - min(chances) < 0.01


@pytest.mark.parametrize("incumbent_usd", [4300.0, 4500.0, 4600.0, 5000.0])
def test_the_chance_of_a_saving_is_that_of_the_lognormal(incumbent_usd: float) -> None:
    found = saving_range(simulate(a_month(incumbent_usd=incumbent_usd), Spread(incumbent=0.05)))
    scale = math.sqrt(math.log1p(0.05**2))
    chance = norm.sf(math.log(4500 / incumbent_usd), loc=-(scale**2) / 2, scale=scale)
    assert found.probability_positive == pytest.approx(chance, abs=0.005)
    assert found.low < found.p5 < found.p50 < found.p95 < found.high
    assert found.low == pytest.approx(incumbent_usd * math.exp(-1.96 * scale - scale**2 / 2) - 4500, abs=0.01 * incumbent_usd)


def test_a_range_is_where_95_percent_of_the_draws_lie() -> None:
    assert range_of(np.arange(1001.0)) == pytest.approx((25, 975))
    assert range_of(7.0) == (7.0, 7.0)


def test_nothing_saved_is_not_a_saving() -> None:
    assert saving_range(month_of(a_month(incumbent_usd=4500.0))).probability_positive == 0.0


def test_arms_that_swing_against_each_other() -> None:
    drawn = draw_factors(Spread(incumbent=0.2, candidate=0.2, correlation=-1.0))
    assert np.corrcoef(np.log(drawn.incumbent), np.log(drawn.candidate))[0, 1] == pytest.approx(-1, abs=0.01)


def test_arms_that_swing_together_make_a_surer_difference() -> None:
    model = a_month(candidate_tokens_usd=4000.0, replica_usd=0.0, upkeep_hours=0.0, one_off_hours=0.0)
    apart, together = (
        saving_range(simulate(model, Spread(incumbent=0.1, candidate=0.1, correlation=shared))) for shared in (0.0, 1.0)
    )
    assert together.p95 - together.p5 == pytest.approx((apart.p95 - apart.p5) * 200 / math.hypot(600, 400), rel=0.05)


def test_a_replica_that_may_carry_less_costs_more_in_some_draws() -> None:
    model = a_month(stairs=Stairs((1.05, 2.0), (2, 3)))
    month = simulate(model, Spread(carrying=0.2))
    share = float((np.asarray(month.replicas) == 3).mean())
    assert 0.2 < share < 0.5
    assert {2.0, 3.0} <= set(np.asarray(month.replicas).tolist()) <= {2.0, 3.0, 4.0}


@pytest.mark.parametrize(
    "wrong",
    [{"incumbent": -0.1}, {"candidate": -0.1}, {"upkeep_sigma": math.inf}, {"carrying": math.nan}, {"correlation": 1.1}],
)
def test_a_spread_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(Spread(), **wrong)


def test_a_number_is_a_month_without_draws() -> None:
    assert saving_range(month_of(a_month())).p50 == pytest.approx(1500)
