"""Whether a judge likes long replies better than people do."""

from app.domain.estimate_models import EstimateModel, Model


class LengthPreference(Model):
    """Of pairs that one side won: how often it was the longer reply's; n = pairs.

    Replies whose lengths differ by less than a tenth are left out. `judge` is over all judged pairs, `judge_same` and `people`
    over those that both decided: the difference of these two is the judge's own liking.
    """

    judge: EstimateModel = EstimateModel()
    judge_same: EstimateModel = EstimateModel()
    people: EstimateModel = EstimateModel()
