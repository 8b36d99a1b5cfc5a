"""A worker's turn at a rehearsal: one step, stored when it is done, so that whoever comes next goes on from there."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import numpy as np

from app.domain.pilot import Arm, Pilot
from app.domain.rehearsal import Rehearsal, StepModel, StepOutcome
from app.domain.replay import ReplayState
from app.domain.words import PilotState
from app.errors import ServiceError
from app.pipeline.content import ContentPolicy
from app.pipeline.rehearsal import recorded_arrivals
from app.pipeline.rehearsal_figures import figures_of, has_times
from app.pipeline.rehearsal_log import StepLog
from app.pipeline.rehearsal_present import objective_of
from app.pipeline.rehearsal_requests import prepare
from app.pipeline.rehearsal_schedule import MOST_REQUESTS_A_STEP, requests_of, schedule, speed_for, spread
from app.pipeline.rehearsal_search import NextStep, next_step
from app.pipeline.rehearsal_step import Bounds, CannotRehearse, Offering, patience_seconds
from app.pipeline.rehearsal_summary import subject_of, summarize
from app.pipeline.replay import candidate_to_ask
from app.pipeline.replay_money import Purse
from app.store import rehearsals
from app.store.health import DATABASE_ERRORS
from app.store.pilots import get_pilot
from app.store.rehearsal_arrivals import count_live
from app.store.session import SessionFactory, session_scope

MOST_LOST = 3
# After it every mirror has read that the candidate is rehearsed, and leaves it alone.
MIRRORS_KNOW_SECONDS = 2.0
NO_MONEY = "the limit of {} USD is reached"
CHANGED = "the candidate's address, model or size, or the objective, was changed meanwhile: begin anew"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn is given."""

    session_factory: SessionFactory
    worker: str
    lease_seconds: float
    bounds: Bounds
    digest_key: bytes
    environment: Mapping[str, str]
    claimed_at: float = field(default_factory=time.monotonic)


