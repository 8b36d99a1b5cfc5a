"""Parts of a scorecard that describe and never decide: quality by kind of request, critical replies."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model
from app.domain.rubric_model import RubricCriticalModel


class GroupModel(Model):
    """The win rate of one group of pairs; `conversations` are those with a pair in it, graded or not.

    A conversation of several groups is in each of them with its own pairs. `win_rate` as for the whole: n = conversations, an
    interval that may be looked at every day, in which a pair without a preference is bounded at 0 and 1.

    `holds`: its one-sided lower `bound` clears the pilot's limit, at Holm's share of the error probability of the whole table.
    """

    name: str
    pairs: int = 0
    conversations: int = 0
    win_rate: EstimateModel = EstimateModel()
    bound: float | None = None
    holds: bool = False


class CriticalModel(Model):
    """Replies of the candidate that people marked as ones that must never happen.

    `rate` rests on labels that were drawn by chance (n = conversations, each weighted by 1 / its draw probability). `labelled`
    and `marked` count pairs with any label, the drawn ones and the others; `exchanges` names the first of the marked ones.
    `by_rubric` is a source of its own: what a judge found by criteria that are registered as critical.
    """

    rate: EstimateModel = EstimateModel()
    labelled: int = 0
    marked: int = 0
    exchanges: list[str] = []
    by_rubric: RubricCriticalModel = RubricCriticalModel()


class SharesModel(Model):
    """What part of the candidate's answers is better, the same and worse, each conversation counting once.

    `n` = conversations that say so, each share with its own 95% interval; unknown without any. A failure is worse, an equal
    answer the same: nobody needs to look at those, so they are in both sources.
    """

    better: EstimateModel = EstimateModel()
    same: EstimateModel = EstimateModel()
    worse: EstimateModel = EstimateModel()


class BusinessQuality(Model):
    """The same shares by people's drawn labels, weighted by 1 / their draw probability, and by judge and rules alone.

    `looked_at`: drawn conversations with a person's answer.
    """

    by_people: SharesModel = SharesModel()
    by_judge: SharesModel = SharesModel()
    looked_at: int = 0
