"""Replay: asks candidates for stored exchanges that lack their reply."""

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy.orm import Session

from app.domain.access import Principal
from app.domain.configuration import CandidateTable
from app.domain.pilot import Arm, Pilot
from app.domain.replay import OPEN_STATES, ArmProgress, Replay, ReplayLimits, ReplayState
from app.domain.words import PilotState
from app.errors import Conflict, InvalidInput, Problem, ServiceError, UnknownPrice
from app.jobs import Job
from app.pipeline.content import ContentPolicy
from app.pipeline.hold import NO_HOLD, Hold
from app.pipeline.replay_money import meter_of
from app.pipeline.replay_run import TURN_SECONDS, Candidate, TurnLimits, run_replay
from app.providers.model_server import Target
from app.store import replays
from app.store.audit import record
from app.store.health import DATABASE_ERRORS
from app.store.pilots import get_pilot
from app.store.rehearsals import open_rehearsal
from app.store.session import SessionFactory, publish_after_commit, session_scope


@dataclass(frozen=True, slots=True)
class ReplayStatus:
    """A replay and how many of its exchanges are left to ask."""

    replay: Replay
    remaining: int


def create_replay(
    session: Session, pilot_name: str, *, candidate: str | None, limits: ReplayLimits, by: Principal
) -> ReplayStatus:
    """Queues a replay of one candidate, or of all; it begins when a worker takes it.

    Raises:
        InvalidInput: No such candidate.
        Conflict: The pilot is stopped, or a replay of its candidate is under way.
        UnknownPrice: A limit in dollars for a model whose tokens have no price.
    """
    pilot = get_pilot(session, pilot_name, for_update=True)
    arm = arm_named(pilot, candidate) if candidate is not None else None
    check_not_stopped(pilot)
    _check_none_under_way(session, pilot, arm)
    if limits.usd is not None:
        check_prices(pilot, arm)
    replay_id = replays.insert_replay(session, pilot, arm=arm, limits=limits, by=by.name)
    record(session, by.name, "replay.create", pilot.id, replay=replay_id, candidate=candidate)
    publish_after_commit(session, Job.REPLAY, replay_id)
    return replay_status(session, replay_id)


def cancel_replay(session: Session, replay_id: int, *, by: Principal) -> ReplayStatus:
    """Asks for no further exchange; calls that are on the way are still stored. `Conflict` if it has ended."""
    replay = replays.get_replay(session, replay_id)
    if not replays.finish_replay(session, replay_id, ReplayState.CANCELLED, f"cancelled by {by.name}"):
        message = f"replay {replay_id} has ended: it is {replay.state.value}"
        raise Conflict(message, replay=replay_id, state=replay.state.value)
    record(session, by.name, "replay.cancel", get_pilot(session, replay.pilot_name).id, replay=replay_id)
    return replay_status(session, replay_id)


def replay_status(session: Session, replay_id: int) -> ReplayStatus:
    """The replay now; `remaining` counts exchanges without a reply, within its own limit while it is under way."""
    replay = replays.get_replay(session, replay_id)
    pilot = get_pilot(session, replay.pilot_name)
    arms = [arm for arm in pilot.candidates if replay.arm_name in (None, arm.name)]
    return ReplayStatus(replay, sum(_remaining(session, pilot, replay, arm) for arm in arms))


def sweep_replays(session: Session) -> list[int]:
    """Publishes a job for every open replay that no worker holds: a killed worker's, and one whose job was lost."""
    found = replays.unclaimed_replays(session)
    for replay_id in found:
        publish_after_commit(session, Job.REPLAY, replay_id)
    return found


