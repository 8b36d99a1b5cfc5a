"""Rehearsals: asking for one, what it will take, cancelling it, and finding those that no worker holds."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.access import Principal
from app.domain.evidence import Numbers
from app.domain.pilot import Arm, Pilot
from app.domain.rehearsal import PEAK_SECONDS, Rehearsal, RehearsalTerms
from app.domain.replay import ReplayState
from app.domain.words import PilotState
from app.errors import Conflict, InvalidInput, Problem
from app.jobs import Job
from app.pipeline.rehearsal_figures import has_times
from app.pipeline.rehearsal_present import objective_of
from app.pipeline.rehearsal_schedule import MOST_REQUESTS_A_STEP, Arrivals, day_share, peak_per_minute, requests_of, rows_of
from app.pipeline.rehearsal_search import speed_seconds
from app.pipeline.rehearsal_summary import subject_of
from app.pipeline.replay import arm_named, check_not_stopped, check_prices
from app.pipeline.replay_money import Meter, meter_of
from app.store import rehearsals
from app.store.audit import record
from app.store.pilots import get_pilot
from app.store.rehearsal_arrivals import read_arrivals
from app.store.replays import open_replays, read_requests
from app.store.session import publish_after_commit

MOST_SPEEDS, MOST_SPEED, MOST_MINUTES = 6, 100.0, 120.0
_PRICED_REQUESTS = 200


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """What a rehearsal will take, before it begins.

    Attributes:
        candidate: Which is asked.
        seconds: How long requests are offered at most; answers are waited for besides.
        may_search: Whether the capacity may be searched for, for which up to 12 of the time's steps are set apart.
        requests: Sent by the steps at the asked speeds; the search sends more.
        usd_at_most: What these requests can cost; 0 for a model rented by the hour, `None` = no prices are known.
        production_requests_per_minute_peak: In the busiest minute.
        is_load_test: Whether a step at full speed is long enough to count as a test at the peak.
        not_mirrored_day_share: Of a day's requests those that the mirror does not put to the candidate meanwhile, at the
            busiest time; `None` = the pilot does not run.
    """

    candidate: str
    seconds: float
    may_search: bool
    requests: int
    usd_at_most: Decimal | None
    production_requests_per_minute_peak: float
    is_load_test: bool
    not_mirrored_day_share: float | None


def plan_rehearsal(session: Session, pilot_name: str, *, candidate: str | None, terms: RehearsalTerms) -> RehearsalPlan:
    """What it will take; refuses what `create_rehearsal` refuses of the terms and the recording."""
    pilot = get_pilot(session, pilot_name)
    return _plan(session, pilot, _arm_of(pilot, candidate), terms)


def create_rehearsal(
    session: Session, pilot_name: str, *, candidate: str | None, terms: RehearsalTerms, by: Principal
) -> Rehearsal:
    """Queues a rehearsal of one candidate; it begins when a worker takes it.

    Raises:
        InvalidInput: No such candidate, terms out of range, too little recorded, or tokens cost money and no limit is given.
        Conflict: The pilot is stopped, or a rehearsal or replay of the candidate is under way.
        UnknownPrice: A limit in dollars for a candidate whose tokens have no price.
    """
    seen = get_pilot(session, pilot_name)
    plan = _plan(session, seen, _arm_of(seen, candidate), terms)  # reads all arrivals: not while the pilot's row is held
    pilot = get_pilot(session, pilot_name, for_update=True)
    if pilot.configuration != seen.configuration:
        message = f"the configuration of {pilot.name!r} was changed meanwhile; ask again"
        raise Conflict(message)
    arm = _arm_of(pilot, candidate)
    check_not_stopped(pilot)
    _check_none_under_way(session, pilot, arm)
    _check_money(pilot, arm, terms, plan)
    kept = replace(terms, subject=subject_of(pilot.configuration, arm.name))
    rehearsal_id = rehearsals.insert_rehearsal(session, pilot, arm=arm, terms=kept, by=by.name)
    record(session, by.name, "rehearsal.create", pilot.id, rehearsal=rehearsal_id, candidate=arm.name)
    publish_after_commit(session, Job.REHEARSE, rehearsal_id)
    return rehearsals.get_rehearsal(session, rehearsal_id)


def cancel_rehearsal(session: Session, rehearsal_id: int, *, by: Principal) -> Rehearsal:
    """Ends it within seconds: calls in flight are ended, the step under way is lost. `Conflict` if it has ended."""
    found = rehearsals.get_rehearsal(session, rehearsal_id)
    if not rehearsals.finish_rehearsal(session, rehearsal_id, ReplayState.CANCELLED, f"cancelled by {by.name}"):
        message = f"rehearsal {rehearsal_id} has ended: it is {found.state.value}"
        raise Conflict(message, rehearsal=rehearsal_id, state=found.state.value)
    record(session, by.name, "rehearsal.cancel", get_pilot(session, found.pilot_name).id, rehearsal=rehearsal_id)
    return rehearsals.get_rehearsal(session, rehearsal_id)


def sweep_rehearsals(session: Session) -> list[int]:
    """Publishes a job for every open rehearsal that no worker holds."""
    found = rehearsals.unclaimed_rehearsals(session)
    for rehearsal_id in found:
        publish_after_commit(session, Job.REHEARSE, rehearsal_id)
    return found


def recorded_arrivals(session: Session, pilot: Pilot) -> Arrivals:
    """Production's arrivals; `InvalidInput` where there are too few to say when they come."""
    arrivals = Arrivals(*read_arrivals(session, pilot))
    if not arrivals.span_us:
        message = (
            f"pilot {pilot.name!r} has {len(arrivals)} recorded requests at different moments: a rehearsal needs two or more"
        )
        raise InvalidInput(message, (Problem(message, code="nothing_recorded"),))
    return arrivals


