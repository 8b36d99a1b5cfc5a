"""A month as numbers: each input moves its own part, by its own amount and in the right direction."""

import doctest
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs import month_model, stairs, totals
from app.costs.month_model import Factors, month_of
from app.costs.monthly import CandidateInputs, candidate_month
from app.costs.stairs import Stairs
from tests.unit.costs.made_month import a_month


@pytest.mark.parametrize("module", [month_model, stairs, totals])
def test_the_examples_in_the_docstrings_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_the_parts_of_a_month() -> None:
    month = month_of(a_month())
    assert float(month.running_usd) == 2 * 1460 + 10 * 90 + 500
    assert float(month.one_off_usd) == 48 * 90
    assert float(month.candidate_usd) == 4320 + 48 * 90 / 24
    assert float(month.saving_usd) == 6000 - 4500


@pytest.mark.parametrize(
    ("factor", "saving"),
    [
        ({"incumbent": 1.1}, 600),
        ({"incumbent_price": 0.5}, -3000),
        ({"candidate": 2.0}, -100),
        ({"gpu_price": 1.3}, -0.3 * 2920),
        ({"replicas": 2.0}, -2920),
        ({"upkeep": 2.0}, -900),
        ({"engineer_price": 1.1}, -0.1 * (900 + 90 + 180)),
        ({"one_off": 2.0}, -180),
        ({"volume": 1.5}, 3000 - 50),
        ({"carrying": 0.5}, 0),
    ],
)
def test_what_each_factor_moves(factor: dict[str, float], saving: float) -> None:
    model = a_month(candidate_tokens_usd=100.0, upgrade_hours=1.0)
    before, after = (float(month_of(model, Factors(**each)).saving_usd) for each in ({}, factor))
    assert after - before == pytest.approx(saving)


def test_more_volume_or_a_replica_that_carries_less_needs_more_replicas() -> None:
    model = a_month(stairs=Stairs((1.0, 2.0, 3.0), (2, 3, 4)))
    volumes = np.array([0.5, 1.0, 1.01, 2.0, 3.0, 3.4, 5.01])
    assert month_of(model, Factors(volume=volumes)).replicas.tolist() == [2, 2, 3, 3, 4, 5, 7]  # type: ignore[union-attr]
    assert float(month_of(model, Factors(carrying=0.5)).replicas) == 3
    assert float(month_of(model, Factors(carrying=2.0)).replicas) == 2


def test_never_fewer_than_are_rented() -> None:
    assert Stairs((1.0, 2.0), (1, 2), least=3).at(np.array([0.1, 1.5, 3.0, 3.5])).tolist() == [3, 3, 3, 4]
    assert Stairs((1.0, 2.0), (1, 2), least=3).steps(4.5) == [(3.0, 3), (4.0, 4), (4.5, 5)]
    assert Stairs(least=2).steps(4.0) == [(4.0, 2)]
    assert Stairs((1.0, 2.0), (1, 2)).steps(2.0) == [(1.0, 1), (2.0, 2)]
    assert Stairs((1.0, 2.0), (1, 2)).of_share(1.0) == Stairs((1.0, 2.0), (1, 2))
    for share in (0.0, 1.01):
        with pytest.raises(ValueError, match="share"):
            Stairs((1.0,), (1,)).of_share(share)


@pytest.mark.parametrize(
    ("volumes", "replicas", "least", "said"),
    [
        ((1.0,), (1, 2), 1, "1 and 2"),
        ((2.0, 1.0), (1, 2), 1, "ascend"),
        ((1.0, 2.0), (2, 2), 1, "ascend"),
        ((0.0, 2.0), (1, 2), 1, "above 0"),
        ((), (), 0, "at least 1"),
    ],
)
def test_stairs_that_are_none_are_refused(volumes: tuple[float, ...], replicas: tuple[int, ...], least: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Stairs(volumes, replicas, least)


CENTS = st.decimals(min_value=0, max_value=100_000, places=2)


@given(CENTS, st.integers(1, 64), CENTS, CENTS, CENTS, CENTS, CENTS, st.integers(1, 60))
def test_numbers_and_decimals_say_the_same_and_the_parts_add_up_to_the_cent(
    price: Decimal, gpus: int, upkeep: Decimal, rate: Decimal, other: Decimal, upgrades: Decimal, once: Decimal, horizon: int
) -> None:
    exact = candidate_month(
        CandidateInputs(
            price, gpus, None, upkeep, rate, other,
            upgrade_hours_per_month=upgrades, one_off_hours=once, horizon_months=horizon,
        )
    )  # fmt: skip
    model = a_month(
        replica_usd=float(price) * 730, stairs=Stairs(least=gpus), upkeep_hours=float(upkeep), upgrade_hours=float(upgrades),
        engineer_usd_per_hour=float(rate), one_off_hours=float(once), horizon_months=horizon, other_usd=float(other),
    )  # fmt: skip
    assert exact.usd is not None
    assert sum((part for part in exact.parts.values() if part is not None), Decimal(0)) == exact.usd
    assert float(month_of(model).candidate_usd) == pytest.approx(float(exact.usd), rel=1e-12, abs=1e-6)
