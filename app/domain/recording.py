"""What the recorder writes: live exchanges, attempts and replies as the store takes them."""

from dataclasses import dataclass, field
from datetime import datetime

from app.domain.exchange import Json
from app.domain.words import ArmRole


@dataclass(frozen=True, slots=True)
class RecordedArm:
    """An arm, as far as recording needs it."""

    id: int
    name: str
    role: ArmRole
    model: str


@dataclass(frozen=True, slots=True)
class RecordedPilot:
    """A pilot that a transaction holds: no other recorder writes for it, and its arms stay.

    `keeps_since`: texts of what arrived before are not kept any more; `None` = all are.
    """

    id: int
    name: str
    sampling_rate: float
    arms: dict[str, RecordedArm]
    keeps_since: datetime | None = None

    def keeps(self, arrived_at: datetime) -> bool:
        """Whether texts of what arrived then are kept."""
        return self.keeps_since is None or arrived_at >= self.keeps_since

    @property
    def incumbent(self) -> RecordedArm:
        """The model that production uses."""
        return next(arm for arm in self.arms.values() if arm.role is ArmRole.INCUMBENT)


@dataclass(frozen=True, slots=True)
class NewExchange:
    """A captured request; `request` is its JSON as far as it may be kept."""

    external_id: str
    arrived_at: datetime
    conversation: str
    segment: str
    sample_point: float
    awaits: tuple[int, ...]
    deadline_at: datetime
    user_hash: str | None
    facts: Json
    request: bytes | None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """Another attempt of the exchange `retry_of` by the client's SDK."""

    external_id: str
    retry_of: str
    arrived_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reply belongs.

    Attributes:
        exchange_id: `None` = the exchange is not there (yet).
        arrived_at: Of the exchange.
        decided_by: The attempt whose reply is the incumbent's.
        is_attempt: It is known as one of several attempts.
        has_replied: That attempt's reply is known.
    """

    exchange_id: int | None
    arrived_at: datetime | None = None
    is_closed: bool = False
    decided_by: str = ""
    is_attempt: bool = False
    has_replied: bool = False


@dataclass(frozen=True, slots=True)
class LiveReply:
    """An arm's reply; `columns` are those of the table."""

    exchange_id: int
    arm_id: int
    arrived_at: datetime
    columns: Json
    checks: Json
    body: bytes | None


@dataclass(frozen=True, slots=True)
class AttemptReply:
    """What is kept of an attempt's reply."""

    external_id: str
    exchange_id: int
    failure: str | None
    status: int | None
    total_seconds: float | None


@dataclass(frozen=True, slots=True)
class IncumbentSaid:
    """What the incumbent's reply means for its exchange; until `open_until` the client's SDK may try again."""

    exchange_id: int
    is_cancelled: bool
    open_until: datetime | None


@dataclass(frozen=True, slots=True)
class LateReply:
    """A reply that came after its exchange was closed."""

    external_id: str
    arm: str
    arrived_at: datetime
    failure: str | None
    status: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that cannot be stored; `entry` is its id in the stream."""

    entry: str
    head: Json | None
    reason: str
    problem: str


@dataclass(slots=True)
class Writing:
    """What a pilot's events come to: written at once at the end."""

    replies: list[LiveReply] = field(default_factory=list)
    skips: list[tuple[int, int, str]] = field(default_factory=list)
    attempts: list[AttemptReply] = field(default_factory=list)
    incumbent: list[IncumbentSaid] = field(default_factory=list)
    late: list[LateReply] = field(default_factory=list)
