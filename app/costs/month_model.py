"""A month of staying and a month of leaving, as numbers and as arrays of draws: one formula for both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.costs.stairs import Stairs

Floats = NDArray[np.float64]
Number = float | Floats


@dataclass(frozen=True, slots=True)
class MonthModel:
    """What both arms cost in a month of 730 hours at the measured volume; US dollars and hours.

    Attributes:
        incumbent_usd: What staying costs: all tokens of what would move.
        candidate_tokens_usd: What the candidate's tokens cost; 0 for rented GPUs.
        replica_usd: All GPUs of one replica; 0 for a model that is paid by the token.
        stairs: How many replicas a volume needs.
        upkeep_hours: Engineering hours that come back every month.
        upgrade_hours: Hours a month for renewing model and server.
        engineer_usd_per_hour: What one of them costs.
        one_off_hours: Set-up, porting and what is still to come; spread over `horizon_months`.
        horizon_months: How long the migration shall serve.
        other_usd: Storage, network, monitoring, backups.
        requests: Production requests a month.
    """

    incumbent_usd: float
    candidate_tokens_usd: float
    replica_usd: float
    stairs: Stairs
    upkeep_hours: float
    upgrade_hours: float
    engineer_usd_per_hour: float
    one_off_hours: float
    horizon_months: int
    other_usd: float
    requests: float

    @property
    def one_off_usd(self) -> float:
        """What leaving costs once."""
        return self.one_off_hours * self.engineer_usd_per_hour


@dataclass(frozen=True, slots=True)
class Factors:
    """By what each input is multiplied: 1 = as measured or given, an array = one value a draw.

    Attributes:
        incumbent: Cost of the incumbent's tokens at the same volume and prices.
        candidate: Cost of the candidate's tokens, alike.
        volume: Requests, and with them both arms' tokens and the load on the replicas.
        incumbent_price: The incumbent's prices.
        gpu_price: Rent of a GPU.
        carrying: What one replica carries.
        replicas: How many replicas the same load needs.
        upkeep: Hours of upkeep.
        engineer_price: What an hour costs.
        one_off: Hours that come once.
    """

    incumbent: Number = 1.0
    candidate: Number = 1.0
    volume: Number = 1.0
    incumbent_price: Number = 1.0
    gpu_price: Number = 1.0
    carrying: Number = 1.0
    replicas: Number = 1.0
    upkeep: Number = 1.0
    engineer_price: Number = 1.0
    one_off: Number = 1.0


@dataclass(frozen=True, slots=True)
class Month:
    """What a month costs: numbers or one value a draw.

    Attributes:
        incumbent_usd: Staying.
        running_usd: Leaving, without what comes once.
        one_off_usd: What comes once, all of it.
        candidate_usd: Leaving, with the part of it that falls on a month.
        replicas: How many are rented.
    """

    incumbent_usd: Number
    running_usd: Number
    one_off_usd: Number
    candidate_usd: Number
    replicas: Number

    @property
    def saving_usd(self) -> Number:
        """What leaving saves a month."""
        return self.incumbent_usd - self.candidate_usd


def month_of(model: MonthModel, factors: Factors = Factors()) -> Month:
    """Both arms' month with inputs multiplied by factors.

    Example:
        >>> model = MonthModel(5000.0, 0.0, 2190.0, Stairs(), 10.0, 0.0, 90.0, 48.0, 24, 500.0, 1e6)
        >>> float(month_of(model).candidate_usd), float(month_of(model).saving_usd)
        (3770.0, 1230.0)
    """
    hour = model.engineer_usd_per_hour * factors.engineer_price
    replicas = model.stairs.at(np.asarray(factors.volume / factors.carrying)) * factors.replicas
    serving = replicas * model.replica_usd * factors.gpu_price
    tokens = model.candidate_tokens_usd * factors.candidate * factors.volume
    hours = (model.upkeep_hours * factors.upkeep + model.upgrade_hours) * hour
    running = serving + tokens + hours + model.other_usd
    one_off = model.one_off_hours * factors.one_off * hour
    return Month(
        incumbent_usd=model.incumbent_usd * factors.incumbent * factors.incumbent_price * factors.volume,
        running_usd=running,
        one_off_usd=one_off,
        candidate_usd=running + one_off / model.horizon_months,
        replicas=replicas,
    )