def work_on_rehearsal(
    session_factory: SessionFactory, rehearsal_id: int, *,
    lease_seconds: float, bounds: Bounds, digest_key: bytes, environment: Mapping[str, str] = os.environ,
) -> ReplayState | None:  # fmt: skip
    """Makes the next step; `None` if another worker holds the rehearsal or it has ended, `RUNNING` if there is more to do.

    A worker that dies loses its lease and the step that it was at; the next one makes that step again. If the database is
    away the same happens; any other fault ends the rehearsal.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    with session_scope(session_factory) as session:
        rehearsal = rehearsals.claim_rehearsal(session, rehearsal_id, worker=worker, lease_seconds=lease_seconds)
    if rehearsal is None:
        return None
    turn = Turn(session_factory, worker, lease_seconds, bounds, digest_key, environment)
    try:
        return _go_on(turn, rehearsal)
    except DATABASE_ERRORS:
        raise
    except (ServiceError, CannotRehearse) as error:
        return _finish(turn, rehearsal, ReplayState.FAILED, error.message if isinstance(error, ServiceError) else str(error))
    except Exception:
        _finish(turn, rehearsal, ReplayState.FAILED, "a fault of the service; see its log")
        raise


def _go_on(turn: Turn, rehearsal: Rehearsal) -> ReplayState:
    with turn.session_factory() as session:
        pilot = get_pilot(session, rehearsal.pilot_name)
    if rehearsal.terms.subject != subject_of(pilot.configuration, rehearsal.arm_name):
        return _finish(turn, rehearsal, ReplayState.FAILED, CHANGED)
    steps = [_given_up(step, "its worker was lost") for step in rehearsal.steps]
    lost = sum(step.outcome is StepOutcome.LOST for step in steps)
    if lost > MOST_LOST:
        return _finish(turn, rehearsal, ReplayState.FAILED, f"{lost} workers were lost at it")
    has_money = not any(step.not_sent for step in steps)
    has_objective = has_times(objective_of(pilot.configuration))
    coming = next_step(rehearsal.terms, steps, has_objective=has_objective) if has_money else None
    if coming is None:
        return _conclude(turn, pilot, rehearsal, steps, "" if has_money else NO_MONEY.format(rehearsal.terms.limit_usd))
    try:
        made, state = _make(turn, pilot, rehearsal, steps, coming)
    except CannotRehearse as error:
        if not any(step.is_valid for step in steps):
            raise
        return _conclude(turn, pilot, rehearsal, steps, f"ended early: {error}")  # a server that fell over is a finding
    with session_scope(turn.session_factory) as session:
        rehearsals.save_steps(session, rehearsal.id, [*steps, made], worker=turn.worker, lease_seconds=turn.lease_seconds)
        rehearsals.release_rehearsal(session, rehearsal.id, worker=turn.worker)
    return state or ReplayState.CANCELLED


def _given_up(step: StepModel, reason: str) -> StepModel:
    """A step that was under way when its worker went; what it cost stays."""
    if step.outcome is not StepOutcome.UNDER_WAY:
        return step
    return step.model_copy(update={"outcome": StepOutcome.LOST, "reason": reason})


def _conclude(turn: Turn, pilot: Pilot, rehearsal: Rehearsal, steps: Sequence[StepModel], message: str) -> ReplayState:
    with turn.session_factory() as session:
        arrivals = recorded_arrivals(session, pilot)
    result = summarize(pilot, rehearsal, steps, arrivals)
    with session_scope(turn.session_factory) as session:
        rehearsals.save_steps(session, rehearsal.id, steps, worker=turn.worker, lease_seconds=turn.lease_seconds)
        rehearsals.finish_rehearsal(session, rehearsal.id, ReplayState.DONE, message, worker=turn.worker, result=result)
    return ReplayState.DONE


def _finish(turn: Turn, rehearsal: Rehearsal, state: ReplayState, message: str) -> ReplayState:
    with session_scope(turn.session_factory) as session:
        rehearsals.finish_rehearsal(session, rehearsal.id, state, message, worker=turn.worker)
    return state


def _make(
    turn: Turn, pilot: Pilot, rehearsal: Rehearsal, steps: list[StepModel], coming: NextStep
) -> tuple[StepModel, ReplayState | None]:
    """The step and the rehearsal's state after it."""
    arm = pilot.arm_named(rehearsal.arm_name)
    objective = objective_of(pilot.configuration)
    offering, speed, repeated = _offering(turn, pilot, rehearsal, arm, steps, coming)
    if pilot.state is PilotState.RUNNING:
        time.sleep(max(0.0, MIRRORS_KNOW_SECONDS - (time.monotonic() - turn.claimed_at)))
    begun = StepModel(
        kind=coming.kind, outcome=StepOutcome.UNDER_WAY, started_at=datetime.now(UTC), speed=speed, seconds=coming.seconds
    )
    log = StepLog(turn.session_factory, pilot, rehearsal.id, arm, turn.worker, turn.lease_seconds, steps, begun, offering)
    offer = asyncio.run(log.offer())
    if log.state is not ReplayState.RUNNING:
        return _given_up(log.step(), "cancelled"), log.state
    with turn.session_factory() as session:
        live = count_live(session, pilot, arm, begun.started_at, datetime.now(UTC))
    figures = figures_of(offering.calls, offer, objective)
    costs = log.step().model_dump(include={"usd", "held_usd", "unpriced"})
    made = StepModel.model_validate({**begun.model_dump(), **figures, **costs, "repeated": repeated, "live_requests": live})
    return made, log.state


def _offering(
    turn: Turn, pilot: Pilot, rehearsal: Rehearsal, arm: Arm, steps: Sequence[StepModel], coming: NextStep
) -> tuple[Offering, float, int]:
    """The step's calls, the speed at which they come, and how many stand for others."""
    table = pilot.configuration.candidate_named(arm.name)
    content = ContentPolicy.of(pilot.configuration, turn.digest_key)
    candidate = candidate_to_ask(table, arm, turn.environment, content)
    made = sum(step.outcome is not StepOutcome.LOST for step in steps)
    generator = np.random.default_rng([rehearsal.terms.seed, made])
    with turn.session_factory() as session:
        arrivals, _ = spread(recorded_arrivals(session, pilot), generator)
        speed = coming.speed or speed_for(arrivals, rate=coming.rate or 0.0, seconds=coming.seconds)
        if requests_of(arrivals, speed, coming.seconds) > MOST_REQUESTS_A_STEP:
            message = (
                f"the next step would send more than {MOST_REQUESTS_A_STEP:,} requests: nothing offered so far was too much"
            )
            raise CannotRehearse(message)
        planned = schedule(arrivals, speed=speed, seconds=coming.seconds, generator=generator)
        prepared = prepare(session, pilot, candidate, arrivals, planned, generator)
    spent = sum((step.usd + step.held_usd for step in steps), Decimal(0))
    patience = patience_seconds(objective_of(pilot.configuration), table.timeout_seconds)
    purse = Purse(rehearsal.terms.limit_usd, spent_usd=spent)
    return Offering(candidate, prepared.dues, coming.seconds, patience, turn.bounds, purse), speed, prepared.repeated
