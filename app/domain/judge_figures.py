"""What is known of a judge's habits and of what it was shown: part of the scorecard that describes and decides nothing."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model


class AnswersModel(Model):
    """A judge's answers to questions of one kind, and how many of them gave no grade.

    Attributes:
        shown_first: Whose reply was shown first: `incumbent`, `candidate`, or `unknown` of imported grades.
        length: Of the longer of the two replies: `short` below 1,000 characters, `medium` below 5,000, else `long`;
            `unknown` where no length is stored (tool calls alone have none).
        answers: All, with a grade or without.
        ungraded: Those without.
        reasons: Why, by reason.
        ungraded_rate: Their share, n = answers; answers of one conversation are not independent.
    """

    shown_first: str
    length: str
    answers: int
    ungraded: int
    reasons: dict[str, int] = {}
    ungraded_rate: EstimateModel = EstimateModel()


class JudgeFigures(Model):
    """The judge's answers about one candidate; of pairs that count, by grades that count.

    The figures of the random sample rest on pairs that are asked in both orders whatever the first answer is: all pairs with
    `second_order = "always"`, else a random tenth. So they measure the judge without the choice that the other figures have,
    where a second order was asked only after a decisive answer. Without a judge to ask there is no such sample.

    Attributes:
        position_consistency_random: Share of the sample's pairs with the same winner in both orders, n = pairs.
        first_shown_random: Share of the sample's decisive answers that chose the reply shown first, n = answers.
        judged_pairs: Pairs with an answer of the judge.
        cut_pairs: Those of them of which the judge saw a part of some text only, because it is too long.
        answers: By what was shown first and by length.
    """

    position_consistency_random: EstimateModel = EstimateModel()
    first_shown_random: EstimateModel = EstimateModel()
    judged_pairs: int = 0
    cut_pairs: int = 0
    answers: list[AnswersModel] = []
