"""Pilots and their arms, registrations and changes."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.pilot import Arm, Pilot
from app.domain.words import ArmRole, PilotState
from app.errors import Conflict, NotFound
from app.store.tables import ArmRow, PilotRow


def insert_pilot(
    session: Session, configuration: PilotConfiguration, *, source_toml: str, guesses: Sequence[Any] = ()
) -> Pilot:
    """Stores a draft; the first pilot of all becomes the default one. `Conflict` if the name is taken."""
    name = configuration.pilot.name
    if session.scalar(select(PilotRow.id).where(PilotRow.name == name)) is not None:
        message = f"there is a pilot named {name!r} already"
        raise Conflict(message, pilot=name)
    is_first = session.scalar(select(PilotRow.id).limit(1)) is None
    row = PilotRow(
        name=name,
        configuration=configuration.model_dump(mode="json"),
        source_toml=source_toml,
        guesses=list(guesses),
        is_default=is_first,
    )
    session.add(row)
    session.flush()
    arms = [(ArmRole.INCUMBENT, ArmRole.INCUMBENT.value, configuration.incumbent.model)]
    arms += [(ArmRole.CANDIDATE, candidate.name, candidate.model) for candidate in configuration.candidate]
    if configuration.control.rate > 0:
        arms.append((ArmRole.CONTROL, ArmRole.CONTROL.value, configuration.incumbent.model))
    for role, arm_name, model in arms:
        session.add(ArmRow(pilot_id=row.id, name=arm_name, role=role.value, model=model))
        session.flush()  # one by one: ids follow the configuration's order
    return get_pilot(session, name)


def get_pilot(session: Session, name: str, *, for_update: bool = False) -> Pilot:
    """The pilot of that name; `NotFound` if there is none."""
    query = select(PilotRow).where(PilotRow.name == name).execution_options(populate_existing=True)
    row = session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        message = f"there is no pilot named {name!r}"
        raise NotFound(message, pilot=name)
    return _pilot(session, row)


def list_pilots(session: Session) -> list[Pilot]:
    """All pilots, oldest first."""
    return [_pilot(session, row) for row in session.scalars(select(PilotRow).order_by(PilotRow.id))]


def _pilot(session: Session, row: PilotRow) -> Pilot:
    arms = session.scalars(select(ArmRow).where(ArmRow.pilot_id == row.id).order_by(ArmRow.id))
    return Pilot(
        id=row.id,
        name=row.name,
        state=PilotState(row.state),
        configuration=PilotConfiguration.model_validate(row.configuration),
        arms=tuple(Arm(arm.id, arm.name, ArmRole(arm.role), arm.model) for arm in arms),
        starts_at=row.starts_at,
        extended_days=row.extended_days,
        is_default=row.is_default,
        is_detached=row.is_detached,
        mirror_on=row.mirror_on,
        created_at=row.created_at,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
    )
