"""What was fixed at the start as the scorecard shows it: the plan, later changes, epochs."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import datetime
from typing import Any

from app.domain.epochs import EpochKind, SeenIn
from app.domain.estimate_models import Model
from app.domain.registered import RegisteredPlan


class ChangeModel(Model):
    """A change of the configuration after the registration; `touches` is what of the decision rests on it, `null` = nothing."""

    at: datetime
    by: str
    path: str
    before: Any = None
    after: Any = None
    touches: str | None = None


class PlanModel(Model):
    """What the statistics rest on, as registered; of a draft, what its configuration would register now.

    `looks` are days; `label_probability` is each segment's chance of a conversation to be drawn for people.
    """

    margin: float
    margins: dict[str, float] = {}
    alpha: float
    alpha_by_segment: float
    looks: list[int]
    planned_conversations: int
    label_probability: dict[str, float]

    @classmethod
    def of(cls, plan: RegisteredPlan) -> "PlanModel":
        """The plan as it is shown."""
        return cls(
            margin=plan.margin,
            margins=dict(plan.margins),
            alpha=plan.alpha,
            alpha_by_segment=plan.alpha_by_segment,
            looks=list(plan.looks),
            planned_conversations=plan.planned_conversations,
            label_probability=dict(plan.label_probability),
        )


class EpochChangeModel(Model):
    """One thing that became another; `at` `null` = nobody knows when."""

    kind: EpochKind
    what: str
    before: str | None = None
    after: str | None = None
    at: datetime | None = None
    seen_in: SeenIn


class EpochModel(Model):
    """One epoch of a candidate: nothing is pooled across them.

    `days` and `conversations` are those whose evidence is this epoch's; after a judge's or grader's change all pairs are
    graded anew, so the days go to the new epoch. `models` are the ids that most replies reported, by arm.
    """

    number: int
    kind: EpochKind | None = None
    first_day: int
    last_day: int | None = None
    days: int = 0
    conversations: int = 0
    is_current: bool = False
    models: dict[str, str] = {}
    changes: list[EpochChangeModel] = []


class RegistrationModel(Model):
    """What was fixed and hashed at the start, `None` before it; `epochs` by candidate.

    `legal_basis`: why texts may go to a vendor although they must stay, as registered.
    """

    hash: str | None = None
    registered_at: datetime | None = None
    changes: list[ChangeModel] = []
    plan: PlanModel | None = None
    epochs: dict[str, list[EpochModel]] = {}
    legal_basis: str | None = None
