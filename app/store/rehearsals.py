"""Rehearsals, their leases, and the last one of each candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from app.domain.pilot import Arm, Pilot
from app.domain.rehearsal import Rehearsal, RehearsalModel, RehearsalTerms, StepModel
from app.domain.replay import OPEN_STATES, ReplayState
from app.errors import NotFound
from app.store.money_tables import RehearsalRow
from app.store.tables import ArmRow, PilotRow

WORKER_LOST = "a worker was lost: the step that it was at is made again"


def insert_rehearsal(session: Session, pilot: Pilot, *, arm: Arm, terms: RehearsalTerms, by: str) -> int:
    """Stores a queued rehearsal."""
    row = RehearsalRow(pilot_id=pilot.id, arm_id=arm.id, terms=_terms_document(terms), by=by)
    session.add(row)
    session.flush()
    return row.id


def get_rehearsal(session: Session, rehearsal_id: int) -> Rehearsal:
    """The rehearsal of that number; `NotFound` if there is none."""
    found = session.execute(_query().where(RehearsalRow.id == rehearsal_id)).one_or_none()
    if found is None:
        message = f"there is no rehearsal {rehearsal_id}"
        raise NotFound(message, rehearsal=rehearsal_id)
    return _rehearsal(*found)


def list_rehearsals(session: Session, pilot: Pilot) -> list[Rehearsal]:
    """All rehearsals of a pilot, newest first."""
    query = _query().where(RehearsalRow.pilot_id == pilot.id).order_by(RehearsalRow.id.desc())
    return [_rehearsal(*found) for found in session.execute(query)]


def open_rehearsal(session: Session, arm: Arm) -> int | None:
    """The number of the candidate's rehearsal that is queued or running."""
    return session.scalar(select(RehearsalRow.id).where(RehearsalRow.arm_id == arm.id, RehearsalRow.state.in_(OPEN_STATES)))


def done_rehearsals(
    session: Session, pilot_id: int, *, as_of: datetime | None = None
) -> Mapping[str, Sequence[RehearsalModel]]:
    """What was measured, by candidate, newest first."""
    query = (
        select(ArmRow.name, RehearsalRow.result)
        .join(ArmRow, ArmRow.id == RehearsalRow.arm_id)
        .where(
            RehearsalRow.pilot_id == pilot_id, RehearsalRow.result.is_not(None), RehearsalRow.state == ReplayState.DONE.value
        )
        .order_by(RehearsalRow.finished_at.desc(), RehearsalRow.id.desc())
    )
    if as_of is not None:
        query = query.where(RehearsalRow.finished_at <= as_of)
    found: dict[str, list[RehearsalModel]] = {}
    for name, result in session.execute(query):
        found.setdefault(name, []).append(RehearsalModel.model_validate(result))
    return found


def under_way(session: Session) -> dict[tuple[str, str], float | None]:
    """Pilots and candidates whose rehearsal goes on; how many seconds its worker's lease holds, `None` = between two steps."""
    left = func.extract("epoch", RehearsalRow.claimed_until - func.clock_timestamp())
    query = (
        select(PilotRow.name, ArmRow.name, left)
        .join(PilotRow, PilotRow.id == RehearsalRow.pilot_id)
        .join(ArmRow, ArmRow.id == RehearsalRow.arm_id)
        .where(RehearsalRow.state == ReplayState.RUNNING.value)
    )
    return {(pilot, arm): None if left is None else float(left) for pilot, arm, left in session.execute(query)}


def unclaimed_rehearsals(session: Session) -> list[int]:
    """Open rehearsals that no worker holds: new ones, and those whose worker died."""
    query = select(RehearsalRow.id).where(RehearsalRow.state.in_(OPEN_STATES), _is_free()).order_by(RehearsalRow.id)
    return list(session.scalars(query))


