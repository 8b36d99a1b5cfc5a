"""Grading a pilot: what needs no model first, then the judge, within its budget (CONTRACTS sections 5 and 6)."""

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import uvloop
from sqlalchemy.orm import Session

from app.costs.prices import Prices, prices_of
from app.domain.grading import GradingState, GradingStatus
from app.domain.judge_table import JudgeTable
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.errors import Conflict, ServiceError, UnknownPrice
from app.graders.judge_client import JudgeTarget
from app.graders.user_function import NO_FUNCTIONS, FunctionRules
from app.jobs import Job
from app.pipeline.canaries import refuse_suspended
from app.pipeline.function_grading import grade_by_functions
from app.pipeline.grader_rules import function_rules
from app.pipeline.hold import BEHIND, NO_HOLD, Hold, note_held
from app.pipeline.judge_asking import Patience
from app.pipeline.judge_panel import ask_panel
from app.pipeline.judge_purse import Budget
from app.pipeline.judge_sampling import Means, decide_shares, leave_out_undrawn
from app.pipeline.judge_turn import JudgingPlan, budget_of
from app.pipeline.judging import judge_pairs
from app.pipeline.last_look import NOTHING_KNOWN, LastLook
from app.pipeline.registration import plan_of
from app.pipeline.regrading import reopen_for
from app.pipeline.reply_checks import find_in_settled, note_findings
from app.pipeline.settlement import Judge, judge_of, settle
from app.settings import Settings
from app.store.audit import record
from app.store.grades import (
    BEFORE_ALL,
    insert_grades,
    lock_undecided,
    read_pairs,
    reopen_left_out,
    reopen_unanswered,
    save_settlements,
)
from app.store.gradings import (
    begin_grading,
    count_pending,
    end_grading,
    grading_status,
    is_all_again,
    only_grader,
    unfinished_gradings,
    wait_grading,
)
from app.store.pilots import get_pilot, get_pilot_by_id
from app.store.registrations import registration_of
from app.store.session import SessionFactory, publish_after_commit, session_scope

PAIRS_A_TRANSACTION = 500
LEFT_OUT = "left_out"
# What a judge said, unlike what kept it from answering: never asked again.
FINAL_REASONS = frozenset({"unparsed", "refused"})


@dataclass(frozen=True, slots=True)
class GradingLimits:
    """Bounds of one turn of a worker.

    Attributes:
        concurrency: Judge calls in flight.
        attempts: Calls for one answer before it is `Ungraded`.
        timeout_seconds: Of one call.
        reply_bytes: Longest answer that is read.
        lease_seconds: How long a dead worker's pairs stay claimed.
        seconds: After them the worker lets others to the queue.
        first_pause_seconds: Before the second attempt of a call that failed.
        functions: Which of the users' own functions may be run, and for how long.
        hold: Says when others go first.
        last_look: What the process knows of settled pairs.
    """

    concurrency: int = 500
    attempts: int = 3
    timeout_seconds: float = 120.0
    reply_bytes: int = 8 * 1024 * 1024
    lease_seconds: float = 30.0
    seconds: float = 120.0
    first_pause_seconds: float = 0.5
    functions: FunctionRules = NO_FUNCTIONS
    hold: Hold = NO_HOLD
    last_look: LastLook = NOTHING_KNOWN

    @classmethod
    def of(cls, settings: Settings, hold: Hold = NO_HOLD, last_look: LastLook = NOTHING_KNOWN) -> "GradingLimits":
        """The bounds that a process was started with."""
        return cls(
            concurrency=settings.judge_concurrency,
            attempts=settings.judge_attempts,
            timeout_seconds=settings.judge_timeout_seconds,
            reply_bytes=settings.reply_bytes,
            lease_seconds=settings.lease_seconds,
            functions=function_rules(settings),
            hold=hold,
            last_look=last_look,
        )


def ask_for_grading(
    session: Session, pilot_name: str, by: str, *, grader: str | None = None, version: str | None = None
) -> GradingStatus:
    """Has every pair graded that is not, also of a draft. What the judge could not answer before is asked again.

    Pairs that an earlier version of a grader has graded are graded by the present one; what it said of them before counts
    again without being asked for.

    Args:
        session: The transaction; the job leaves after it.
        pilot_name: Whose pairs.
        by: Who asks.
        grader: Only what this grader decides is looked at anew; default: what each of them does.
        version: The version that is meant; another one than the present is refused.

    Raises:
        InvalidInput: The pilot has no such grader, or not in this version.
        Conflict: The pilot is stopped.
        UnknownPrice: The judge has a price that nobody knows.
    """
    pilot = get_pilot(session, pilot_name, for_update=True)
    if pilot.state is PilotState.STOPPED:
        message = f"the pilot {pilot.name!r} is stopped: what is graded stays, nothing more is"
        raise Conflict(message, pilot=pilot.name, state=pilot.state.value)
    judge = judge_of(pilot.configuration)
    if judge is not None and judge.version is not None:
        judge_prices(judge.table)
    reopen_for(session, pilot, grader, version)
    reopen_unanswered(session, pilot.id, final=FINAL_REASONS)
    begin_grading(session, pilot.id)
    record(session, by, "grading.ask", pilot.id, pilot=pilot.name, grader=grader, version=version)
    publish_after_commit(session, grading_job(session, pilot.id), pilot.id)
    return grading_status(session, pilot.id)


