"""What rubrics say of single replies: a score stands for every pair that the reply is part of."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class CriterionMet:
    """How far a reply meets one criterion.

    Attributes:
        met: In [0, 1]; 1 = it holds.
        evidence: What of the reply shows it, as the judge quotes it.
        is_quoted: The evidence stands in the reply, or none was called for.
    """

    met: float
    evidence: str = ""
    is_quoted: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """A rubric's score of one reply, or why there is none.

    Attributes:
        arm_id: Whose reply it is.
        grader: The rubric, as the segment names it.
        version: Of the criteria, the prompt, the model and the temperature.
        value: Met points as a share of the positive ones: at most 1, below 0 where faults outweigh; `None` = not scored.
        criteria: In the rubric's order; none where there is no score.
    """

    arm_id: int
    grader: str
    version: str
    value: float | None
    ungraded: str | None = None
    criteria: tuple[CriterionMet, ...] = ()


@dataclass(frozen=True, slots=True)
class NewScore:
    """A score to be stored, and what it cost."""

    exchange_id: int
    score: Score
    rater: str
    reason: str
    at: datetime
    calls: int = 0
    cost_usd: Decimal = Decimal(0)