def claim_rehearsal(session: Session, rehearsal_id: int, *, worker: str, lease_seconds: float) -> Rehearsal | None:
    """Takes an open rehearsal that nobody holds; `None` if there is nothing to take. A lapsed lease leaves a message."""
    claimed = session.scalar(
        update(RehearsalRow)
        .where(RehearsalRow.id == rehearsal_id, RehearsalRow.state.in_(OPEN_STATES), _is_free())
        .values(
            state=ReplayState.RUNNING.value,
            message=case((RehearsalRow.claimed_by.is_not(None), WORKER_LOST), else_=RehearsalRow.message),
            claimed_by=worker,
            claimed_until=_lease_end(lease_seconds),
            started_at=func.coalesce(RehearsalRow.started_at, func.now()),
        )
        .returning(RehearsalRow.id)
    )
    return get_rehearsal(session, claimed) if claimed is not None else None


def save_steps(
    session: Session, rehearsal_id: int, steps: Sequence[StepModel], *, worker: str, lease_seconds: float
) -> ReplayState | None:
    """Stores the steps and prolongs the lease; gives the state now, `None` if another worker has taken over."""
    state = session.scalar(
        update(RehearsalRow)
        .where(RehearsalRow.id == rehearsal_id, RehearsalRow.claimed_by == worker)
        .values(steps=[step.model_dump(mode="json") for step in steps], claimed_until=_lease_end(lease_seconds))
        .returning(RehearsalRow.state)
    )
    return ReplayState(state) if state is not None else None


def finish_rehearsal(
    session: Session, rehearsal_id: int, state: ReplayState, message: str, *,
    worker: str | None = None, result: RehearsalModel | None = None,
) -> bool:  # fmt: skip
    """Ends an open rehearsal and frees it; whether it was still open (and the worker's, if one is given)."""
    query = update(RehearsalRow).where(RehearsalRow.id == rehearsal_id, RehearsalRow.state.in_(OPEN_STATES))
    if worker is not None:
        query = query.where(RehearsalRow.claimed_by == worker)
    values = {
        "state": state.value, "message": message, "finished_at": func.now(),
        "result": result.model_dump(mode="json") if result is not None else None,
    }  # fmt: skip
    return session.scalar(query.values(values).returning(RehearsalRow.id)) is not None


def release_rehearsal(session: Session, rehearsal_id: int, *, worker: str) -> None:
    """Gives an open rehearsal back, for any worker to go on with."""
    query = update(RehearsalRow).where(RehearsalRow.id == rehearsal_id, RehearsalRow.claimed_by == worker)
    session.execute(query.values(claimed_by=None, claimed_until=None))


def _query() -> Select[RehearsalRow, str, str]:
    return (
        select(RehearsalRow, PilotRow.name, ArmRow.name)
        .join(PilotRow, PilotRow.id == RehearsalRow.pilot_id)
        .join(ArmRow, ArmRow.id == RehearsalRow.arm_id)
        .execution_options(populate_existing=True)
    )


def _is_free() -> Any:
    return or_(RehearsalRow.claimed_until.is_(None), RehearsalRow.claimed_until < func.clock_timestamp())


def _lease_end(seconds: float) -> Any:
    return func.clock_timestamp() + text("make_interval(secs => :lease)").bindparams(lease=seconds)


def _terms_document(terms: RehearsalTerms) -> dict[str, Any]:
    limit = None if terms.limit_usd is None else str(terms.limit_usd)
    return asdict(terms) | {"speeds": list(terms.speeds), "limit_usd": limit}


def _terms(document: dict[str, Any]) -> RehearsalTerms:
    limit = document["limit_usd"]
    return RehearsalTerms(
        **document | {"speeds": tuple(document["speeds"]), "limit_usd": None if limit is None else Decimal(limit)}
    )


def _rehearsal(row: RehearsalRow, pilot_name: str, arm_name: str) -> Rehearsal:
    return Rehearsal(
        id=row.id,
        pilot_name=pilot_name,
        arm_name=arm_name,
        terms=_terms(row.terms),
        state=ReplayState(row.state),
        steps=tuple(StepModel.model_validate(step) for step in row.steps),
        result=RehearsalModel.model_validate(row.result) if row.result is not None else None,
        message=row.message,
        by=row.by,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
