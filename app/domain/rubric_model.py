"""What rubrics say of the replies of both arms: part of a scorecard that describes, beside the win rate that it decides."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model


class CriterionModel(Model):
    """One criterion: how far it is met in the replies of both arms, over exchanges of which both replies are scored.

    Rates are means over conversations, n = conversations; the difference is the candidate's minus the incumbent's. `points`
    below 0 = a fault, so that a difference above 0 speaks against the candidate.
    """

    text: str
    points: float
    critical: bool = False
    incumbent_rate: EstimateModel = EstimateModel()
    candidate_rate: EstimateModel = EstimateModel()
    difference: EstimateModel = EstimateModel()


class RubricModel(Model):
    """The scores by one segment grader.

    Attributes:
        segments: That it grades.
        version: Of the scores that count.
        exchanges: Both of whose replies are scored.
        incumbent_score: Mean over conversations, clipped to [0, 1] as single scores are not; n = conversations.
        candidate_score: The same.
        difference: The candidate's mean minus the incumbent's, not clipped: twice the win rate's distance from 0.5.
        criteria: The greatest difference first.
        incumbent_unquoted: Merits that the judge found met with evidence that does not stand in the incumbent's reply.
        candidate_unquoted: The same of the candidate's.
        incumbent_unscored: Replies of exchanges that count for which the judge gave no score.
        candidate_unscored: The same.
    """

    segments: list[str] = []
    version: str = ""
    exchanges: int = 0
    incumbent_score: EstimateModel = EstimateModel()
    candidate_score: EstimateModel = EstimateModel()
    difference: EstimateModel = EstimateModel()
    criteria: list[CriterionModel] = []
    incumbent_unquoted: int = 0
    candidate_unquoted: int = 0
    incumbent_unscored: int = 0
    candidate_unscored: int = 0


class RubricCriticalModel(Model):
    """Replies that meet a critical criterion of a rubric, a judge's word and no person's.

    `scored` counts exchanges of which both replies are scored, and whose rubric has a critical criterion. Rates are means
    over conversations (n = conversations); `exchanges` names the first of the candidate's.
    """

    scored: int = 0
    candidate_marked: int = 0
    incumbent_marked: int = 0
    candidate_rate: EstimateModel = EstimateModel()
    incumbent_rate: EstimateModel = EstimateModel()
    exchanges: list[str] = []
