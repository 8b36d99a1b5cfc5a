"""Replays, their leases and what there is to ask."""

from array import array
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Select, and_, exists, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from app.domain.measures import CLIENT_STATUSES, SERVER_FAULTS
from app.domain.pilot import Arm, Pilot
from app.domain.replay import OPEN_STATES, ArmProgress, Replay, ReplayLimits, ReplayState, StoredRequest
from app.domain.words import CoverageReason, FailureKind, Source
from app.errors import NotFound
from app.store.payloads import REQUEST_ARM
from app.store.tables import ArmRow, ExchangeRow, PayloadRow, PilotRow, ReplyRow
from app.store.texts import texts_of
from app.store.work_tables import ReplayRow


def insert_replay(session: Session, pilot: Pilot, *, arm: Arm | None, limits: ReplayLimits, by: str) -> int:
    """Stores a queued replay of one candidate, or of all."""
    row = ReplayRow(
        pilot_id=pilot.id,
        arm_id=arm.id if arm else None,
        limit_usd=limits.usd,
        limit_seconds=limits.seconds,
        limit_exchanges=limits.exchanges,
        by=by,
    )
    session.add(row)
    session.flush()
    return row.id


def get_replay(session: Session, replay_id: int) -> Replay:
    """The replay of that number; `NotFound` if there is none."""
    found = session.execute(_query().where(ReplayRow.id == replay_id)).one_or_none()
    if found is None:
        message = f"there is no replay {replay_id}"
        raise NotFound(message, replay=replay_id)
    return _replay(*found)


def open_replays(session: Session, pilot: Pilot) -> list[Replay]:
    """Replays of a pilot that are queued or running, oldest first."""
    query = _query().where(ReplayRow.pilot_id == pilot.id, ReplayRow.state.in_(OPEN_STATES)).order_by(ReplayRow.id)
    return [_replay(*found) for found in session.execute(query)]


def list_replays(session: Session, pilot: Pilot) -> list[Replay]:
    """All replays of a pilot, newest first."""
    query = _query().where(ReplayRow.pilot_id == pilot.id).order_by(ReplayRow.id.desc())
    return [_replay(*found) for found in session.execute(query)]


def unclaimed_replays(session: Session) -> list[int]:
    """Open replays that no worker holds: new ones, and those whose worker died."""
    query = select(ReplayRow.id).where(ReplayRow.state.in_(OPEN_STATES), _is_free()).order_by(ReplayRow.id)
    return list(session.scalars(query))


def claim_replay(session: Session, replay_id: int, *, worker: str, lease_seconds: float) -> Replay | None:
    """Takes an open replay that nobody holds; `None` if there is nothing to take."""
    claimed = session.scalar(
        update(ReplayRow)
        .where(ReplayRow.id == replay_id, ReplayRow.state.in_(OPEN_STATES), _is_free())
        .values(
            state=ReplayState.RUNNING.value,
            claimed_by=worker,
            claimed_until=_lease_end(lease_seconds),
            started_at=func.coalesce(ReplayRow.started_at, func.now()),
            message="",
        )
        .returning(ReplayRow.id)
    )
    return get_replay(session, claimed) if claimed is not None else None


def save_progress(
    session: Session, replay_id: int, progress: dict[str, ArmProgress], *, worker: str, lease_seconds: float
) -> ReplayState | None:
    """Stores the counters and prolongs the lease; gives the state now, `None` if another worker has taken over."""
    state = session.scalar(
        update(ReplayRow)
        .where(ReplayRow.id == replay_id, ReplayRow.claimed_by == worker)
        .values(progress=_progress_document(progress), claimed_until=_lease_end(lease_seconds))
        .returning(ReplayRow.state)
    )
    return ReplayState(state) if state is not None else None


def finish_replay(session: Session, replay_id: int, state: ReplayState, message: str, *, worker: str | None = None) -> bool:
    """Ends an open replay and frees it; whether it was still open (and the worker's, if one is given)."""
    query = update(ReplayRow).where(ReplayRow.id == replay_id, ReplayRow.state.in_(OPEN_STATES))
    if worker is not None:
        query = query.where(ReplayRow.claimed_by == worker)
    values = {"state": state.value, "message": message, "finished_at": func.now()}
    return session.scalar(query.values(values).returning(ReplayRow.id)) is not None


def release_replay(session: Session, replay_id: int, *, worker: str, message: str = "") -> None:
    """Gives an open replay back, for any worker to go on with; `message` says what it waits for, if it does."""
    query = update(ReplayRow).where(ReplayRow.id == replay_id, ReplayRow.claimed_by == worker)
    session.execute(query.values(claimed_by=None, claimed_until=None, message=message))


