"""Where a pilot stands, and what is missing next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.pilot import DAY, Pilot
from app.domain.words import PilotState
from app.store.status import PilotCounts, count_pilot

LABELS_NEEDED = 200  # CONTRACTS section 5: a verdict that rests on a judge needs as many from people


@dataclass(frozen=True, slots=True)
class PilotStatus:
    """`day` 0 = not begun; `days_left` `None` = no window yet; `next_steps` in the order to take them."""

    pilot: Pilot
    day: int
    days_left: int | None
    counts: PilotCounts
    next_steps: tuple[str, ...]


def status_of(session: Session, pilot: Pilot, now: datetime) -> PilotStatus:
    counts = count_pilot(session, pilot.id)
    return PilotStatus(pilot, current_day(pilot, now), days_left(pilot, now), counts, tuple(_next_steps(pilot, counts, now)))


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


def _next_steps(pilot: Pilot, counts: PilotCounts, now: datetime) -> Iterator[str]:
    name = pilot.name
    if counts.exchanges == 0:
        yield f"there is no exchange yet: pilot import {name} FILE.jsonl"
    if pilot.state is PilotState.DRAFT:
        yield f"it is a draft, nothing counts yet: pilot start {name}"
    yield from _work(pilot, counts)
    if _is_judged(pilot) and counts.labels < LABELS_NEEDED:
        yield f"{LABELS_NEEDED - counts.labels} more labels by people are needed before a judge's word can carry a verdict"
    if pilot.ends_at is not None and pilot.ends_at <= now and pilot.state is PilotState.RUNNING:
        yield f"its window is past: read the verdict, then pilot stop {name}"


def _work(pilot: Pilot, counts: PilotCounts) -> Iterator[str]:
    for arm in pilot.candidates:
        missing = counts.exchanges - counts.arms[arm.name].replies
        if missing > 0:
            yield f"{missing} exchanges have no reply of {arm.name}: pilot replay {pilot.name} --candidate {arm.name}"
    pending = sum(arm.pending for arm in counts.arms.values())
    if pending:
        yield f"{pending} pairs wait for their grades: pilot grade {pilot.name} --wait"
    if _is_judged(pilot) and pilot.configuration.judge is None:
        yield "there is no [judge]: give one with pilot configure"


def _is_judged(pilot: Pilot) -> bool:
    segments = pilot.configuration.segment
    return not segments or any(segment.grader == "judge" for segment in segments)
