"""The registration as the scorecard and the API show it: the plan, later changes, and what each epoch consists of."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from app.domain.epochs import Epoch, EpochHistory
from app.domain.pilot import ConfigurationChange, Registration
from app.domain.registered import RegisteredPlan
from app.domain.registration_models import ChangeModel, EpochChangeModel, EpochModel, PlanModel, RegistrationModel
from app.pipeline.closing import Selection
from app.pipeline.configuration_changes import touched_by
from app.pipeline.conversations import Conversations


def registration_model(
    registration: Registration | None,
    changes: Iterable[ConfigurationChange],
    plan: RegisteredPlan,
    histories: Mapping[str, EpochHistory],
    selection: Selection,
    talks: Conversations,
) -> RegistrationModel:
    """All that was fixed, and what became of it."""
    return RegistrationModel(
        hash=registration.hash if registration is not None else None,
        registered_at=registration.registered_at if registration is not None else None,
        changes=[change_model(change) for change in changes],
        plan=PlanModel.of(plan),
        epochs={name: epoch_models(history, selection, talks) for name, history in histories.items()},
        legal_basis=legal_basis_of(registration.document) if registration is not None else None,
    )


def legal_basis_of(document: Mapping[str, Any]) -> str | None:
    """Why texts may go to a vendor although they must stay; `None` = nobody said."""
    constraints = document.get("configuration", {}).get("constraints") or {}
    found: str | None = constraints.get("legal_basis")
    return found


def change_model(change: ConfigurationChange) -> ChangeModel:
    """A change and what rests on it."""
    return ChangeModel(**asdict(change), touches=touched_by(change.path))


def epoch_models(history: EpochHistory, selection: Selection, talks: Conversations) -> list[EpochModel]:
    """Each epoch with the closed days and conversations whose evidence is its own."""
    number_of_day = {day: history.number_of(day) for day in selection.closed}
    by_day = np.bincount(talks.days[talks.days > 0], minlength=max(number_of_day, default=0) + 1)
    return [_epoch(epoch, history, number_of_day, by_day.tolist()) for epoch in history.epochs]


def _epoch(epoch: Epoch, history: EpochHistory, number_of_day: Mapping[int, int], conversations: list[int]) -> EpochModel:
    own = [day for day, number in number_of_day.items() if number == epoch.number]
    return EpochModel(
        number=epoch.number,
        kind=epoch.kind,
        first_day=epoch.first_day,
        last_day=history.last_day_of(epoch),
        days=len(own),
        conversations=sum(conversations[day] for day in own),
        is_current=epoch is history.current,
        models=dict(epoch.models),
        changes=[EpochChangeModel(**asdict(change)) for change in epoch.changes],
    )
