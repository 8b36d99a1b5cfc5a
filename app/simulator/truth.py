"""What is true of the simulated models: how often, by segment, the candidate's reply is better, as good or worse.

Every (case, turn) has one outcome, drawn by hashing the seed, so that the history, the servers, the simulated people
and the demo's last table all speak of the same world. Turns of one case share their luck: with probability
`SHARED_LUCK` a turn takes the case's own draw instead of a fresh one, which gives a correlation of its square between two
turns and leaves the shares as they are.
"""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.words import FailureKind
from app.simulator.draws import one_of, uniform, weighted

SHARED_LUCK = 0.5
ANSWERS, EXTRACTION, ESCALATIONS = "answers", "extraction", "escalations"
FULL_LEVEL = 6


class Relation(StrEnum):
    """How the candidate's reply compares with the incumbent's."""

    BETTER = "better"
    TIE = "tie"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares of the relations among pairs of two replies, and how often each arm gives none."""

    better: float
    tie: float
    worse: float
    incumbent_failure_rate: float = 0.004
    candidate_failure_rate: float = 0.006

    @property
    def win_rate(self) -> float:
        """Expected preference for the candidate: a failure loses, two failures are a tie."""
        incumbent, candidate = self.incumbent_failure_rate, self.candidate_failure_rate
        replies = (1 - incumbent) * (1 - candidate) * (self.better + 0.5 * self.tie)
        return replies + incumbent * (1 - candidate) + 0.5 * incumbent * candidate


QUALITY = {
    ANSWERS: Quality(better=0.27, tie=0.46, worse=0.27),
    EXTRACTION: Quality(better=0.30, tie=0.62, worse=0.08),
    ESCALATIONS: Quality(better=0.11, tie=0.29, worse=0.60),
}
# A case's first digit says its segment: whoever reads a request knows it, and no list has to be kept.
FIRST_DIGIT = {ANSWERS: 1, EXTRACTION: 2, ESCALATIONS: 3}
CASE_NUMBERS = 100_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The truth of one turn; levels count how many of six things a reply gets right."""

    relation: Relation
    incumbent_level: int
    candidate_level: int
    incumbent_failure: FailureKind | None
    candidate_failure: FailureKind | None

    @property
    def preference(self) -> float:
        """What an infallible judge would say: 1 = the candidate's reply is better."""
        if self.incumbent_failure or self.candidate_failure:
            return 0.5 + 0.5 * (bool(self.incumbent_failure) - bool(self.candidate_failure))
        return {Relation.BETTER: 1.0, Relation.TIE: 0.5, Relation.WORSE: 0.0}[self.relation]


def case_number(segment: str, index: int) -> int:
    """The number of a segment's case, `index` counting from 0."""
    return FIRST_DIGIT[segment] * CASE_NUMBERS + index


def segment_of(case: int) -> str:
    """The segment of a case number.

    Raises:
        ValueError: If no segment has such numbers.
    """
    for segment, digit in FIRST_DIGIT.items():
        if case // CASE_NUMBERS == digit:
            return segment
    message = f"no simulated case has the number {case}"
    raise ValueError(message)


def outcome_of(seed: int, case: int, turn: int) -> Outcome:
    """What happens in one turn of a case."""
    segment = segment_of(case)
    quality = QUALITY[segment]
    shares = {Relation.BETTER: quality.better, Relation.TIE: quality.tie, Relation.WORSE: quality.worse}
    shared = uniform(seed, case, turn, "luck") < SHARED_LUCK
    relation = weighted(shares, seed, case, "relation") if shared else weighted(shares, seed, case, turn, "relation")
    levels = _levels(relation, segment, seed, case, turn)
    failures = (
        _failure(quality.incumbent_failure_rate, seed, case, turn, "incumbent"),
        _failure(quality.candidate_failure_rate, seed, case, turn, "candidate"),
    )
    return Outcome(relation, *levels, *failures)


def true_win_rates() -> dict[str, float]:
    """The expected preference for the candidate, by segment."""
    return {segment: quality.win_rate for segment, quality in QUALITY.items()}


def _levels(relation: Relation, segment: str, seed: int, case: int, turn: int) -> tuple[int, int]:
    step = 1 if uniform(seed, case, turn, "step") < 0.5 else 2  # noqa: PLR2004 - half of the wins are narrow
    worse = FULL_LEVEL - step if segment == EXTRACTION else one_of((3, 4), seed, case, turn, "level")
    if segment == EXTRACTION and relation is Relation.TIE:
        worse = FULL_LEVEL if uniform(seed, case, turn, "level") < 0.7 else FULL_LEVEL - 1  # noqa: PLR2004
    better = worse + (0 if relation is Relation.TIE else step)
    return (worse, better) if relation is Relation.BETTER else (better, worse)


def _failure(rate: float, seed: int, case: int, turn: int, arm: str) -> FailureKind | None:
    if uniform(seed, case, turn, arm, "fails") >= rate:
        return None
    return one_of((FailureKind.HTTP, FailureKind.HTTP, FailureKind.TIMEOUT), seed, case, turn, arm, "failure")
