"""One candidate's money as the workbook needs it."""

from dataclasses import dataclass

from app.costs.month_model import MonthModel
from app.costs.stored_month import StoredPoints, model_of, points_of
from app.domain.cost_figures import CostModel
from app.domain.month_inputs import MonthInputs
from app.reports.workbook.money_formulas import Names


@dataclass(frozen=True, slots=True)
class Party:
    """A candidate against the incumbent.

    Attributes:
        candidate: Its name.
        incumbent: The model that production uses.
        arm: Its place, from 1 on.
        cost: What the report says.
        inputs: What the formula was given.
        sheet: The name of its sheet of money.
    """

    candidate: str
    incumbent: str
    arm: int
    cost: CostModel
    inputs: MonthInputs
    sheet: str

    @property
    def names(self) -> Names:
        """Of its cells."""
        return Names("" if self.arm == 1 else f"_{self.arm}", bool(self.inputs.steps), self.inputs.is_paid_by_token)

    @property
    def points(self) -> StoredPoints:
        """Both arms' month."""
        return points_of(self.inputs)

    @property
    def model(self) -> MonthModel | None:
        """The month as numbers; `None` = the saving is not known."""
        return model_of(self.inputs)


@dataclass(frozen=True, slots=True)
class Slopes:
    """The month as lines over volume: per request, whatever the volume, and one replica, in US dollars."""

    incumbent: float
    candidate: float
    fixed: float
    replica: float

    @classmethod
    def of(cls, model: MonthModel) -> "Slopes":
        """At the measured volume."""
        hours = model.upkeep_hours + model.upgrade_hours + model.one_off_hours / model.horizon_months
        return cls(
            model.incumbent_usd / model.requests if model.requests else 0.0,
            model.candidate_tokens_usd / model.requests if model.requests else 0.0,
            hours * model.engineer_usd_per_hour + model.other_usd,
            model.replica_usd,
        )

    def pays_from(self, replicas: float) -> float | str:
        """From how many requests a month on, with so many replicas."""
        gain = self.incumbent - self.candidate
        return (self.fixed + replicas * self.replica) / gain if gain > 0 else "never"
