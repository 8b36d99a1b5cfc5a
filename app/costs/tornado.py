"""Which input moves the saving most: each at its low and its high end, all others as they are."""

from dataclasses import dataclass, replace

import numpy as np

from app.costs.month_draws import Spread, lognormal
from app.costs.month_model import Factors, MonthModel, month_of

# Standard normals at the 5th and the 95th percentile.
_P5, _P95 = -1.6448536269514722, 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Bar:
    """One input's ends as multiples of its value, and the saving a month at each, in US dollars.

    `is_measured`: the ends are the 5th and 95th percentile of what the pilot measured; else a swing that is assumed.
    """

    name: str
    low: float
    high: float
    saving_at_low_usd: float
    saving_at_high_usd: float
    is_measured: bool

    @property
    def width_usd(self) -> float:
        """How far the saving moves."""
        return abs(self.saving_at_high_usd - self.saving_at_low_usd)


# Swings of what is given, not measured: as the scenarios have them.
_ASSUMED = {
    "incumbent_price": (0.5, 1.0),
    "volume": (0.5, 1.5),
    "gpu_price": (0.7, 1.3),
    "engineer_price": (0.7, 1.3),
    "one_off": (0.5, 2.0),
}


def tornado_of(model: MonthModel, spread: Spread) -> list[Bar]:
    """Bars, the widest first; inputs that move nothing are left out."""
    measured = {
        "incumbent": _ends(spread.incumbent),
        "candidate": _ends(spread.candidate),
        "carrying": _ends(spread.carrying),
        "upkeep": (float(np.exp(_P5 * spread.upkeep_sigma)), float(np.exp(_P95 * spread.upkeep_sigma))),
    }
    bars = [_bar(model, name, ends, is_measured=True) for name, ends in measured.items()]
    bars += [_bar(model, name, ends, is_measured=False) for name, ends in _ASSUMED.items()]
    return sorted((bar for bar in bars if bar.width_usd > 0), key=lambda bar: -bar.width_usd)


def _bar(model: MonthModel, name: str, ends: tuple[float, float], *, is_measured: bool) -> Bar:
    low, high = (float(month_of(model, replace(Factors(), **{name: end})).saving_usd) for end in ends)
    return Bar(name, *ends, low, high, is_measured)


def _ends(variation: float) -> tuple[float, float]:
    low, high = lognormal(np.array([_P5, _P95]), variation).tolist()
    return low, high
