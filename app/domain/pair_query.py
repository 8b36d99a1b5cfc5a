"""What somebody looks for among pairs: filters, an order, and the place in that order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class PairSort(StrEnum):
    """Orders of a list of pairs; `RANDOM` is drawn by a seed."""

    NEWEST = "newest"
    WORST = "worst"
    BEST = "best"
    LONGER = "longer"
    SHORTER = "shorter"
    RANDOM = "random"


class PairOutcome(StrEnum):
    """What became of a pair, as somebody asks for it; they overlap."""

    BETTER = "better"
    WORSE = "worse"
    TIE = "tie"
    UNGRADED = "ungraded"
    FAILED = "failed"
    CRITICAL = "critical"
    FLIPPED = "flipped"
    DISAGREEMENT = "disagreement"
    LEFT_OUT = "left_out"
    PENDING = "pending"


class TextPlace(StrEnum):
    """Where a text is looked for."""

    ANYWHERE = "anywhere"
    REQUEST = "request"
    REPLIES = "replies"


class Cursor(NamedTuple):
    """A pair's place in an order: a moment, a preference, a difference of lengths or a number of the draw; then the pair."""

    place: datetime | float | int
    exchange_id: int
    arm_id: int


@dataclass(frozen=True, slots=True)
class PairQuery:
    """Filters and an order; `None` and "" ask for nothing.

    Attributes:
        candidate: Name of the arm.
        decided_by: A rule (`failure`, `invalid`, `equal`), a segment's grader, or `people`.
        turn: Which turn of its conversation the exchange is, from 1.
        day: Day of the pilot, from 1.
        least_chars: The candidate's reply has so many characters at least.
        most_chars: At most.
        text: Looked for in what people and models wrote, whatever its case.
        exchange: The user's own id of the exchange.
        seed: Of the random order.
    """

    candidate: str = ""
    segment: str = ""
    decided_by: str = ""
    outcome: PairOutcome | None = None
    turn: int | None = None
    day: int | None = None
    least_chars: int | None = None
    most_chars: int | None = None
    text: str = ""
    text_in: TextPlace = TextPlace.ANYWHERE
    exchange: str = ""
    sort: PairSort = PairSort.NEWEST
    seed: int = 0
