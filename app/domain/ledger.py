"""The ledger of live traffic: what producers counted, what came of it, and what nobody counted (CONTRACTS section 5).

Every number that a producer issued has one place: an exchange, an attempt folded into one, a line without an exchange, or it is
missing: pending while it may still come, then lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

FOLDED = "folded"
"""Reason of an attempt that is no request of its own."""

BYPASSED = "bypassed"
"""Reason of a line that counts once more, of the `not_sampled`, those that a gateway drew to bypass mirroring."""

BESIDE = (FOLDED, BYPASSED)
"""Lines that are no requests of their own in the ledger."""

QUARTER = timedelta(minutes=15)
"""Lines are added up by quarters of an hour: every time zone's midnight is the beginning of one."""

QUIET_SECONDS = 60.0
"""A producer that counts nothing for so long is taken to have ended without a word."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Boot:
    """One life of a producer, as its counts tell it."""

    boot: str
    slot: str
    source: str
    started_at: datetime
    last_at: datetime
    is_final: bool


@dataclass(frozen=True, slots=True)
class BootCounts:
    """What a boot numbered of one pilot's requests.

    Attributes:
        issued: Highest number.
        seen: How many of the numbers have come as events.
        dropped: How many left no event, by reason; cumulative, as the producer said it last.
        settled: What was issued up to here had its time to come.
        checkpoints: (microseconds since 1970, issued) of the last minutes, ascending.
        last_seen_at: Arrival of the newest request of which an event came.
    """

    issued: int = 0
    seen: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    settled: int = 0
    checkpoints: tuple[tuple[int, int], ...] = ()
    last_seen_at: datetime | None = None

    @property
    def missing(self) -> int:
        """Numbers of which neither an event nor a reason is known."""
        return max(0, self.issued - self.seen - sum(self.dropped.values()))

    def lost(self, seen_of_settled: int) -> int:
        """How many of the missing ones had their time to come.

        Args:
            seen_of_settled: How many of the first `settled` numbers have come.
        """
        return min(self.missing, max(0, self.settled - seen_of_settled - sum(self.dropped.values())))


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """Requests without an exchange of their own, of one quarter of an hour."""

    at: datetime
    reason: str
    requests: int


@dataclass(frozen=True, slots=True)
class LiveLedger:
    """All that is known of a pilot's live requests beside its exchanges.

    Attributes:
        lines: By quarter of an hour and reason.
        missing_lost: Numbers that never came.
        missing_pending: Numbers that may still come.
        unknown_seconds: Time in which a producer was down, or not heard of, without having ended in order.
        late_replies: Replies that came after their exchange was closed.
        watermark_at: What had happened by then is recorded, or lost; `None` = no recorder ran yet.
        last_seen_at: Arrival of the newest request of which an event came.
        is_live: Whether any live request was ever numbered.
    """

    lines: tuple[LedgerLine, ...] = ()
    missing_lost: int = 0
    missing_pending: int = 0
    unknown_seconds: float = 0.0
    late_replies: int = 0
    watermark_at: datetime | None = None
    last_seen_at: datetime | None = None
    is_live: bool = False

    def requests(self, reason: str) -> int:
        """How many requests have a reason."""
        return sum(line.requests for line in self.lines if line.reason == reason)


def quarter_of(at_us: int) -> datetime:
    """The beginning of a moment's quarter of an hour."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment - (moment - _EPOCH) % QUARTER


def unknown_seconds(boots: Iterable[Boot], *, since: datetime, until: datetime) -> float:
    """Seconds in which a producer may have carried requests that nobody counted, several at once counted once.

    A boot that ended in order leaves nothing unknown. Else it is unknown from its last count until the next boot of its slot,
    or until now; that of an application at most `QUIET_SECONDS`: an application that does not run makes no requests.

    Args:
        boots: Of all slots.
        since: Nothing before it counts.
        until: The present, or the end of the pilot.
    """
    gaps = []
    known = list(boots)
    for boot in known:
        if boot.is_final:
            continue
        end = min((other.started_at for other in known if follows(other, boot)), default=None)
        if end is None:
            if (until - boot.last_at).total_seconds() <= QUIET_SECONDS:
                continue
            end = until
        if boot.source == "app":
            end = min(end, boot.last_at + timedelta(seconds=QUIET_SECONDS))
        gaps.append((max(boot.last_at, since), min(end, until)))
    return _covered([gap for gap in gaps if gap[0] < gap[1]])


def follows(other: Boot, boot: Boot) -> bool:
    """Whether a boot is a later life of the same producer."""
    is_other = other.boot != boot.boot and (other.slot, other.source) == (boot.slot, boot.source)
    return is_other and other.started_at > boot.last_at


def _covered(gaps: Sequence[tuple[datetime, datetime]]) -> float:
    total, reached = timedelta(), None
    for begin, end in sorted(gaps):
        start = begin if reached is None else max(begin, reached)
        if end > start:
            total += end - start
        reached = end if reached is None else max(reached, end)
    return total.total_seconds()
