"""Shares of better, equal and worse answers, as a scorecard has them."""

from app.domain.estimate_models import EstimateModel
from app.domain.groups import BusinessQuality, SharesModel


def the_shares(looked_at: int = 372, rate: float = 0.474) -> BusinessQuality:
    """People a little harsher than the judge; `rate` = better plus half of the same."""
    judge = _shares(rate, 0.5, 2012)
    return BusinessQuality(by_people=_shares(rate - 0.01, 0.55, looked_at), by_judge=judge, looked_at=looked_at)


def _shares(rate: float, same: float, n: int) -> SharesModel:
    better, half = rate - same / 2, 0.9 / n**0.5
    kinds = {"better": better, "worse": 1 - same - better, "same": same}
    ends = {name: (max(0.0, value - half), min(1.0, value + half)) for name, value in kinds.items()}
    return SharesModel(
        **{
            name: EstimateModel(value=value, low=ends[name][0], high=ends[name][1], n=n, method="wilson")
            for name, value in kinds.items()
        }
    )
