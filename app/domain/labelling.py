"""What people say of a pair whose replies are shown blind, and what that means for the candidate."""

from enum import StrEnum

TIE = 0.5


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
    """Where a label was made."""

    PAGE = "page"
    IMPORTED = "imported"


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
