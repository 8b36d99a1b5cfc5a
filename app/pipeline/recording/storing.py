"""One batch of events becomes rows, in one transaction; delivered again, in any order, it changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.ledger import FOLDED, BootCounts, quarter_of
from app.domain.live import ArmReplyEvent, CountEvent, ExchangeEvent, RepeatEvent
from app.domain.recording import NewAttempt, NewExchange, RecordedPilot, Rejected
from app.domain.words import CoverageReason
from app.pipeline.recording.checking import Received, rejected
from app.pipeline.recording.counting import Lines, NumberSeen, joined_boots, moment_of, with_count, with_seen
from app.pipeline.recording.placing import Placed, place_replies
from app.pipeline.recording.repeats import store_repeats
from app.pipeline.recording.watermark import waiting_since
from app.store.live_closing import read_watermark
from app.store.live_counts import add_lines, read_boots, read_counts, save_boots, save_counts
from app.store.live_exchanges import add_attempts, add_exchanges, attempts_of, fold_attempts, hold_pilots
from app.store.live_numbers import SeenNumbers
from app.store.live_replies import add_rejected


@dataclass(slots=True)
class Stored:
    """What a batch came to, for the metrics."""

    exchanges: int = 0
    replies: int = 0
    late: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    repeats: int = 0


@dataclass(slots=True)
class _OfPilot:
    exchanges: list[Received] = field(default_factory=list)
    replies: list[Received] = field(default_factory=list)
    counts: list[CountEvent] = field(default_factory=list)
    repeats: list[Received] = field(default_factory=list)


def store_batch(session: Session, batch: Sequence[Received], *, retry_window_seconds: float) -> Stored:
    """Stores events, whoever else does so at the same time.

    Args:
        session: One transaction; everything or nothing.
        batch: In the order of the stream.
        retry_window_seconds: How long after a failure the client's SDK may try again.
    """
    by_name = _by_pilot(batch)
    pilots = hold_pilots(session, by_name)
    counts = [each.event for each in batch if isinstance(each.event, CountEvent)]
    save_boots(session, joined_boots(counts, read_boots(session, {count.boot for count in counts})).values())
    stored = Stored()
    for name, events in by_name.items():
        if name not in pilots:
            stored.rejected += [_unknown(each, name) for each in (*events.exchanges, *events.replies, *events.repeats)]
    watermark = read_watermark(session)
    # One of a clock that was ahead for a while stays there.
    over = min(watermark, datetime.now(UTC)) if watermark else None
    for pilot in sorted(pilots.values(), key=lambda pilot: pilot.id):
        _store(session, pilot, by_name[pilot.name], stored, timedelta(seconds=retry_window_seconds), over)
    add_rejected(session, stored.rejected)
    return stored


def _by_pilot(batch: Iterable[Received]) -> dict[str, _OfPilot]:
    found: dict[str, _OfPilot] = defaultdict(_OfPilot)
    for each in batch:
        event = each.event
        if isinstance(event, CountEvent):
            for name in event.pilots:
                found[name].counts.append(event)
        elif isinstance(event, ExchangeEvent):
            found[event.pilot].exchanges.append(each)
        elif isinstance(event, ArmReplyEvent):
            found[event.pilot].replies.append(each)
        elif isinstance(event, RepeatEvent):
            found[event.pilot].repeats.append(each)
    return found


def _unknown(received: Received, name: str) -> Rejected:
    return rejected(received, "unknown_pilot", f"there is no pilot {name!r}")


def _store(
    session: Session, pilot: RecordedPilot, events: _OfPilot, stored: Stored, retry_window: timedelta,
    over: datetime | None,
) -> None:  # fmt: skip
    numbered = [each.event for each in (*events.exchanges, *events.replies) if not isinstance(each.event, CountEvent)]
    numbers = SeenNumbers(session, pilot.id, [(event.boot, event.number) for event in numbered])
    fresh = [
        each.event
        for each in events.exchanges
        if isinstance(each.event, ExchangeEvent) and numbers.take((each.event.boot, each.event.number))
    ]
    _count(session, pilot, events.counts, fresh)
    numbers.save(session)
    come = _add(session, pilot, fresh, over)
    placed = Placed(session, pilot, numbers, retry_window, over)
    place_replies(placed, come, events.replies)
    stored.exchanges += len(fresh)
    stored.replies += len(placed.writing.replies)
    stored.late += placed.late
    stored.rejected += placed.rejected
    repeats = store_repeats(session, pilot, events.repeats)
    stored.repeats += repeats.stored
    stored.rejected += repeats.rejected


def _count(session: Session, pilot: RecordedPilot, counts: Sequence[CountEvent], fresh: Sequence[ExchangeEvent]) -> None:
    """Numbers, drops, and the lines of requests that have no exchange of their own."""
    boots = {count.boot for count in counts} | {event.boot for event in fresh}
    if not boots:
        return
    known = read_counts(session, pilot.id, boots)
    now = defaultdict(BootCounts, known)
    lines: Lines = Counter()
    for count in sorted(counts, key=lambda count: count.at_us):
        now[count.boot] = with_count(now[count.boot], count.pilots[pilot.name], count.at_us, lines)
    for event in sorted(fresh, key=lambda event: event.at_us):
        now[event.boot] = with_seen(now[event.boot], [NumberSeen(event.boot, event.number, event.at_us)])
        line = _line(event)
        if line is not None:
            lines[quarter_of(event.at_us), line] += 1
    save_counts(session, pilot.id, {boot: each for boot, each in now.items() if known.get(boot) != each})
    add_lines(session, pilot.id, lines)


def _line(event: ExchangeEvent) -> str | None:
    """The line of the ledger of a request that has no exchange of its own."""
    if event.retry_of is not None:
        return FOLDED
    return event.reason if event.reason != CoverageReason.CAPTURED.value else None


def _add(session: Session, pilot: RecordedPilot, fresh: Sequence[ExchangeEvent], over: datetime | None) -> set[str]:
    """Exchanges and attempts; gives the ids for which replies may have waited."""
    captured = [event for event in fresh if event.reason == CoverageReason.CAPTURED.value]
    own = [event for event in captured if event.retry_of is None]
    add_exchanges(session, pilot, [_exchange(pilot, event, over) for event in own])
    again = [_attempt(event, over) for event in captured if event.retry_of is not None]
    firsts = add_attempts(session, pilot.id, again)
    firsts |= {event.external_id for event in own}
    if firsts:
        fold_attempts(session, pilot, firsts)
    return {event.external_id for event in fresh} | set(attempts_of(session, pilot.id, firsts) if firsts else ())


def _deadline(event: ExchangeEvent, over: datetime | None) -> datetime:
    return waiting_since(moment_of(event.at_us), over) + timedelta(seconds=event.deadline_seconds)


def _exchange(pilot: RecordedPilot, event: ExchangeEvent, over: datetime | None) -> NewExchange:
    user = event.facts.get("user_hash")
    return NewExchange(
        external_id=event.external_id,
        arrived_at=moment_of(event.at_us),
        conversation=event.conversation,
        segment=event.segment,
        sample_point=event.sample_point,
        awaits=tuple(pilot.arms[name].id for name in event.awaits if name in pilot.arms),
        deadline_at=_deadline(event, over),
        user_hash=user if isinstance(user, str) else None,
        facts={**event.facts, "level": event.level},
        request=event.request,
    )


def _attempt(event: ExchangeEvent, over: datetime | None) -> NewAttempt:
    assert event.retry_of is not None  # noqa: S101 - chosen so
    return NewAttempt(event.external_id, event.retry_of, moment_of(event.at_us), _deadline(event, over))


def arrivals(batch: Iterable[Received]) -> list[datetime]:
    """When the batch's requests arrived: the tables of their weeks must be there before it is stored."""
    return [moment_of(each.event.at_us) for each in batch if not isinstance(each.event, CountEvent)]
