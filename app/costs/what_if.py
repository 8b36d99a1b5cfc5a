"""The month if some inputs were others: which can be moved and how far, and the same formula and draws for the answer."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.costs.break_even import break_even_requests
from app.costs.month_draws import SavingRange, range_of, saving_range
from app.costs.month_model import Factors, Month, MonthModel, month_of
from app.costs.monthly import HOURS_PER_MONTH
from app.costs.scenarios import times
from app.costs.stored_month import model_of
from app.costs.totals import payback_months
from app.domain.month_inputs import MonthInputs

# Volume, rent and hours can be moved up to so many times what they are.
MOST_VOLUME, MOST_RENT, MOST_HOURS = 5.0, 3.0, 4.0
LEAST_MOST_HOURS, LEAST_MOST_REPLICAS = 160.0, 10
_STEPS_OF_A_SLIDER = 100


@dataclass(frozen=True, slots=True)
class Lever:
    """An input that can be moved.

    Attributes:
        name: For addresses and forms.
        label: For people.
        unit: What its numbers are.
        measured: As it is: measured or given.
        low: The least that is taken.
        high: The most.
        step: Of a slider.
        digits: After the point.
        source: Where `measured` comes from, in words.
    """

    name: str
    label: str
    unit: str
    measured: float
    low: float
    high: float
    step: float
    digits: int = 0
    source: str = "measured"

    @property
    def start(self) -> float:
        """`measured` as it is shown; typing it means exactly `measured`."""
        return round(self.measured, self.digits)


def levers_of(inputs: MonthInputs) -> list[Lever]:
    """What can be moved; none where the saving is not known."""
    return list(_levers(inputs)) if model_of(inputs) is not None else []


def _levers(inputs: MonthInputs) -> Iterator[Lever]:
    requests, hours = float(inputs.requests_per_month or 0), float(inputs.upkeep_hours_per_month or 0)
    most = _above(MOST_VOLUME * requests)
    yield Lever("volume", "Volume", "requests a month", requests, 0.0, most, max(1.0, most / _STEPS_OF_A_SLIDER))
    yield Lever(
        "api_price",
        "Price of the incumbent's API",
        "% of what was paid",
        100.0,
        0.0,
        200.0,
        1.0,
        source="by the pilot's prices",
    )
    if not inputs.is_paid_by_token:
        yield from _rented(inputs)
    most = max(LEAST_MOST_HOURS, _above(MOST_HOURS * hours))
    source = "logged, extrapolated" if inputs.is_upkeep_logged else "given" if hours else "none logged, none given"
    yield Lever("hours", "Engineering hours of upkeep", "hours a month", hours, 0.0, most, 0.5, 1, source)


def _rented(inputs: MonthInputs) -> Iterator[Lever]:
    rent = float(inputs.gpu_usd_per_hour or 0)
    most = max(1.0, _above(MOST_RENT * rent))
    yield Lever("gpu_price", "Price of a GPU", "US dollars an hour", rent, 0.0, most, 0.01, 2, "given")
    if inputs.steps:
        yield Lever("carrying", "What one replica carries", "% of what was measured", 100.0, 20.0, 300.0, 1.0)
    else:
        least = inputs.least_replicas
        most_replicas = float(max(LEAST_MOST_REPLICAS, 4 * least))
        yield Lever("replicas", "Replicas", "replicas", float(least), 1.0, most_replicas, 1.0, source="as configured")


@dataclass(frozen=True, slots=True, eq=False)
class WhatIf:
    """The month as it would be.

    Attributes:
        month: The points.
        saving: What the draws say of the saving.
        incumbent_ends: Where 95 % of the draws of the incumbent's month lie.
        candidate_ends: The same of the candidate's.
        break_even_requests: Infinite = at no volume does leaving pay.
        break_even_ends: Where 95 % of the draws lie.
        payback_months: Infinite = never.
        payback_ends: Where 95 % of the draws lie.
    """

    month: Month
    saving: SavingRange
    incumbent_ends: tuple[float, float]
    candidate_ends: tuple[float, float]
    break_even_requests: float
    break_even_ends: tuple[float, float]
    payback_months: float
    payback_ends: tuple[float, float]


def what_if(inputs: MonthInputs, chosen: Mapping[str, float], drawn: Factors) -> WhatIf:
    """The answer to one "if".

    Args:
        inputs: As stored.
        chosen: Values of levers by name; what is missing stays as it is.
        drawn: The draws of what was measured: the same as for the saving itself.

    Raises:
        ValueError: Where the saving is not known even as it is.
    """
    model = model_of(inputs)
    if model is None:
        message = "the saving is not known, so nothing can be moved"
        raise ValueError(message)
    model, factors = _moved(model, inputs, chosen)
    every = times(drawn, factors)
    point, month = month_of(model, factors), month_of(model, every)
    return WhatIf(
        month=point,
        saving=saving_range(month),
        incumbent_ends=range_of(np.asarray(month.incumbent_usd)),
        candidate_ends=range_of(np.asarray(month.candidate_usd)),
        break_even_requests=float(break_even_requests(model, factors)[0]),
        break_even_ends=_ends(break_even_requests(model, every)),
        payback_months=float(payback_months(point)[0]),
        payback_ends=_ends(payback_months(month)),
    )


def _moved(model: MonthModel, inputs: MonthInputs, chosen: Mapping[str, float]) -> tuple[MonthModel, Factors]:
    """What is given as an amount replaces it; the rest multiplies."""
    if "hours" in chosen:
        model = replace(model, upkeep_hours=chosen["hours"])
    if "gpu_price" in chosen:
        model = replace(model, replica_usd=chosen["gpu_price"] * inputs.gpus_per_replica * float(HOURS_PER_MONTH))
    factors = Factors(
        volume=chosen["volume"] / model.requests if "volume" in chosen and model.requests else 1.0,
        incumbent_price=chosen.get("api_price", 100.0) / 100,
        carrying=chosen.get("carrying", 100.0) / 100,
        replicas=chosen.get("replicas", float(inputs.least_replicas)) / inputs.least_replicas if not inputs.steps else 1.0,
    )
    return model, factors


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):
        low, high = np.percentile(values, (2.5, 97.5), method="nearest").tolist()
    return low, high


def _above(value: float) -> float:
    """The next number with two digits and zeros."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(round(value / unit, 9)) * unit
