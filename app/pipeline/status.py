"""Where a pilot stands, and what is missing next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.judge_money import JudgeMoneyModel
from app.domain.labelling import LABELS_NEEDED
from app.domain.pilot import DAY, Pilot
from app.domain.registered import RegisteredPlan
from app.domain.rubric_table import asks_a_model
from app.domain.serving import ServerNow
from app.domain.words import PilotState
from app.pipeline.judge_spending import judge_money_of
from app.pipeline.registration import plan_of
from app.pipeline.serving import server_steps
from app.store.gradings import waits_for
from app.store.judge_money import spend_lines
from app.store.live_status import LiveStatus, read_live_status
from app.store.registrations import registration_of
from app.store.replays import count_to_ask
from app.store.server_metrics import latest_readings
from app.store.status import PilotCounts, count_pilot

SILENT, MINUTE = timedelta(minutes=10), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PilotStatus:
    """`day` 0 = not begun; `days_left` `None` = no window yet; `next_steps` in the order to take them."""

    pilot: Pilot
    day: int
    days_left: int | None
    counts: PilotCounts
    next_steps: tuple[str, ...]
    live: LiveStatus | None = None
    plan: RegisteredPlan | None = None
    judge_money: JudgeMoneyModel | None = None
    servers: tuple[ServerNow, ...] = ()


def status_of(session: Session, pilot: Pilot, now: datetime) -> PilotStatus:
    counts = count_pilot(session, pilot.id)
    live = read_live_status(session, pilot, now)
    unasked = {
        # Of live exchanges some will be answered in a moment, and some cannot be asked at all.
        arm.name: count_to_ask(session, pilot, arm) if live else counts.exchanges - counts.arms[arm.name].replies
        for arm in pilot.candidates
    }
    waiting = waits_for(session, pilot.id)
    money = judge_money_of(pilot.configuration, spend_lines(session, pilot.id), waits_for=waiting)
    waits = [f"pairs wait for their grades: {waiting}"] if waiting else []
    servers = latest_readings(session, pilot.id)
    watched = server_steps(pilot, servers) if pilot.state is not PilotState.STOPPED else ()
    steps = (*_silences(pilot, live, now), *watched, *waits, *_next_steps(pilot, counts, unasked, now))
    plan = plan_of(pilot, registration_of(session, pilot.id))
    return PilotStatus(pilot, current_day(pilot, now), days_left(pilot, now), counts, steps, live, plan, money, tuple(servers))


def _silences(pilot: Pilot, live: LiveStatus | None, now: datetime) -> Iterator[str]:
    """What should be heard of a pilot that runs, and is not: a mirror that is silent must not look well."""
    if live is None or pilot.state is not PilotState.RUNNING or pilot.day_of(now) is None:
        return
    if live.recorded_until is None or now - live.recorded_until > SILENT:
        until = "yet" if live.recorded_until is None else f"since {live.recorded_until:%Y-%m-%d %H:%M} UTC"
        yield f"nothing was recorded {until}: do the recorder and the mirror run? ./run status says it"
    if not pilot.mirror_on:
        yield f"mirroring is switched off: pilot mirror on {pilot.name}"
        return
    last = live.last_request_at
    if last is not None and now - last <= SILENT:
        return
    since = "ever" if last is None else f"since {last:%Y-%m-%d %H:%M} UTC ({(now - last) // MINUTE} minutes)"
    if live.last_count_at is not None and now - live.last_count_at <= SILENT:
        yield f"no request was mirrored {since}, though requests can be counted: does production still send them here?"
    else:
        yield f"no request was mirrored {since}, and nothing is heard of gateway or application: do they run?"


def days_left(pilot: Pilot, now: datetime) -> int | None:
    """Whole or begun days until the window ends; 0 when it is past."""
    if pilot.ends_at is None:
        return None
    return max(0, -((now - pilot.ends_at) // DAY))


def current_day(pilot: Pilot, now: datetime) -> int:
    """The day that runs: 0 before day 1, the last day when the window is past."""
    if pilot.starts_at is None or now < pilot.starts_at:
        return 0
    return min(pilot.days, (now - pilot.starts_at) // DAY + 1)


def _next_steps(pilot: Pilot, counts: PilotCounts, unasked: Mapping[str, int], now: datetime) -> Iterator[str]:
    name = pilot.name
    if counts.exchanges == 0:
        yield f"there is no exchange yet: pilot import {name} FILE.jsonl"
    if pilot.state is PilotState.DRAFT:
        yield f"it is a draft, nothing counts yet: pilot start {name}"
    yield from _work(pilot, counts, unasked)
    if _is_judged(pilot) and counts.labels < LABELS_NEEDED:
        yield f"{LABELS_NEEDED - counts.labels} more labels by people are needed before a judge's word can carry a verdict"
    if pilot.ends_at is not None and pilot.ends_at <= now and pilot.state is PilotState.RUNNING:
        yield f"its window is past: read the verdict; label or extend if it is undecided, then pilot stop {name}"


def _work(pilot: Pilot, counts: PilotCounts, unasked: Mapping[str, int]) -> Iterator[str]:
    for name, missing in unasked.items():
        if missing > 0:
            yield f"{missing} exchanges have no reply of {name}: pilot replay {pilot.name} --candidate {name}"
    pending = sum(arm.pending for arm in counts.arms.values())
    if pending:
        yield f"{pending} pairs wait for their grades: pilot grade {pilot.name} --wait"
    if _is_judged(pilot) and pilot.configuration.judge is None:
        yield "there is no [judge]: give one with pilot configure"


def _is_judged(pilot: Pilot) -> bool:
    segments = pilot.configuration.segment
    return not segments or any(asks_a_model(segment.grader) for segment in segments)
