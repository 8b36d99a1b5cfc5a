"""The saving if something else were so: prices, volume, rent, wages, upkeep, a server that is used worse."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.costs.month_model import Factors, Month, MonthModel, Number, month_of
from app.costs.totals import falling_path, totals_of

Floats = NDArray[np.float64]
# Upkeep of a self-hosted model as guides of 2026 put it, in US dollars a month.
FIELD_UPKEEP_USD = (2000.0, 5000.0)
FIELD_UPKEEP_SOURCE = '"Self-hosted LLMs in 2026"; Tian Pan, "Open-weight models in production"'
PRICE_FALL_SOURCE = "TechRounder, 30 Mar 2026: API prices fell about 80 % from 2025 to 2026"
FALL_A_YEAR = 0.8
FIELD_SEED = 7


@dataclass(frozen=True, slots=True)
class Scenario:
    """One "if": what it multiplies, or by what it replaces the upkeep.

    Attributes:
        name: For programs.
        words: For people.
        factors: Of the inputs, upon those drawn.
        upkeep_usd: Least and most of the upkeep a month that replaces the logged one, evenly between.
        falls: The incumbent's price falls to this after a year and goes on falling; the month shown is the twelfth.
    """

    name: str
    words: str
    factors: Factors = field(default_factory=Factors)
    upkeep_usd: tuple[float, float] | None = None
    falls: float | None = None


def scenarios_of(model: MonthModel) -> Iterator[Scenario]:
    """All that apply to a candidate: rent is nothing to a model that is paid by the token."""
    yield Scenario("api_price_minus_50", "the incumbent's price halves", Factors(incumbent_price=0.5))
    yield Scenario(
        "api_price_minus_80_in_a_year",
        f"the incumbent's price falls by 80 % in a year, month 12 shown ({PRICE_FALL_SOURCE})",
        falls=FALL_A_YEAR,
    )
    yield Scenario("volume_minus_50", "half as many requests", Factors(volume=0.5))
    yield Scenario("volume_plus_50", "half as many requests again", Factors(volume=1.5))
    if model.replica_usd:
        yield Scenario("gpu_price_minus_30", "GPUs cost 30 % less", Factors(gpu_price=0.7))
        yield Scenario("gpu_price_plus_30", "GPUs cost 30 % more", Factors(gpu_price=1.3))
        yield Scenario("utilisation_halved", "the same load needs twice the replicas", Factors(replicas=2.0))
    yield Scenario("engineer_price_minus_30", "an engineer's hour costs 30 % less", Factors(engineer_price=0.7))
    yield Scenario("engineer_price_plus_30", "an engineer's hour costs 30 % more", Factors(engineer_price=1.3))
    if model.replica_usd:
        least, most = FIELD_UPKEEP_USD
        yield Scenario(
            "upkeep_of_the_field",
            f"upkeep costs what guides say, {least:,.0f} to {most:,.0f} US dollars a month ({FIELD_UPKEEP_SOURCE})",
            upkeep_usd=FIELD_UPKEEP_USD,
        )


@dataclass(frozen=True, slots=True)
class ScenarioMonth:
    """The month of a scenario and what leaving saves over the horizon."""

    scenario: Scenario
    month: Month
    total_saving_usd: Number


def month_in(scenario: Scenario, model: MonthModel, drawn: Factors) -> ScenarioMonth:
    """The month if it were so, with the same draws as without it."""
    month = month_of(model, times(drawn, scenario.factors))
    if scenario.upkeep_usd is not None:
        month = _with_upkeep(month, model, drawn, scenario.upkeep_usd)
    path = None
    if scenario.falls is not None:
        path = falling_path(fall_a_year=scenario.falls, horizon_months=model.horizon_months)
    total = totals_of(month, horizon_months=model.horizon_months, price_path=path).saving_usd
    if scenario.falls is not None:
        month = replace(month, incumbent_usd=month.incumbent_usd * (1 - scenario.falls))
    return ScenarioMonth(scenario, month, total)


def times(drawn: Factors, other: Factors) -> Factors:
    """Each factor times the other's."""
    return Factors(**{name: getattr(drawn, name) * getattr(other, name) for name in Factors.__dataclass_fields__})


def _with_upkeep(month: Month, model: MonthModel, drawn: Factors, usd: tuple[float, float]) -> Month:
    """The month with upkeep drawn evenly between two amounts instead of the logged hours'."""
    shape = np.shape(np.asarray(drawn.upkeep))
    even = np.random.Generator(np.random.PCG64(FIELD_SEED)).random(shape) if shape else 0.5
    of_field = usd[0] + (usd[1] - usd[0]) * even
    more = of_field - model.upkeep_hours * drawn.upkeep * model.engineer_usd_per_hour * drawn.engineer_price
    return replace(month, running_usd=month.running_usd + more, candidate_usd=month.candidate_usd + more)