def exchanges_to_ask(session: Session, pilot: Pilot, arm: Arm) -> Sequence[int]:
    """Ids of the exchanges that lack the arm's reply and have a stored request, in the order of asking.

    The order is that of the conversations' sample points: whatever stops a replay early, what was asked is a sample of
    whole conversations, and the same one for every candidate.
    """
    order = (ExchangeRow.sample_point, ExchangeRow.conversation_id, ExchangeRow.arrived_at, ExchangeRow.id)
    query = _to_ask(pilot, arm).order_by(*order).execution_options(yield_per=10_000)
    return array("q", session.scalars(query))


def count_to_ask(session: Session, pilot: Pilot, arm: Arm) -> int:
    """How many exchanges lack the arm's reply."""
    return session.scalar(select(func.count()).select_from(_to_ask(pilot, arm).subquery())) or 0


def read_requests(session: Session, exchange_ids: Sequence[int]) -> dict[int, StoredRequest]:
    """The stored requests of exchanges, by exchange id; what was shredded is not there."""
    level = ExchangeRow.facts["level"].astext
    rows = session.execute(
        select(ExchangeRow.id, ExchangeRow.pilot_id, PayloadRow.body, ExchangeRow.segment, level, ExchangeRow.external_id)
        .join(PayloadRow, and_(PayloadRow.exchange_id == ExchangeRow.id, PayloadRow.arrived_at == ExchangeRow.arrived_at))
        .where(ExchangeRow.id.in_(exchange_ids), PayloadRow.arm_id == REQUEST_ARM)
    )
    texts = texts_of(session)
    opened = ((number, texts.open(pilot, body), *rest) for number, pilot, body, *rest in rows.all())
    return {number: StoredRequest(orjson.loads(body), *rest) for number, body, *rest in opened if body is not None}


def _to_ask(pilot: Pilot, arm: Arm) -> Select[int]:
    """Captured (a live one closed), sampled, in the window as far as it is known, no client's error, with request, no reply."""
    theirs, ours = aliased(ReplyRow), aliased(ReplyRow)
    is_client_error = and_(
        theirs.exchange_id == ExchangeRow.id,
        theirs.arm_id == pilot.incumbent.id,
        theirs.failure == FailureKind.HTTP.value,
        theirs.status.between(*CLIENT_STATUSES),
        theirs.status.not_in(SERVER_FAULTS),
    )
    has_request = and_(
        PayloadRow.exchange_id == ExchangeRow.id,
        PayloadRow.arrived_at == ExchangeRow.arrived_at,
        PayloadRow.arm_id == REQUEST_ARM,
    )
    query = select(ExchangeRow.id).where(
        ExchangeRow.pilot_id == pilot.id,
        ExchangeRow.reason == CoverageReason.CAPTURED.value,
        # Of an open live one the mirror may be asking just now.
        or_(ExchangeRow.source != Source.LIVE.value, ExchangeRow.closed_at.is_not(None)),
        ExchangeRow.sample_point < pilot.configuration.sampling.rate,
        ~exists().where(ours.exchange_id == ExchangeRow.id, ours.arm_id == arm.id),
        ~exists().where(is_client_error),
        exists().where(has_request),
    )
    if pilot.starts_at is not None and pilot.ends_at is not None:
        query = query.where(ExchangeRow.arrived_at >= pilot.starts_at, ExchangeRow.arrived_at < pilot.ends_at)
    return query


def _query() -> Select[ReplayRow, str, str]:
    return (
        select(ReplayRow, PilotRow.name, ArmRow.name)
        .join(PilotRow, PilotRow.id == ReplayRow.pilot_id)
        .outerjoin(ArmRow, ArmRow.id == ReplayRow.arm_id)
        .execution_options(populate_existing=True)
    )


def _is_free() -> Any:
    return or_(ReplayRow.claimed_until.is_(None), ReplayRow.claimed_until < func.clock_timestamp())


def _lease_end(seconds: float) -> Any:
    return func.clock_timestamp() + text("make_interval(secs => :lease)").bindparams(lease=seconds)


def _replay(row: ReplayRow, pilot_name: str, arm_name: str | None) -> Replay:
    return Replay(
        id=row.id,
        pilot_name=pilot_name,
        arm_name=arm_name,
        limits=ReplayLimits(row.limit_usd, row.limit_seconds, row.limit_exchanges),
        state=ReplayState(row.state),
        progress={name: _progress(counters) for name, counters in row.progress.items()},
        message=row.message,
        by=row.by,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _progress_document(progress: dict[str, ArmProgress]) -> dict[str, Any]:
    return {
        name: {
            "asked": arm.asked,
            "answered": arm.answered,
            "failed": arm.failed,
            "not_asked": arm.not_asked,
            "usd": str(arm.usd),
            "unpriced": arm.unpriced,
            "held_usd": str(arm.held_usd),
        }
        for name, arm in progress.items()
    }


def _progress(counters: dict[str, Any]) -> ArmProgress:
    return ArmProgress(**counters | {name: Decimal(counters[name]) for name in ("usd", "held_usd")})
