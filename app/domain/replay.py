"""A replay: candidates are asked for stored exchanges that lack their reply."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.exchange import Failure, Json, Reply, Usage
from app.domain.toml_table import ContentLevel
from app.domain.words import Source


class ReplayState(StrEnum):
    """`DONE` also if a limit was reached (the message says so); `FAILED` if it could not go on."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """A request as it is kept: masked already, where its exchange's level says so.

    Attributes:
        level: The content level under which the exchange was seen live; `None` = it was imported.
        external_id: Its exchange's.
    """

    body: Json
    segment: str
    level: ContentLevel | None = None
    external_id: str = ""


OPEN_STATES = (ReplayState.QUEUED, ReplayState.RUNNING)


@dataclass(frozen=True, slots=True)
class ReplayLimits:
    """What a replay may use; `None` = no limit.

    Attributes:
        usd: Dollars for tokens, over all candidates.
        seconds: Wall time since the replay began.
        exchanges: Exchanges asked of each candidate, the same ones of all.
    """

    usd: Decimal | None = None
    seconds: float | None = None
    exchanges: int | None = None


@dataclass(frozen=True, slots=True)
class ArmProgress:
    """How far a replay is with one candidate.

    Attributes:
        asked: Exchanges asked whose reply or failure is stored.
        not_asked: Exchanges whose request has a shape that is not asked in this version.
        usd: Dollars spent on tokens as far as they are known.
        unpriced: Replies whose cost nobody knows.
        held_usd: The most that the unpriced replies can have cost; counts against the limit.
    """

    asked: int = 0
    answered: int = 0
    failed: int = 0
    not_asked: int = 0
    usd: Decimal = Decimal(0)
    unpriced: int = 0
    held_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay as it stands now; `progress` by the arm's name."""

    id: int
    pilot_name: str
    arm_name: str | None
    limits: ReplayLimits
    state: ReplayState
    progress: dict[str, ArmProgress]
    message: str
    by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewReply:
    """A reply or failure of an arm, ready to be stored; `usage` is also that of a failure: it was paid for."""

    exchange_id: int
    arm_id: int
    reply: Reply | Failure
    source: Source
    model: str | None = None
    lag_seconds: float | None = None
    adaptation: tuple[Json, ...] = field(default=())
    fingerprint: str | None = None
    usage: Usage = field(default_factory=Usage)
