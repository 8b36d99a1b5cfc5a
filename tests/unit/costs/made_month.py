"""Months for tests: what is not given is round and plain."""

from typing import Any

from app.costs.month_model import MonthModel
from app.costs.stairs import Stairs


def a_month(**changes: Any) -> MonthModel:
    """$6,000 of the incumbent's tokens against two replicas of $1,460, ten hours of upkeep and $500 of other cost."""
    plain: dict[str, Any] = {
        "incumbent_usd": 6000.0,
        "candidate_tokens_usd": 0.0,
        "replica_usd": 1460.0,
        "stairs": Stairs(least=2),
        "upkeep_hours": 10.0,
        "upgrade_hours": 0.0,
        "engineer_usd_per_hour": 90.0,
        "one_off_hours": 48.0,
        "horizon_months": 24,
        "other_usd": 500.0,
        "requests": 1_000_000.0,
    }
    return MonthModel(**plain | changes)
