"""The pilots as the mirror knows them: read from the database about every second, kept while it is away."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy.exc import DBAPIError

from app.capture.segments import LiveSegmentOf, live_segment_finder
from app.costs.arm_prices import PriceBook, ReplyCost
from app.domain.content import FULL
from app.domain.pilot import Pilot
from app.domain.toml_table import ContentLevel
from app.domain.words import OTHER_SEGMENT, PilotState
from app.graders.checks.catalogue import make_ready
from app.pipeline.closing import EPOCH
from app.pipeline.content import ContentPolicy, strictest, strictest_level_of
from app.pipeline.mirroring.arms import LiveArm, arms_of
from app.providers.model_server import Answer
from app.store.health import DATABASE_ERRORS
from app.store.pilots import list_pilots
from app.store.rehearsals import under_way
from app.store.session import SessionFactory
from app.store.spend import spent

REFRESH_SECONDS = 1.0
AGAIN_SECONDS = 0.2
PRICES_SECONDS = 3600.0  # prices change by date
CLOSING_SECONDS = 60.0
PURPOSES = ("mirror", "control", "repeat")  # under which the recorder books what the mirror spends

# Away, not migrated yet, or with a pilot of a newer version.
UNREADABLE: tuple[type[Exception], ...] = (*DATABASE_ERRORS, DBAPIError, ValueError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LivePilot:
    """A pilot, and what is made of its configuration once and used for each request.

    Attributes:
        book: Prices what its arms answer.
        spent_usd: What its mirror had spent when this process met it, for the counter in Redis if that was lost; read only
            where there is a budget.
    """

    pilot: Pilot
    arms: tuple[LiveArm, ...]
    segment_of: LiveSegmentOf
    content: ContentPolicy
    strictest_level: ContentLevel
    made_at: float
    book: PriceBook
    spent_usd: Decimal = Decimal(0)

    @property
    def name(self) -> str:
        """Its name."""
        return self.pilot.name

    def cost(self, arm: str, answer: Answer, at_us: int) -> ReplyCost:
        """What an arm's answer to a request that arrived at a moment cost, by the prices of that day."""
        return self.book.cost(arm, answer.usage, answer.model, EPOCH + timedelta(microseconds=at_us))

    @property
    def deadline_seconds(self) -> float:
        """After its arrival plus this an exchange closes without the replies that did not come."""
        return max(arm.target.timeout_seconds for arm in self.arms) + CLOSING_SECONDS


def live_pilot(pilot: Pilot, environment: Mapping[str, str], digest_key: bytes, spent_usd: Decimal = Decimal(0)) -> LivePilot:
    """Prepares a pilot."""
    configuration = pilot.configuration
    content = ContentPolicy.of(configuration, digest_key)
    segments = [*(table.name for table in configuration.segment), OTHER_SEGMENT]
    return LivePilot(
        pilot=pilot,
        arms=arms_of(configuration, environment, datetime.now(UTC)),
        segment_of=live_segment_finder(configuration.segment),
        content=content,
        strictest_level=strictest(*(content.level(segment, None) for segment in segments)),
        made_at=time.monotonic(),
        book=PriceBook(configuration),
        spent_usd=spent_usd,
    )


@dataclass(frozen=True, slots=True)
class _Stored:
    """What one reading found; `rehearsed`: seconds of the lease that is left, by pilot and candidate."""

    pilots: list[Pilot]
    spent_usd: dict[str, Decimal]
    rehearsed: dict[tuple[str, str], float | None]


