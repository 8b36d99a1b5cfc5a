"""The break-even of a staircase against a search by hand over many volumes, on 200 random scenarios."""

from dataclasses import replace

import numpy as np
import pytest

from app.costs.break_even import break_even_requests
from app.costs.month_model import Factors, MonthModel, month_of
from app.costs.stairs import Stairs
from tests.unit.costs.made_month import a_month


def scenario(number: int) -> tuple[MonthModel, Factors]:
    rng = np.random.default_rng(number)
    steps = int(rng.integers(0, 5))
    stairs = Stairs(
        tuple(np.cumsum(rng.uniform(0.1, 1, steps)).tolist()),
        tuple(np.cumsum(rng.integers(1, 3, steps)).tolist()),
        least=int(rng.integers(1, 7)),
    )
    model = MonthModel(
        incumbent_usd=rng.uniform(0, 200),
        candidate_tokens_usd=rng.uniform(0, 60) * (rng.random() < 0.3),
        replica_usd=rng.uniform(0, 60),
        stairs=stairs,
        upkeep_hours=rng.uniform(0, 3),
        upgrade_hours=rng.uniform(0, 1),
        engineer_usd_per_hour=rng.uniform(1, 20),
        one_off_hours=rng.uniform(0, 40),
        horizon_months=24,
        other_usd=rng.uniform(0, 30),
        requests=float(rng.integers(50, 300)),
    )
    return model, Factors(replicas=float(rng.choice([1, 1, 2])), carrying=rng.uniform(0.5, 1.5))


def test_200_scenarios_against_a_search_over_all_volumes() -> None:
    reached = 0
    for number in range(200):
        model, factors = scenario(number)
        found = float(break_even_requests(model, factors)[0])
        volumes = np.arange(1, 20_001) / model.requests
        month = month_of(model, replace(factors, volume=volumes))
        pays = np.flatnonzero(month.candidate_usd <= month.incumbent_usd)
        first = float(pays[0] + 1) if len(pays) else np.inf
        # A step may be so short that it pays between two whole requests only.
        assert found <= first * (1 + 1e-9), number
        if found < 20_000:
            reached += 1
            here = month_of(model, replace(factors, volume=found / model.requests))
            assert float(here.candidate_usd) <= float(here.incumbent_usd) * (1 + 1e-9), number
            before = month_of(model, replace(factors, volume=np.linspace(1e-6, 1 - 1e-6, 2000) * found / model.requests))
            assert np.all(np.asarray(before.candidate_usd) > np.asarray(before.incumbent_usd)), number
    assert 80 < reached < 190


def test_replicas_unchanged_it_is_fixed_cost_over_the_gain_of_a_request() -> None:
    assert break_even_requests(a_month()).tolist() == pytest.approx([4500 / 0.006])


def test_it_waits_for_the_step_that_pays() -> None:
    # One replica carries half of the volume: 1,500 + 1,460 r <= 6,000 v.
    model = a_month(stairs=Stairs((0.5, 1.0), (1, 2)), upkeep_hours=0.0, one_off_hours=0.0, other_usd=1500.0)
    assert break_even_requests(model).tolist() == pytest.approx([1e6 * 2960 / 6000])
    dearer = replace(model, other_usd=2500.0)
    assert break_even_requests(dearer).tolist() == pytest.approx([1e6 * 5420 / 6000])
    beyond = replace(model, other_usd=4000.0)  # three replicas carry 1.5: 8,380 / 6,000 = 1.397
    assert break_even_requests(beyond).tolist() == pytest.approx([1e6 * 8380 / 6000])


@pytest.mark.parametrize(
    "changes",
    [
        {"candidate_tokens_usd": 6000.0},
        {"incumbent_usd": 0.0},
        {"stairs": Stairs((0.2, 0.4), (1, 2))},  # 1,460 a replica for 1,200 of the incumbent's price
        {"requests": 0.0},
    ],
)
def test_where_there_is_none_it_is_infinite(changes: dict[str, object]) -> None:
    assert break_even_requests(a_month(**changes)).tolist() == [np.inf]


def test_each_arms_tokens_move_with_their_own_factor() -> None:
    model = a_month(candidate_tokens_usd=3000.0, replica_usd=0.0)
    plain, dearer, cheaper = (
        float(break_even_requests(model, factors)[0]) for factors in (Factors(), Factors(candidate=1.5), Factors(incumbent=1.5))
    )
    fixed = 900 + 500 + 180
    assert (plain, dearer, cheaper) == pytest.approx((1e6 * fixed / 3000, 1e6 * fixed / 1500, 1e6 * fixed / 6000))


def test_a_volume_at_the_very_end_of_a_step_is_reached() -> None:
    # 1,460 + 1,540 = 3,000 = 6,000 x 0.5: just what the first step carries.
    model = a_month(stairs=Stairs((0.5, 1.0), (1, 2)), upkeep_hours=0.0, one_off_hours=0.0, other_usd=1540.0)
    assert break_even_requests(model).tolist() == pytest.approx([5e5])
    # Beyond the last step, each further replica carries 0.5: three end at 1.5, where 4,380 + 4,620 = 9,000.
    beyond = replace(model, other_usd=4620.0)
    assert break_even_requests(beyond).tolist() == pytest.approx([1.5e6])


def test_where_a_replica_earns_just_what_it_costs_it_never_pays() -> None:
    model = a_month(incumbent_usd=2920.0, stairs=Stairs((0.5, 1.0), (1, 2)), other_usd=1.0)
    assert break_even_requests(model).tolist() == [np.inf]


def test_draws_give_one_answer_each() -> None:
    found = break_even_requests(a_month(), Factors(incumbent=np.array([1.0, 2.0, 0.5]), gpu_price=np.array([1.0, 1.0, 2.0])))
    assert found.tolist() == pytest.approx([4500 / 0.006, 4500 / 0.012, 7420 / 0.003])
