"""What producers counted, added to what was known: pure, and the same whatever is repeated, lost or out of order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.domain.ledger import BYPASSED, Boot, BootCounts, quarter_of
from app.domain.live import CountEvent, PilotCount
from app.domain.words import CoverageReason

CHECKPOINT_US = 15_000_000
# After a number was issued its event may still be on its way for so long: its body is being sent.
GRACE_US = 60_000_000
Lines = Counter[tuple[datetime, str]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NumberSeen:
    """An event came for the first time for a number."""

    boot: str
    number: int
    at_us: int


def moment_of(at_us: int) -> datetime:
    """A moment from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=at_us)


def boot_of(event: CountEvent, known: Boot | None = None) -> Boot:
    """What a count says of its producer, added to what was known."""
    said = Boot(
        event.boot, event.slot, event.source, moment_of(event.started_us), moment_of(event.at_us), is_final=event.is_final
    )
    if known is None:
        return said
    return replace(known, last_at=max(known.last_at, said.last_at), is_final=known.is_final or said.is_final)


def with_count(counts: BootCounts, said: PilotCount, at_us: int, lines: Lines) -> BootCounts:
    """Adds a producer's cumulative count; what was dropped since the last one known is added to `lines`."""
    dropped = dict(counts.dropped)
    for reason, total in said.dropped.items():
        new = total - dropped.get(reason, 0)
        if new > 0:
            lines[quarter_of(at_us), reason] += new
            if reason == CoverageReason.NOT_SAMPLED.value:  # a mirror's own are lines without a count
                lines[quarter_of(at_us), BYPASSED] += new
            dropped[reason] = total
    return replace(_issued(counts, said.issued, at_us), dropped=dropped)


def with_seen(counts: BootCounts, seen: Iterable[NumberSeen]) -> BootCounts:
    """Adds numbers of which an event came for the first time; one above the last count raises what was issued."""
    for each in seen:
        at = moment_of(each.at_us)
        newest = at if counts.last_seen_at is None else max(at, counts.last_seen_at)
        counts = replace(_issued(counts, each.number, each.at_us), seen=counts.seen + 1, last_seen_at=newest)
    return counts


def with_watermark(counts: BootCounts, watermark_us: int) -> BootCounts:
    """What was issued long enough before the watermark had its time to come."""
    due = [issued for at, issued in counts.checkpoints if at + GRACE_US <= watermark_us]
    if not due:
        return counts
    left = tuple((at, issued) for at, issued in counts.checkpoints if at + GRACE_US > watermark_us)
    return replace(counts, settled=max(counts.settled, *due), checkpoints=left)


def _issued(counts: BootCounts, issued: int, at_us: int) -> BootCounts:
    """By `at_us` so many were issued: a checkpoint each 15 s, the last one always of the highest number."""
    if issued <= counts.issued:
        return counts
    points = list(counts.checkpoints)
    at = max(at_us, points[-1][0]) if points else at_us
    if len(points) > 1 and at - points[-2][0] < CHECKPOINT_US:
        points.pop()
    return replace(counts, issued=issued, checkpoints=(*points, (at, issued)))


def joined_boots(events: Iterable[CountEvent], known: Mapping[str, Boot]) -> dict[str, Boot]:
    """The boots that events speak of, as they are after them."""
    boots: dict[str, Boot] = {}
    for event in events:
        boots[event.boot] = boot_of(event, boots.get(event.boot, known.get(event.boot)))
    return boots
