"""How often a judge sees which of two replies was made worse on purpose."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model

# Fewer say little; below the floor a judge misses what anybody sees.
LEAST_CANARIES = 20
FLOOR = 0.8


class CanaryKindModel(Model):
    """One way of making a reply worse."""

    kind: str
    answered: int
    passed: int


class CanaryModel(Model):
    """The canaries of the present version of the judge; a tie is no pass, an answer that does not parse is not counted.

    `is_suspended`: it is asked nothing more, and no verdict may rest on it.
    """

    rater: str
    asked: int = 0
    pass_rate: EstimateModel
    by_kind: list[CanaryKindModel] = []
    ungraded: dict[str, int] = {}
    floor: float = FLOOR
    is_suspended: bool = False
    reason: str | None = None