def status_of_grading(session: Session, pilot_name: str) -> GradingStatus:
    """How far the grading of a pilot is."""
    return grading_status(session, get_pilot(session, pilot_name).id)


def sweep_gradings(session: Session) -> list[int]:
    """Publishes a job for every pilot with pending pairs that nobody is at."""
    found = unfinished_gradings(session, at_once=BEHIND)
    for pilot_id in found:
        publish_after_commit(session, grading_job(session, pilot_id), pilot_id)
    return found


def grading_job(session: Session, pilot_id: int) -> Job:
    """Judging anew alone may take its time; as soon as there is a pair that never was judged, it may not."""
    return Job.REGRADE if is_all_again(session, pilot_id) else Job.GRADE


def settle_without_model(
    session_factory: SessionFactory, pilot: Pilot, hold: Hold = NO_HOLD, last_look: LastLook = NOTHING_KNOWN
) -> int:
    """Settles every pending pair for which no model has to be asked, until others go first; gives their number."""
    judge = judge_of(pilot.configuration)
    what_is_left_out = (pilot.configuration.sampling.rate, pilot.starts_at, pilot.ends_at)
    if not last_look.is_recent(pilot.id, LEFT_OUT, what_is_left_out):
        with session_scope(session_factory) as session:
            reopen_left_out(session, pilot)
        last_look.note(pilot.id, LEFT_OUT, what_is_left_out)
    after, settled = BEFORE_ALL, 0
    while not hold.look():
        with session_scope(session_factory) as session:
            keys = lock_undecided(session, pilot.id, after=after, limit=PAIRS_A_TRANSACTION)
            if not keys:
                return settled
            records = read_pairs(session, pilot, keys, rater=judge.rater if judge else None)
            found = [settle(each, pilot, judge) for each in records]
            insert_grades(session, pilot.id, [grade for _, grade in found if grade is not None])
            # What waits for a user's function stays as it is.
            save_settlements(session, [each for each, _ in found if each.is_settled or each.rule is not None])
            note_findings(session, pilot, records)
        after = keys[-1]
        settled += sum(settlement.is_settled for settlement, _ in found)
    return settled


def grade_pilot(
    session_factory: SessionFactory, pilot_id: int, limits: GradingLimits, *, environment: Mapping[str, str] = os.environ
) -> bool:
    """One worker's turn at a pilot; gives whether there is more to do that nobody is at.

    A worker that dies leaves its pairs claimed until their lease is over; what it had stored stays stored.
    """
    with only_grader(session_factory, pilot_id) as is_mine:
        if not is_mine:
            return False
        with session_factory() as session:
            pilot = get_pilot_by_id(session, pilot_id)
        if pilot.state is PilotState.STOPPED:
            _end(session_factory, pilot_id, GradingState.DONE)
            return False
        before = _pending(session_factory, pilot_id)
        # Somebody who asked for a turn that has nothing to settle wants the checks: they are looked for whatever is known.
        are_found = _grade_without_model(session_factory, pilot, limits, limits.last_look if before else NOTHING_KNOWN)
        if not are_found or limits.hold.reason:
            return _make_room(session_factory, pilot_id, limits.hold.reason)
        try:
            waits_for = _ask_judge(session_factory, pilot, limits, environment)
            has_panel_more = _ask_panel(session_factory, pilot, limits, environment)
        except ServiceError as error:
            _end(session_factory, pilot_id, GradingState.STOPPED, error.message)
            return False
        if limits.hold.reason and _pending(session_factory, pilot_id):
            return _make_room(session_factory, pilot_id, limits.hold.reason)
        with session_scope(session_factory) as session:
            wait_grading(session, pilot_id, waits_for)
        return (_is_more(session_factory, pilot_id, before) or has_panel_more) and not waits_for


def _grade_without_model(session_factory: SessionFactory, pilot: Pilot, limits: GradingLimits, last_look: LastLook) -> bool:
    """What asks nobody; gives whether replies were looked at as far as there are any."""
    settle_without_model(session_factory, pilot, limits.hold, last_look)
    grade_by_functions(
        session_factory, pilot, limits.functions,
        worker=worker_name(), lease_seconds=limits.lease_seconds, seconds=limits.seconds, hold=limits.hold,
    )  # fmt: skip
    return find_in_settled(session_factory, pilot, seconds=limits.seconds, hold=limits.hold, last_look=last_look)


def hold_gradings(session: Session) -> None:
    """Says of every grading that has something to do what it waits for."""
    for pilot_id in unfinished_gradings(session):
        wait_grading(session, pilot_id, BEHIND)


