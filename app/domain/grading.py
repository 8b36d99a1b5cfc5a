"""Pairs on their way to a preference, and the grades that are stored for them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from app.domain.exchange import Failure, Json, Reply
from app.domain.rubric_scores import NewScore, Score
from app.domain.words import Rule

# The version of grades that came by import; every other version was graded here.
IMPORTED = "imported"
# The grader of grades that tell whether the judge has changed; they are never a pair's preference.
ANCHOR = "anchor"
# With fewer of them, three standard errors are no measure.
LEAST_ANCHORS = 20


class PairKey(NamedTuple):
    """A pair's place in the store."""

    exchange_id: int
    arm_id: int


class GradingState(StrEnum):
    """How far the grading of a pilot is; `STOPPED`: it cannot go on, `problem` says why."""

    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"


def anchor_version(version: str, week: int) -> str:
    """The version of grades that a judge gave when it was asked again after that whole week of the window."""
    return f"{version}@{week}"


def anchor_week(version: str) -> int:
    """The week that such a version names."""
    return int(version.rpartition("@")[2])


@dataclass(frozen=True, slots=True)
class StoredGrade:
    """A grade of the judge's rater; `shown_first` None = the order is not known."""

    version: str
    shown_first: str | None
    value: float | None
    ungraded: str | None

    @property
    def is_imported(self) -> bool:
        """Whether it came by import."""
        return self.version == IMPORTED


@dataclass(frozen=True, slots=True)
class PairRecord:
    """A pair as it is stored; `None` texts are not kept (any more).

    Attributes:
        scores: Of both replies, where the segment's grader is a rubric.
        incumbent_checks: What was found in the incumbent's reply while its text was there (`app.graders.digests`); empty where
            the text is kept as it was.
        other_checks: The same of the other arm's.
        reference: An answer to the request that is known to be right, if one was given.
        is_erased: Its texts were removed.
    """

    key: PairKey
    external_id: str
    arrived_at: datetime
    segment: str
    reason: str
    sample_point: float
    request: Json | None
    incumbent: Reply | Failure | None
    other: Reply | Failure | None
    grades: tuple[StoredGrade, ...] = ()
    incumbent_checks: Json = field(default_factory=dict)
    other_checks: Json = field(default_factory=dict)
    reference: str | None = None
    scores: tuple[Score, ...] = ()
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class NewGrade:
    """A grade to be stored, or why there is none."""

    key: PairKey
    grader: str
    rater: str
    version: str
    shown_first: str | None
    value: float | None
    ungraded: str | None
    reason: str
    at: datetime
    facts: Json = field(default_factory=dict)
    cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What one answer of a model gives to store: the pair's grade, the score of one reply, or both."""

    grade: NewGrade | None = None
    score: NewScore | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of a pair. `is_settled` false: rule `grader`, and a model has to be asked. `graded`: the grades' mean."""

    key: PairKey
    rule: Rule | None
    preference: float | None = None
    ungraded: str | None = None
    facts: Json = field(default_factory=dict)
    is_settled: bool = True
    graded: float | None = None


@dataclass(frozen=True, slots=True)
class GradingStatus:
    """How far the grading of a pilot is.

    Attributes:
        ungraded: Settled pairs without a preference, by reason; `left_out` ones are not among them.
        left_out: Settled pairs that are no evidence for quality, by reason.
        usd: What the judge's calls have cost so far.
    """

    pairs: int
    settled: int
    pending: int
    ungraded: dict[str, int]
    left_out: dict[str, int]
    judge_calls: int
    usd: Decimal
    state: GradingState
    problem: str
