"""What people say of a pair whose replies are shown blind, and what that means for the candidate."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.domain.grading import PairKey

TIE = 0.5
LABELS_NEEDED = 200
"""CONTRACTS section 5: a verdict that rests on a judge needs as many usable labels from people."""


class Queue(StrEnum):
    """`DRAWN`: by hash, for inference; `UNCERTAIN`: where the judge wavers, to learn from, never in inference."""

    DRAWN = "drawn"
    UNCERTAIN = "uncertain"


class Answer(StrEnum):
    """What a person says of the reply shown first and the one shown second."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    SKIP = "skip"


class LabelSource(StrEnum):
    """Where a label was made: `PAGE` = blind, on a pair that we offered, on the page or in an exported queue."""

    PAGE = "page"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Label:
    """A person's preference of a pair.

    Attributes:
        key: The pair.
        value: For the arm that is compared with the incumbent; `None` = skipped.
        skipped: Why, if it was.
        critical: Whether the arm's reply must never happen; `None` = not said.
        incumbent_critical: The same of the incumbent's.
        reason: More about the value, such as `both_bad`.
        draw_probability: The conversation's chance to be drawn; `None` = the label never enters inference.
        at_given: Whether the time was given by an import.
        shown_first: The arm whose reply was shown first; `None` = not known.
    """

    key: PairKey
    rater: str
    value: float | None
    at: datetime
    source: LabelSource
    skipped: str | None = None
    critical: bool | None = None
    incumbent_critical: bool | None = None
    reason: str | None = None
    draw_probability: float | None = None
    at_given: bool = False
    shown_first: str | None = None


class StoredAnswer(NamedTuple):
    """That somebody answered: the narrow part of a label."""

    key: PairKey
    rater: str
    value: float | None
    draw_probability: float | None
    source: LabelSource
    at: datetime


def preference_of(answer: Answer, *, arm_is_first: bool) -> float | None:
    """The preference for the arm that is compared with the incumbent; `None` = skipped.

    Example:
        >>> preference_of(Answer.FIRST, arm_is_first=True), preference_of(Answer.FIRST, arm_is_first=False)
        (1.0, 0.0)
        >>> preference_of(Answer.BOTH_BAD, arm_is_first=True), preference_of(Answer.SKIP, arm_is_first=True)
        (0.5, None)
    """
    if answer is Answer.SKIP:
        return None
    if answer in (Answer.TIE, Answer.BOTH_BAD):
        return TIE
    return 1.0 if (answer is Answer.FIRST) == arm_is_first else 0.0
