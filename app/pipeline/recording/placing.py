"""Where each reply goes: to its exchange, to an attempt, among those that wait, or among the late ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy.orm import Session

from app.capture.events import BODY, HEAD, decode, encode
from app.domain.live import ArmReplyEvent, external_id
from app.domain.recording import (
    AttemptReply,
    IncumbentSaid,
    LateReply,
    LiveReply,
    RecordedArm,
    RecordedPilot,
    Rejected,
    Target,
    Writing,
)
from app.domain.words import ArmRole, FailureKind
from app.pipeline.recording.checking import Received, rejected
from app.pipeline.recording.counting import moment_of
from app.pipeline.recording.watermark import waiting_since
from app.store.live_closing import close_complete
from app.store.live_exchanges import find_targets
from app.store.live_numbers import SeenNumbers
from app.store.live_replies import (
    add_late,
    add_replies,
    add_skips,
    note_attempts,
    note_incumbent,
    park_replies,
    taken_places,
    unpark_replies,
)
from app.store.model_sightings import FirstSeen, note_fingerprints
from app.store.spend import book_spend

# What clients' SDKs try again, of the statuses below 500.
RETRIED_STATUSES = frozenset({408, 409, 429})
_SERVER_ERRORS = 500
PURPOSES = {ArmRole.CANDIDATE: "mirror", ArmRole.CONTROL: "control"}


@dataclass(slots=True)
class Placed:
    """The replies of one pilot in one transaction, and what becomes of them.

    Attributes:
        over: Up to which moment all time is over.
    """

    session: Session
    pilot: RecordedPilot
    numbers: SeenNumbers
    retry_window: timedelta
    over: datetime | None = None
    writing: Writing = field(default_factory=Writing)
    parked: list[tuple[str, str, bytes, bytes]] = field(default_factory=list)
    spent: list[tuple[RecordedArm, Decimal | None]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    late: int = 0
    late_costs: dict[tuple[str, str], tuple[RecordedArm, Decimal | None]] = field(default_factory=dict)
    replied: set[tuple[int, int]] = field(default_factory=set)
    skipped: set[tuple[int, int]] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)


def place_replies(placed: Placed, come: set[str], received: Sequence[Received]) -> None:
    """Stores the replies of a batch and those that waited for what has come.

    Args:
        placed: The pilot and its transaction.
        come: Ids of exchanges, attempts and other lines that are there since this batch.
        received: Of the batch.
    """
    waited = [decode({HEAD: head, BODY: body}) for head, body in unpark_replies(placed.session, placed.pilot.id, come)]
    replies = [Received("waited", event) for event in waited if isinstance(event, ArmReplyEvent)] + list(received)
    if not replies and not come:
        return
    targets = find_targets(placed.session, placed.pilot.id, come | {_id(each) for each in replies})
    exchanges = {target.exchange_id for target in targets.values() if target.exchange_id is not None}
    placed.replied, placed.skipped = taken_places(placed.session, exchanges)
    for each in replies:
        _place(placed, each, targets[_id(each)], is_known=each.entry == "waited" and _id(each) in come)
    _write(placed)
    close_complete(placed.session, exchanges)


def _id(received: Received) -> str:
    event = received.event
    assert isinstance(event, ArmReplyEvent)  # noqa: S101 - chosen so
    return external_id(event.boot, event.number)


def _place(placed: Placed, received: Received, target: Target, *, is_known: bool) -> None:
    event = received.event
    assert isinstance(event, ArmReplyEvent)  # noqa: S101 - chosen so
    arm = placed.pilot.arms.get(event.arm)
    name = external_id(event.boot, event.number)
    if arm is None:
        entry = received.entry if received.entry != "waited" else f"waited:{name}:{event.arm}"
        placed.rejected.append(rejected(Received(entry, event), "arm_gone", f"the pilot has no arm {event.arm!r}"))
    elif target.exchange_id is None:
        # A number that has come without an exchange is a line of the ledger: nobody asks for its reply.
        if target.is_attempt or not (is_known or (event.boot, event.number) in placed.numbers):
            entry_of = encode(event)
            placed.parked.append((name, event.arm, entry_of[HEAD], entry_of[BODY]))
    elif arm.role is ArmRole.INCUMBENT and name != target.decided_by:
        _of_earlier_attempt(placed, event, name, target)
    else:
        _of_exchange(placed, event, arm, target)


def _of_earlier_attempt(placed: Placed, event: ArmReplyEvent, name: str, target: Target) -> None:
    if target.has_replied or name in placed.attempted:
        return
    if target.is_closed:
        placed.writing.late.append(_late(event, name))
        return
    placed.attempted.add(name)
    placed.writing.attempts.append(_attempt(event, name, target.exchange_id))


def _of_exchange(placed: Placed, event: ArmReplyEvent, arm: RecordedArm, target: Target) -> None:
    assert target.exchange_id is not None and target.arrived_at is not None  # noqa: S101, PT018 - the caller looked
    place = target.exchange_id, arm.id
    name = external_id(event.boot, event.number)
    if place in placed.replied or (place in placed.skipped and (event.skipped is not None or not target.is_closed)):
        return  # it is there: the first one counts
    if target.is_closed:
        placed.writing.late.append(_late(event, name))
        if arm.role is not ArmRole.INCUMBENT and event.skipped is None:
            placed.late_costs[name, arm.name] = arm, usd_of(event.usd)
    elif event.skipped is not None:
        placed.skipped.add(place)
        placed.writing.skips.append((*place, event.skipped))
    else:
        placed.replied.add(place)
        placed.writing.replies.append(LiveReply(*place, target.arrived_at, _cleaned(event.columns), event.checks, event.body))
        _note(placed, event, arm, target, name)


def _note(placed: Placed, event: ArmReplyEvent, arm: RecordedArm, target: Target, name: str) -> None:
    """What a reply means beside itself: for its exchange if it is the incumbent's, else for the pilot's purse."""
    assert target.exchange_id is not None  # noqa: S101 - the caller looked
    if arm.role is not ArmRole.INCUMBENT:
        placed.spent.append((arm, usd_of(event.usd)))
        return
    until = _open_until(event, placed)
    placed.writing.incumbent.append(IncumbentSaid(target.exchange_id, event.cancelled, until))
    if target.is_attempt:
        placed.writing.attempts.append(_attempt(event, name, target.exchange_id))


def _open_until(event: ArmReplyEvent, placed: Placed) -> datetime | None:
    """Until when another attempt may follow; `None` = none will."""
    failure, status = event.columns.get("failure"), event.columns.get("status")
    is_final = failure is None or (
        failure == FailureKind.HTTP.value and status not in RETRIED_STATUSES and (status or 0) < _SERVER_ERRORS
    )
    if is_final and not event.cancelled:
        return None
    ended = moment_of(event.at_us) + timedelta(seconds=event.columns.get("total_seconds") or 0.0)
    return waiting_since(ended, placed.over) + placed.retry_window


def _attempt(event: ArmReplyEvent, name: str, exchange_id: int | None) -> AttemptReply:
    assert exchange_id is not None  # noqa: S101 - the caller looked
    columns = event.columns
    failure = columns.get("failure") or ("cancelled" if event.cancelled else None)
    return AttemptReply(name, exchange_id, failure, columns.get("status"), columns.get("total_seconds"))


def _late(event: ArmReplyEvent, name: str) -> LateReply:
    return LateReply(name, event.arm, moment_of(event.at_us), event.columns.get("failure"), event.columns.get("status"))


def _cleaned(value: Any) -> Any:
    """Words that a server gave, without the one character that PostgreSQL does not store."""
    if isinstance(value, str):
        return value.replace("\x00", "�")
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def usd_of(text: str | None) -> Decimal | None:
    """The dollars of an event; what is no amount is unknown."""
    try:
        found = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    return found if found is None or found.is_finite() else None


def _write(placed: Placed) -> None:
    session, pilot, writing = placed.session, placed.pilot, placed.writing
    add_replies(session, pilot, writing.replies)
    note_fingerprints(session, pilot.id, [seen for reply in writing.replies if (seen := _fingerprint(reply)) is not None])
    add_skips(session, pilot.id, writing.skips)
    note_attempts(session, writing.attempts)
    note_incumbent(session, writing.incumbent)
    late = add_late(session, pilot.id, writing.late)
    placed.late = len(late)
    placed.spent += [placed.late_costs[place] for place in sorted(late & placed.late_costs.keys())]
    park_replies(session, pilot.id, placed.parked)
    _book(session, pilot, placed.spent)


def _fingerprint(reply: LiveReply) -> FirstSeen | None:
    said = reply.columns.get("fingerprint")
    return (reply.arm_id, said, reply.arrived_at) if isinstance(said, str) and said else None


def _book(session: Session, pilot: RecordedPilot, spent: Iterable[tuple[RecordedArm, Decimal | None]]) -> None:
    """One row an arm and batch; a call without a known price is counted as such, one that cost nothing is not."""
    by_arm: dict[RecordedArm, list[Decimal | None]] = {}
    for arm, usd in spent:
        by_arm.setdefault(arm, []).append(usd)
    for arm, costs in by_arm.items():
        paid = [usd for usd in costs if usd]
        purpose = PURPOSES[arm.role]
        book_spend(session, pilot.id, purpose=purpose, model=arm.model, calls=len(paid), usd=sum(paid, Decimal(0)))
        book_spend(session, pilot.id, purpose=purpose, model=arm.model, calls=costs.count(None), usd=None)