def work_on_replay(
    session_factory: SessionFactory, replay_id: int, *,
    lease_seconds: float, reply_bytes: int, digest_key: bytes, environment: Mapping[str, str] = os.environ,
    turn_seconds: float = TURN_SECONDS, hold: Hold = NO_HOLD,
) -> ReplayState | None:  # fmt: skip
    """Takes the replay for one turn; `None` if another worker holds it or it has ended, `RUNNING` if there is more to do.

    A worker that dies loses its lease, and the next one goes on where the stored replies end. If the database is away
    the same happens; any other fault ends the replay.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    with session_scope(session_factory) as session:
        replay = replays.claim_replay(session, replay_id, worker=worker, lease_seconds=lease_seconds)
    if replay is None:
        return None
    try:
        limits = TurnLimits(lease_seconds, reply_bytes, turn_seconds, hold)
        state, message = _run(session_factory, replay, worker, digest_key, environment, limits)
    except DATABASE_ERRORS:
        raise
    except ServiceError as error:
        state, message = ReplayState.FAILED, error.message
    except Exception:
        with session_scope(session_factory) as session:
            replays.finish_replay(session, replay_id, ReplayState.FAILED, "a fault of the service; see its log", worker=worker)
        raise
    with session_scope(session_factory) as session:
        if state is ReplayState.RUNNING:
            replays.release_replay(session, replay_id, worker=worker, message=hold.reason)
        else:
            replays.finish_replay(session, replay_id, state, message, worker=worker)
    return state


def _run(
    session_factory: SessionFactory, replay: Replay, worker: str, digest_key: bytes, environment: Mapping[str, str],
    limits: TurnLimits,
) -> tuple[ReplayState, str]:  # fmt: skip
    with session_factory() as session:
        pilot = get_pilot(session, replay.pilot_name)
    arms = [arm for arm in pilot.candidates if replay.arm_name in (None, arm.name)]
    content = ContentPolicy.of(pilot.configuration, digest_key)
    candidates = [candidate_to_ask(pilot.configuration.candidate_named(arm.name), arm, environment, content) for arm in arms]
    counted = {arm.name: replace(replay.progress.get(arm.name, ArmProgress()), not_asked=0) for arm in arms}
    with session_scope(session_factory) as session:
        replays.save_progress(session, replay.id, counted, worker=worker, lease_seconds=limits.lease_seconds)
    begun = replace(replay, progress=counted)
    running = run_replay(session_factory, pilot, begun, candidates, worker=worker, limits=limits)
    try:
        return asyncio.run(running)
    except BaseExceptionGroup as group:
        raise _first_of(group) from group


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first fault itself: one ends all tasks, so that its kind must not be lost in groups of groups."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


def candidate_to_ask(table: CandidateTable, arm: Arm, environment: Mapping[str, str], content: ContentPolicy) -> Candidate:
    """A candidate with its address, key and prices; `InvalidInput` where its key is not in the environment."""
    key = environment.get(table.api_key_env, "").strip() if table.api_key_env else ""
    if table.api_key_env and not key:
        message = f"{table.name} needs a key: the worker has no environment variable {table.api_key_env}"
        raise InvalidInput(message, (Problem(message, field="candidate.api_key_env", code="no_key"),))
    target = Target(
        base_url=table.base_url,
        model=table.model,
        server=table.server,
        api_key=SecretStr(key) if key else None,
        timeout_seconds=table.timeout_seconds,
        strip_think=table.strip_think,
    )
    return Candidate(arm, target, meter_of(table, datetime.now(UTC)), table.max_concurrency, content)


def _remaining(session: Session, pilot: Pilot, replay: Replay, arm: Arm) -> int:
    progress = replay.progress.get(arm.name, ArmProgress())
    left = max(0, replays.count_to_ask(session, pilot, arm) - progress.not_asked)
    if replay.limits.exchanges is None or replay.state not in OPEN_STATES:
        return left
    return min(left, max(0, replay.limits.exchanges - progress.asked))


def arm_named(pilot: Pilot, name: str) -> Arm:
    """The candidate of that name; `InvalidInput` if there is none."""
    found = next((arm for arm in pilot.candidates if arm.name == name), None)
    if found is None:
        allowed = ", ".join(arm.name for arm in pilot.candidates)
        message = f"pilot {pilot.name!r} has no candidate {name!r}; allowed: {allowed}"
        raise InvalidInput(message, (Problem(message, field="candidate", code="unknown_candidate"),))
    return found


def check_not_stopped(pilot: Pilot) -> None:
    """`Conflict` if the pilot is stopped."""
    if pilot.state is PilotState.STOPPED:
        message = f"pilot {pilot.name!r} is stopped: nothing more is asked"
        raise Conflict(message, pilot=pilot.name)


def _check_none_under_way(session: Session, pilot: Pilot, arm: Arm | None) -> None:
    for other in replays.open_replays(session, pilot):
        if arm is None or other.arm_name in (None, arm.name):
            message = f"replay {other.id} is under way; wait for it or cancel it"
            raise Conflict(message, replay=other.id)
    for asked in pilot.candidates if arm is None else (arm,):
        rehearsal = open_rehearsal(session, asked)
        if rehearsal is not None:
            message = f"rehearsal {rehearsal} of {asked.name} is under way, which a replay would disturb; wait or cancel it"
            raise Conflict(message, rehearsal=rehearsal)


def check_prices(pilot: Pilot, arm: Arm | None) -> None:
    """`UnknownPrice` if a candidate's calls cannot be priced; `None` = any candidate's."""
    tables = [table for table in pilot.configuration.candidate if arm is None or table.name == arm.name]
    unknown = [table.name for table in tables if not meter_of(table, datetime.now(UTC)).is_known]
    if unknown:
        message = (
            f"a limit in dollars needs prices: give {unknown[0]} its token prices in pilot.toml"
            " (0 = free), or gpu_usd_per_hour if it is self-hosted"
        )
        raise UnknownPrice(message, candidates=unknown)