def _plan(session: Session, pilot: Pilot, arm: Arm, terms: RehearsalTerms) -> RehearsalPlan:
    _check_terms(terms)
    arrivals = recorded_arrivals(session, pilot)
    has_objective = has_times(objective_of(pilot.configuration))
    seconds = speed_seconds(terms, has_objective=has_objective)
    requests = sum(_requests(arrivals, speed, seconds) for speed in terms.speeds)
    meter = meter_of(pilot.configuration.candidate_named(arm.name), datetime.now(UTC))
    each = _reserve_usd(session, arrivals, rows_of(arrivals, terms.speeds[0], seconds, _PRICED_REQUESTS), meter)
    return RehearsalPlan(
        candidate=arm.name,
        seconds=terms.minutes * 60,
        may_search=terms.find_capacity if terms.find_capacity is not None else has_objective,
        requests=requests,
        usd_at_most=None if each is None else (each * requests).quantize(Decimal("0.01")),
        production_requests_per_minute_peak=peak_per_minute(arrivals) or 0.0,
        is_load_test=any(speed >= 1 for speed in terms.speeds) and seconds >= PEAK_SECONDS,
        not_mirrored_day_share=day_share(arrivals, terms.minutes * 60) if pilot.state is PilotState.RUNNING else None,
    )


def _requests(arrivals: Arrivals, speed: float, seconds: float) -> int:
    found = requests_of(arrivals, speed, seconds)
    if found > MOST_REQUESTS_A_STEP:
        message = (
            f"speed {speed:g} for {seconds / 60:.3g} minutes sends about {found:,.0f} requests; a step may send at most "
            f"{MOST_REQUESTS_A_STEP:,}: give a lower speed or fewer minutes"
        )
        raise InvalidInput(message, tuple(Problem(message, field=field, code="too_many") for field in ("speeds", "minutes")))
    return round(found)


def _reserve_usd(session: Session, arrivals: Arrivals, rows: Numbers, meter: Meter) -> Decimal | None:
    """The most that one request can cost, over some of them."""
    if not meter.is_known:
        return None
    if meter.is_rented_by_hour:
        return Decimal(0)
    found = [meter.reserve_usd(stored.body) for stored in read_requests(session, arrivals.ids[rows].tolist()).values()]
    return sum(found, Decimal(0)) / len(found) if found else Decimal(0)


def _arm_of(pilot: Pilot, name: str | None) -> Arm:
    if name is not None:
        return arm_named(pilot, name)
    if len(pilot.candidates) > 1:
        allowed = ", ".join(arm.name for arm in pilot.candidates)
        message = f"pilot {pilot.name!r} has several candidates; say which one is rehearsed: {allowed}"
        raise InvalidInput(message, (Problem(message, field="candidate", code="which_candidate"),))
    return pilot.candidates[0]


def _check_terms(terms: RehearsalTerms) -> None:
    problems = []
    if not 1 <= len(terms.speeds) <= MOST_SPEEDS or not all(0 < speed <= MOST_SPEED for speed in terms.speeds):
        message = f"speeds must be 1 to {MOST_SPEEDS} numbers above 0 and at most {MOST_SPEED:g}"
        problems.append(Problem(message, field="speeds", code="out_of_range"))
    if not 0 < terms.minutes <= MOST_MINUTES:
        message = f"minutes must lie above 0 and be at most {MOST_MINUTES:g}"
        problems.append(Problem(message, field="minutes", code="out_of_range"))
    if problems:
        raise InvalidInput("; ".join(problem.message for problem in problems), tuple(problems))


def _check_none_under_way(session: Session, pilot: Pilot, arm: Arm) -> None:
    other = rehearsals.open_rehearsal(session, arm)
    if other is not None:
        message = f"rehearsal {other} of {arm.name} is under way; wait for it or cancel it"
        raise Conflict(message, rehearsal=other)
    for replay in open_replays(session, pilot):
        if replay.arm_name in (None, arm.name):
            message = f"replay {replay.id} is under way and puts load on {arm.name}; wait for it or cancel it"
            raise Conflict(message, replay=replay.id)


def _check_money(pilot: Pilot, arm: Arm, terms: RehearsalTerms, plan: RehearsalPlan) -> None:
    """Without any price it is said beforehand that the cost is unknown, as of a replay; only a limit needs prices."""
    if terms.limit_usd is not None:
        check_prices(pilot, arm)
    elif plan.usd_at_most:
        message = (
            f"tokens of {arm.name} cost money: {plan.requests:,} requests at the asked speeds can cost up to "
            f"{plan.usd_at_most} USD, and a search for the capacity more; give a limit in dollars"
        )
        raise InvalidInput(message, (Problem(message, field="limit_usd", code="limit_needed"),))
