"""Which conversations a judge looks at where its budget does not reach for all of them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.domain.draws import draw_point
from app.domain.estimate_models import Model, Money

# A stratum that nobody labels is never left out altogether: what has no chance to be seen has no weight either.
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class JudgeShare:
    """The chance of a stratum's conversations to be drawn for the judge, decided before any of them was judged.

    Attributes:
        version: Of the judge.
        segment: Of the conversation.
        week: Monday (UTC) of the week in which its first exchange arrived.
        share: In [0, 1]; conversations that people are asked about are judged besides.
        pairs_expected: How many pairs the stratum was expected to have.
        usd_expected: What judging all of them was expected to cost.
    """

    version: str
    segment: str
    week: date
    share: float
    pairs_expected: int
    usd_expected: Decimal


class JudgeShareModel(Model):
    """The same as the scorecard says it: `drawn` of the counted `conversations` were for the judge or for people."""

    segment: str
    week: date
    share: float
    conversations: int
    drawn: int
    usd_expected: Money


def judging_point(pilot: str, conversation: str) -> float:
    """The conversation's point in [0, 1): it is judged if the point is below its stratum's share.

    Independent of the draws for people, which are made from the registration's hash.
    """
    return draw_point(f"judge of {pilot}", conversation)


def chance_of_judging(share: float, label_probability: float) -> float:
    """A conversation is judged if it is drawn for the judge or, independently, for people."""
    return 1.0 - (1.0 - share) * (1.0 - label_probability)
