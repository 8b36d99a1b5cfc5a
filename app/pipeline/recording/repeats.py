"""Repeats of calls become rows: once each, with what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.live import RepeatEvent, external_id
from app.domain.recording import RecordedArm, RecordedPilot, Rejected
from app.pipeline.recording.checking import Received, rejected
from app.pipeline.recording.counting import moment_of
from app.pipeline.recording.placing import usd_of
from app.store.repeats import NewRepeat, add_repeats, known_exchanges
from app.store.spend import book_spend

PURPOSE = "repeat"


@dataclass(slots=True)
class StoredRepeats:
    """What a batch's repeats came to."""

    stored: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def store_repeats(session: Session, pilot: RecordedPilot, received: Sequence[Received]) -> StoredRepeats:
    """Stores repeats of the pilot's exchanges, and books what is new; one whose exchange never came is put aside.

    The mirror tells of an exchange before it tells of a repeat of one of its calls.
    """
    if not received:
        return StoredRepeats()
    known = known_exchanges(session, pilot.id, [_id(each.event) for each in received if isinstance(each.event, RepeatEvent)])
    found = StoredRepeats()
    events: dict[tuple[str, int], tuple[NewRepeat, RepeatEvent, RecordedArm]] = {}
    for each in received:
        event = each.event
        assert isinstance(event, RepeatEvent)  # noqa: S101 - chosen so
        if event.arm not in pilot.arms:
            found.rejected.append(rejected(each, "arm_gone", f"the pilot has no arm {event.arm!r}"))
        elif _id(event) not in known:
            found.rejected.append(rejected(each, "no_exchange", f"a repeat of {_id(event)}, which is not there"))
        else:
            repeat = _repeat(event, pilot.arms[event.arm])
            events.setdefault(repeat.key, (repeat, event, pilot.arms[event.arm]))
    added = add_repeats(session, pilot.id, [repeat for repeat, _, _ in events.values()])
    _book(session, pilot.id, [(arm, usd_of(event.usd)) for key, (_, event, arm) in events.items() if key in added])
    found.stored = len(added)
    return found


def _id(event: RepeatEvent) -> str:
    return external_id(event.boot, event.number)


def _repeat(event: RepeatEvent, arm: RecordedArm) -> NewRepeat:
    return NewRepeat(
        external_id=_id(event),
        arm_id=arm.id,
        at=moment_of(event.at_us),
        is_deterministic=event.is_deterministic,
        is_equal=event.is_equal,
        failure=event.failure,
        total_seconds=event.total_seconds,
    )


def _book(session: Session, pilot_id: int, spent: Sequence[tuple[RecordedArm, Decimal | None]]) -> None:
    """As for the calls that they repeat: an unknown price is counted as such, nothing is booked for what cost nothing."""
    for arm in dict.fromkeys(arm for arm, _ in spent):
        costs = [usd for each, usd in spent if each == arm]
        paid = [usd for usd in costs if usd]
        book_spend(session, pilot_id, purpose=PURPOSE, model=arm.model, calls=len(paid), usd=sum(paid, Decimal(0)))
        book_spend(session, pilot_id, purpose=PURPOSE, model=arm.model, calls=costs.count(None), usd=None)
