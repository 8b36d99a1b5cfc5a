"""Pilots and their arms."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.pilot import Arm, Pilot, start_of
from app.domain.words import ArmRole, PilotState
from app.errors import Conflict, NotFound
from app.store.session import note_pilot_change
from app.store.tables import ArmRow, ExchangeRow, PilotRow

_Named = tuple[ArmRole, str, str]


def insert_pilot(
    session: Session, configuration: PilotConfiguration, *, source_toml: str, guesses: Sequence[Any] = ()
) -> Pilot:
    """Stores a draft; the first pilot of all becomes the default one. `Conflict` if the name is taken."""
    # Two creations at once would both be the first, or both find the name free.
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-pilots'))"))
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
    _follow_arms(session, row.id, configuration)
    note_pilot_change(session)
    return get_pilot(session, name)


def replace_configuration(
    session: Session, pilot: Pilot, configuration: PilotConfiguration, *, source_toml: str, guesses: Sequence[Any]
) -> Pilot:
    """Stores another configuration; the arms follow it."""
    values = {"configuration": configuration.model_dump(mode="json"), "source_toml": source_toml, "guesses": list(guesses)}
    session.execute(update(PilotRow).where(PilotRow.id == pilot.id).values(**values))
    _follow_arms(session, pilot.id, configuration)
    note_pilot_change(session)
    return get_pilot(session, pilot.name)


def get_pilot(session: Session, name: str, *, for_update: bool = False) -> Pilot:
    """The pilot of that name; `NotFound` if there is none."""
    query = select(PilotRow).where(PilotRow.name == name).execution_options(populate_existing=True)
    row = session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        message = f"there is no pilot named {name!r}"
        raise NotFound(message, pilot=name)
    return _pilot(session, row)


def get_pilot_by_id(session: Session, pilot_id: int) -> Pilot:
    """The pilot of that number; `NotFound` if there is none."""
    row = session.get(PilotRow, pilot_id, populate_existing=True)
    if row is None:
        message = f"there is no pilot with the number {pilot_id}"
        raise NotFound(message, pilot=pilot_id)
    return _pilot(session, row)


def list_pilots(session: Session) -> list[Pilot]:
    """All pilots, oldest first."""
    return [_pilot(session, row) for row in session.scalars(select(PilotRow).order_by(PilotRow.id))]


def guesses_of(session: Session, pilot_id: int) -> list[dict[str, Any]]:
    """What was guessed when the configuration was read."""
    return list(session.scalar(select(PilotRow.guesses).where(PilotRow.id == pilot_id)) or [])


def source_of(session: Session, pilot_id: int) -> str:
    """The text of `pilot.toml` as it was given."""
    return session.scalar(select(PilotRow.source_toml).where(PilotRow.id == pilot_id)) or ""


def mark_started(session: Session, pilot: Pilot, *, starts_at: datetime, at: datetime) -> Pilot:
    """A draft runs from now on."""
    return _set(session, pilot, state=PilotState.RUNNING.value, starts_at=starts_at, started_at=at)


def mark_stopped(session: Session, pilot: Pilot, *, at: datetime) -> Pilot:
    """A running pilot is over."""
    return _set(session, pilot, state=PilotState.STOPPED.value, stopped_at=at)


def mark_extended(session: Session, pilot: Pilot, *, days: int) -> Pilot:
    """The window is longer by so many days."""
    return _set(session, pilot, extended_days=days)


def mark_detached(session: Session, pilot: Pilot) -> Pilot:
    """The gateway forwards no longer for this pilot."""
    return _set(session, pilot, is_detached=True)


def mark_mirror(session: Session, pilot: Pilot, *, on: bool) -> Pilot:
    """The kill switch."""
    return _set(session, pilot, mirror_on=on)


def mark_default(session: Session, pilot: Pilot) -> Pilot:
    """`/v1` of the gateway is this pilot's from now on."""
    session.execute(update(PilotRow).where(PilotRow.is_default).values(is_default=False))
    return _set(session, pilot, is_default=True)


def oldest_arrival(session: Session, pilot_id: int) -> datetime | None:
    """When the first of the stored exchanges arrived."""
    return session.scalar(select(func.min(ExchangeRow.arrived_at)).where(ExchangeRow.pilot_id == pilot_id))


def _set(session: Session, pilot: Pilot, **values: Any) -> Pilot:
    session.execute(update(PilotRow).where(PilotRow.id == pilot.id).values(**values))
    note_pilot_change(session)
    return get_pilot(session, pilot.name)


def _arms_of(configuration: PilotConfiguration) -> Iterator[_Named]:
    yield ArmRole.INCUMBENT, ArmRole.INCUMBENT.value, configuration.incumbent.model
    for candidate in configuration.candidate:
        yield ArmRole.CANDIDATE, candidate.name, candidate.model
    if configuration.control.rate > 0:
        yield ArmRole.CONTROL, ArmRole.CONTROL.value, configuration.incumbent.model


def _follow_arms(session: Session, pilot_id: int, configuration: PilotConfiguration) -> None:
    """Adds, changes and removes arms until they are those of the configuration."""
    rows = {row.name: row for row in session.scalars(select(ArmRow).where(ArmRow.pilot_id == pilot_id))}
    for role, name, model in _arms_of(configuration):
        row = rows.pop(name, None)
        if row is not None:
            row.model = model
        else:
            session.add(ArmRow(pilot_id=pilot_id, name=name, role=role.value, model=model))
        session.flush()  # one by one: ids follow the configuration's order
    # The control's replies stay evidence of noise after its rate was set to 0.
    gone = [row.id for row in rows.values() if row.role != ArmRole.CONTROL.value]
    session.execute(delete(ArmRow).where(ArmRow.id.in_(gone)))


def _pilot(session: Session, row: PilotRow) -> Pilot:
    arms = session.scalars(select(ArmRow).where(ArmRow.pilot_id == row.id).order_by(ArmRow.id))
    configuration = PilotConfiguration.model_validate(row.configuration)
    return Pilot(
        id=row.id,
        name=row.name,
        state=PilotState(row.state),
        configuration=configuration,
        arms=tuple(Arm(arm.id, arm.name, ArmRole(arm.role), arm.model) for arm in arms),
        starts_at=row.starts_at or _expected_start(session, row.id, configuration),
        extended_days=row.extended_days,
        is_default=row.is_default,
        is_detached=row.is_detached,
        mirror_on=row.mirror_on,
        created_at=row.created_at,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        shredded_at=row.shredded_at,
    )


def _expected_start(session: Session, pilot_id: int, configuration: PilotConfiguration) -> datetime | None:
    """Where day 1 of a draft would begin if it were started now; `None` before anything is imported."""
    table = configuration.pilot
    day = table.starts
    if day is None:
        oldest = oldest_arrival(session, pilot_id)
        if oldest is None:
            return None
        day = oldest.astimezone(ZoneInfo(table.timezone)).date()
    return start_of(day, table.timezone)
