"""Up to which moment everything has been recorded, or is lost: until then exchanges may be closed without a reply.

A watermark is made in three steps, in this order: what producers counted last (everything that they said before is in the
streams by then), the oldest entry that the mirror has not finished, and then what stands in the stream `record` at that moment.
It holds once all of that has been recorded: what is still queued is never declared lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.ledger import QUIET_SECONDS, Boot, follows
from app.pipeline.recording.counting import moment_of

# What a turn may go ahead beyond the time that has passed. A backlog needs none of it: it was behind for as long.
AHEAD_SECONDS = 1.0


class Pace:
    """How fast the watermark may go.

    A clock that is put ahead by an hour must not end the time of all that is under way: it is followed by two seconds a second,
    so that half of each deadline stays at least.
    """

    def __init__(self) -> None:
        self._furthest: datetime | None = None
        self._at = 0.0

    def held(self, watermark: datetime, at: float) -> datetime:
        """The watermark, or how far it may have come.

        Args:
            watermark: As the clocks say it.
            at: Now, in seconds of a clock that nobody sets.
        """
        if self._furthest is not None:
            watermark = min(watermark, self._furthest + timedelta(seconds=at - self._at + AHEAD_SECONDS))
        if self._furthest is None or watermark > self._furthest:
            self._furthest, self._at = watermark, at
        return watermark


@dataclass(frozen=True, slots=True)
class Fence:
    """A watermark that holds when the stream `record` has no entry left from before `record_ms` (Redis' clock)."""

    watermark: datetime
    record_ms: int

    def is_passed(self, horizon_ms: int | None) -> bool:
        """Whether it holds, by the time of the oldest entry that is not recorded (`None` = all are)."""
        return horizon_ms is None or horizon_ms > self.record_ms


def watermark_of(boots: Iterable[Boot], mirror_horizon_ms: int | None, *, now: datetime, heard_since: datetime) -> datetime:
    """The earliest of the present, living producers' last counts and the mirror's oldest entry.

    Args:
        boots: All producers.
        mirror_horizon_ms: Redis' time of the oldest entry that the mirror has not finished; `None` = there is none.
        now: The present.
        heard_since: Since when Redis answers without a break: a producer that could not reach it may only seem dead.
    """
    moments = [now]
    if mirror_horizon_ms is not None:
        moments.append(moment_of(mirror_horizon_ms * 1000))
    known = list(boots)
    moments += [boot.last_at for boot in known if _is_living(boot, known, now, heard_since)]
    return min(moments)


def _is_living(boot: Boot, boots: Iterable[Boot], now: datetime, heard_since: datetime) -> bool:
    if boot.is_final or (now - max(boot.last_at, heard_since)).total_seconds() > QUIET_SECONDS:
        return False
    return not any(follows(other, boot) for other in boots)


def waiting_since(moment: datetime, over: datetime | None) -> datetime:
    """From when something is waited for: a clock that was put back says moments whose time is over already.

    Args:
        moment: As the producer's clock says it.
        over: Up to which moment all time is over; `None` = not known.
    """
    return moment if over is None else max(moment, over)