def _make_room(session_factory: SessionFactory, pilot_id: int, reason: str) -> bool:
    """Ends a turn before it is done; whether another worker may go on at once."""
    if reason:
        note_held("grading", reason)
    if reason == BEHIND:
        with session_scope(session_factory) as session:
            wait_grading(session, pilot_id, BEHIND)
    return reason != BEHIND


def judge_prices(table: JudgeTable) -> Prices:
    """What a judge's tokens cost now; `UnknownPrice` if nobody knows."""
    assert table.model is not None  # noqa: S101 - the caller has a judge who can be asked
    found = prices_of(table.model, own=table, at=datetime.now(UTC), base_url=table.base_url)
    if found is None or not found.is_complete:
        message = (
            f"nobody knows the price of the judge {table.model!r}: give judge.input_usd_per_million_tokens and "
            "judge.output_usd_per_million_tokens (0 = free, said explicitly)"
        )
        raise UnknownPrice(message, model=table.model)
    return found


def _ask_judge(session_factory: SessionFactory, pilot: Pilot, limits: GradingLimits, environment: Mapping[str, str]) -> str:
    """Gives what the rest waits for, if it does."""
    judge = judge_of(pilot.configuration)
    if judge is None or judge.version is None or not _pending(session_factory, pilot.id):
        return ""
    with session_factory() as session:
        refuse_suspended(session, pilot, judge)
    budget = budget_of(session_factory, pilot.id, judge.table)
    plan = judging_plan(judge, limits, budget=budget, environment=environment)
    _draw(session_factory, pilot, judge.version, plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        waits_for = runner.run(judge_pairs(session_factory, pilot, plan, worker_name()))
    with session_factory() as session:
        refuse_suspended(session, pilot, judge)
    return waits_for


def _ask_panel(session_factory: SessionFactory, pilot: Pilot, limits: GradingLimits, environment: Mapping[str, str]) -> bool:
    """Once all pairs are judged, the panel looks at its part; gives whether it said anything, and so may have more to say."""
    if _pending(session_factory, pilot.id):
        return False

    def plan_for(panel: Judge) -> JudgingPlan:
        budget = budget_of(session_factory, pilot.id, panel.table)
        return judging_plan(panel, limits, budget=budget, environment=environment)

    return ask_panel(session_factory, pilot, plan_for, worker_name) > 0


def _draw(session_factory: SessionFactory, pilot: Pilot, version: str, plan: JudgingPlan) -> None:
    """Where money is short, the judge looks at a part that is drawn beforehand."""
    with session_factory() as session:
        registered = plan_of(pilot, registration_of(session, pilot.id))
    means = Means(version, plan.budget.usd, plan.budget.spent_usd, plan.prices, plan.judge.table.budget_usd_per_day)
    decide_shares(session_factory, pilot, registered, means, now=datetime.now(UTC))
    leave_out_undrawn(session_factory, pilot, registered, version)


def worker_name() -> str:
    """A name for one turn of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def judging_plan(
    judge: Judge,
    limits: GradingLimits,
    *,
    budget: Budget,
    environment: Mapping[str, str],
) -> JudgingPlan:
    """How a judge is asked within these limits.

    Raises:
        UnknownPrice: Nobody knows its price.
        Conflict: Its key is not set here.
    """
    return JudgingPlan(
        judge=judge,
        target=_target(judge, limits, environment),
        prices=judge_prices(judge.table),
        budget=budget,
        concurrency=limits.concurrency,
        lease_seconds=limits.lease_seconds,
        seconds=limits.seconds,
        patience=Patience(limits.attempts, limits.first_pause_seconds),
        hold=limits.hold,
    )


def _target(judge: Judge, limits: GradingLimits, environment: Mapping[str, str]) -> JudgeTarget:
    table = judge.table
    assert table.base_url is not None and table.model is not None  # noqa: S101, PT018 - version says that it can be asked
    key = environment.get(table.api_key_env, "").strip() if table.api_key_env else None
    if key == "":
        message = f"judge.api_key_env names {table.api_key_env}, which is not set where the worker runs: nothing was graded"
        raise Conflict(message, variable=table.api_key_env)
    return JudgeTarget(
        table.base_url, table.model, key, table.temperature, limits.timeout_seconds, limits.reply_bytes, table.max_output_tokens
    )


def _pending(session_factory: SessionFactory, pilot_id: int) -> int:
    with session_factory() as session:
        return count_pending(session, pilot_id)[0]


def _is_more(session_factory: SessionFactory, pilot_id: int, before: int) -> bool:
    """Whether another turn makes sense at once; one that got nowhere is left to the sweep."""
    with session_scope(session_factory) as session:
        pending, free = count_pending(session, pilot_id)
        if not pending:
            end_grading(session, pilot_id, GradingState.DONE)
        return free > 0 and pending < before


def _end(session_factory: SessionFactory, pilot_id: int, state: GradingState, problem: str = "") -> None:
    with session_scope(session_factory) as session:
        end_grading(session, pilot_id, state, problem)
