"""What if: each scenario moves what its words say, with the same draws; totals over the horizon; payback; tornado."""

import numpy as np
import pytest

from app.costs.month_draws import Spread, draw_factors
from app.costs.month_model import Factors, month_of
from app.costs.scenarios import month_in, scenarios_of
from app.costs.tornado import tornado_of
from app.costs.totals import falling_path, payback_months, totals_of
from tests.unit.costs.made_month import a_month

AS_IT_IS = Factors()
SAVINGS = {
    "api_price_minus_50": 3000 - 4500,
    "api_price_minus_80_in_a_year": 1200 - 4500,
    "volume_minus_50": 3000 - 4500,
    "volume_plus_50": 9000 - 4500,
    "gpu_price_minus_30": 1500 + 876,
    "gpu_price_plus_30": 1500 - 876,
    "utilisation_halved": 1500 - 2920,
    "engineer_price_minus_30": 1500 + 0.3 * 1080,
    "engineer_price_plus_30": 1500 - 0.3 * 1080,
    "upkeep_of_the_field": 1500 + 900 - 3500,
}


def test_the_saving_of_every_scenario() -> None:
    model = a_month()
    found = {each.name: float(month_in(each, model, AS_IT_IS).month.saving_usd) for each in scenarios_of(model)}
    assert found == pytest.approx(SAVINGS)


def test_who_pays_by_the_token_rents_no_gpu() -> None:
    names = {each.name for each in scenarios_of(a_month(replica_usd=0.0))}
    assert names == {name for name in SAVINGS if not name.startswith(("gpu", "utilisation", "upkeep"))}


def test_a_scenario_keeps_the_draws() -> None:
    model, drawn = a_month(), draw_factors(Spread(incumbent=0.1, upkeep_sigma=0.4), draws=1000)
    base = np.asarray(month_of(model, drawn).saving_usd)
    for scenario in scenarios_of(model):
        there = month_in(scenario, model, drawn).month
        assert np.shape(there.saving_usd) == (1000,)
        if scenario.name == "gpu_price_plus_30":
            assert np.asarray(there.saving_usd) == pytest.approx(base - 876)
        if scenario.name == "upkeep_of_the_field":
            rest = 2 * 1460 + 500 + 180
            of_field = np.asarray(there.candidate_usd) - rest
            assert (of_field.min(), of_field.max()) == pytest.approx((2000, 5000), rel=0.01)
            assert of_field.mean() == pytest.approx(3500, rel=0.02)
            assert np.asarray(there.running_usd) + 180 == pytest.approx(np.asarray(there.candidate_usd))
            assert "2,000 to 5,000 US dollars" in scenario.words


def test_totals_are_every_month_and_what_comes_once() -> None:
    totals = totals_of(month_of(a_month()), horizon_months=24)
    assert (float(totals.incumbent_usd), float(totals.candidate_usd)) == (144_000, 24 * 4320 + 4320)
    assert float(totals.saving_usd) == 24 * 1500  # what comes once is spread over the same months


def test_a_price_that_falls_by_80_percent_a_year() -> None:
    path = falling_path(fall_a_year=0.8, horizon_months=24)
    assert path[[11, 23]].tolist() == pytest.approx([0.2, 0.04])
    assert np.all(np.diff(path) < 0)
    assert falling_path(fall_a_year=0.0, horizon_months=3).tolist() == [1.0, 1.0, 1.0]
    falling = next(each for each in scenarios_of(a_month()) if each.falls)
    total = month_in(falling, a_month(), AS_IT_IS).total_saving_usd
    assert float(total) == pytest.approx(6000 * sum(0.2 ** (month / 12) for month in range(1, 25)) - 24 * 4500)
    with pytest.raises(ValueError, match="24 months, not 12"):
        totals_of(month_of(a_month()), horizon_months=24, price_path=path[:12])
    with pytest.raises(ValueError, match="below 1"):
        falling_path(fall_a_year=1.0, horizon_months=2)


def test_payback_is_what_comes_once_over_what_a_month_earns() -> None:
    assert payback_months(month_of(a_month())).tolist() == pytest.approx([4320 / (6000 - 4320)])
    assert payback_months(month_of(a_month(incumbent_usd=4320.0))).tolist() == [np.inf]
    assert payback_months(month_of(a_month(one_off_hours=0.0))).tolist() == [0.0]


def test_the_tornado_has_the_widest_bar_first_and_measured_ends_at_their_percentiles() -> None:
    bars = tornado_of(a_month(), Spread(incumbent=0.01, upkeep_sigma=0.5))
    widths = [bar.width_usd for bar in bars]
    assert widths == sorted(widths, reverse=True)
    by_name = {bar.name: bar for bar in bars}
    assert set(by_name) == {"incumbent", "upkeep", "incumbent_price", "volume", "gpu_price", "engineer_price", "one_off"}
    upkeep = by_name["upkeep"]
    assert (upkeep.low, upkeep.high) == pytest.approx((np.exp(-1.6449 * 0.5), np.exp(1.6449 * 0.5)), rel=1e-4)
    assert upkeep.saving_at_low_usd == pytest.approx(1500 + 900 * (1 - upkeep.low))
    assert upkeep.saving_at_high_usd < 1500 < upkeep.saving_at_low_usd
    assert by_name["incumbent"].saving_at_low_usd < 1500 < by_name["incumbent"].saving_at_high_usd
    assert {name for name, bar in by_name.items() if bar.is_measured} == {"incumbent", "upkeep"}
    by_token = a_month(candidate_tokens_usd=1000.0, replica_usd=0.0)
    (measured,) = [bar for bar in tornado_of(by_token, Spread(candidate=0.1)) if bar.is_measured]
    assert measured.name == "candidate"
    assert by_name["incumbent_price"].saving_at_low_usd == pytest.approx(-1500)