class PilotBook:
    """All pilots by name, and which candidates a rehearsal has for itself.

    Args:
        session_factory: The database.
        environment: Holds the arms' keys.
        digest_key: Keys the digests and placeholders that stand for text.
        changed: Called with each pilot that is new or different.
    """

    def __init__(
        self,
        session_factory: SessionFactory,
        environment: Mapping[str, str],
        digest_key: bytes,
        changed: Callable[[LivePilot], None],
    ) -> None:
        self._session_factory = session_factory
        self._environment = environment
        self._digest_key = digest_key
        self._changed = changed
        self._pilots: dict[str, LivePilot] = {}
        self._spent: dict[str, Decimal] = {}
        self._read_at: float | None = None
        self._is_away = False
        self._reading = asyncio.Lock()
        self._thread: asyncio.Future[_Stored] | None = None
        self._rehearsed_until: dict[tuple[str, str], float] = {}

    @property
    def known(self) -> list[LivePilot]:
        """Those that were read last."""
        return list(self._pilots.values())

    def is_rehearsed(self, pilot: str, arm: str) -> bool:
        """Whether a rehearsal offers the candidate more than it may carry: what production asked meanwhile would say so, too.

        No longer than its worker's lease, as it was last read: a worker that is gone holds nobody back.
        """
        return time.monotonic() < self._rehearsed_until.get((pilot, arm), 0.0)

    async def run(self) -> None:
        """Reads them again and again."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def close(self) -> None:
        """Waits for a reading that is under way: it holds a connection."""
        if self._thread is not None:
            await asyncio.wait([self._thread])

    async def find(self, name: str) -> LivePilot | None:
        """The pilot of an event; `None` if there is none. Waits for the database where only that can tell."""
        asked_at = time.monotonic()
        while True:
            found = self._pilots.get(name)
            # Its start may be so fresh that the gateway knew of it first: a draft has no window yet.
            if found is not None and found.pilot.state is not PilotState.DRAFT:
                return found
            if self._read_at is not None and self._read_at >= asked_at:
                return found
            await asyncio.sleep(self._pause())
            if not await self.refresh():
                await asyncio.sleep(REFRESH_SECONDS)

    def _pause(self) -> float:
        """Traffic of a pilot that is none does not ask the database again and again."""
        return 0.0 if self._read_at is None else max(0.0, self._read_at + AGAIN_SECONDS - time.monotonic())

    async def refresh(self) -> bool:
        """Reads them once; false if the database is away."""
        begun = time.monotonic()
        async with self._reading:
            if self._read_at is not None and self._read_at >= begun:
                return True  # somebody read them while this one waited
            begun = time.monotonic()
            try:
                self._thread = asyncio.ensure_future(asyncio.to_thread(self._read))
                stored = await asyncio.shield(self._thread)
            except UNREADABLE as error:
                if not self._is_away:
                    log.warning("pilots cannot be read and stay as they are known: %s", type(error).__name__)
                self._is_away = True
                return False
            self._is_away = False
            self._take(stored.pilots, stored.spent_usd)
            before = self._rehearsed_until
            self._rehearsed_until = {
                key: before.get(key, 0.0) if left is None else begun + left for key, left in stored.rehearsed.items()
            }
            self._read_at = begun
            return True

    def _read(self) -> _Stored:
        with self._session_factory() as session:
            pilots = list_pilots(session)
            if any(strictest_level_of(pilot.configuration) != FULL for pilot in pilots):
                make_ready()  # at level full nobody looks at replies here
            met = (pilot for pilot in pilots if pilot.configuration.mirror.budget_usd is not None)
            new = [pilot for pilot in met if pilot.name not in self._spent]
            spent_usd = {pilot.name: sum((spent(session, pilot.id, each)[1] for each in PURPOSES), Decimal(0)) for pilot in new}
            return _Stored(pilots, spent_usd, under_way(session))

    def _take(self, pilots: list[Pilot], spent_usd: dict[str, Decimal]) -> None:
        self._spent |= spent_usd
        known = self._pilots
        self._pilots = {}
        for pilot in pilots:
            before = known.get(pilot.name)
            if before is not None and before.pilot == pilot and time.monotonic() - before.made_at < PRICES_SECONDS:
                self._pilots[pilot.name] = before
                continue
            self._pilots[pilot.name] = made = self._made(pilot)
            self._changed(made)

    def _made(self, pilot: Pilot) -> LivePilot:
        return live_pilot(pilot, self._environment, self._digest_key, self._spent.get(pilot.name, Decimal(0)))
