"""What every part of a scorecard is made of: closed models, estimates, money."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

from app.domain.estimate import Estimate

Money = Annotated[Decimal, PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json")]


class Model(BaseModel):
    """Frozen, and closed: a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EstimateModel(Model):
    """ESTIMATE of the contract; units and unit of `n` are the field's."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str = "none"
    confidence: float = 0.95
    standard_error: float | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """The same estimate as part of a document."""
        return cls(**asdict(estimate))


class MoneyEstimate(Model):
    """An estimate in US dollars; `low`/`high` are `None` until there is a range."""

    value: Money | None = None
    low: Money | None = None
    high: Money | None = None
    n: int = 0
    method: str = "none"
    confidence: float = 0.95
