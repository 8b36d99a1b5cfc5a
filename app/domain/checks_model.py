"""What rules find in the replies of both arms: part of the scorecard that describes and decides nothing."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model


class CheckModel(Model):
    """One rule, over exchanges that both arms answered and where it applies to at least one of the two replies.

    Counts are of exchanges. Rates and their difference (candidate minus incumbent: above 0 = it is found in more of the
    candidate's replies) are means over conversations, n = conversations: what stands together counts once.

    Attributes:
        name: Of the rule; the user's own begin with `own:`.
        exchanges: All that are compared.
        incumbent_applied: Where it applies to the incumbent's reply.
        candidate_applied: Where it applies to the candidate's.
        incumbent_found: In the incumbent's replies.
        candidate_found: In the candidate's.
        both_found: In both replies of an exchange.
        incumbent_only: In the incumbent's alone.
        candidate_only: In the candidate's alone.
    """

    name: str
    exchanges: int = 0
    incumbent_applied: int = 0
    candidate_applied: int = 0
    incumbent_found: int = 0
    candidate_found: int = 0
    both_found: int = 0
    incumbent_only: int = 0
    candidate_only: int = 0
    incumbent_rate: EstimateModel = EstimateModel()
    candidate_rate: EstimateModel = EstimateModel()
    difference: EstimateModel = EstimateModel()


class SegmentChecks(Model):
    """The same of one kind of work. `length_ratio` as in `ChecksModel`."""

    rules: list[CheckModel] = []
    length_ratio: EstimateModel = EstimateModel()


class ChecksModel(Model):
    """All rules of one candidate.

    Attributes:
        exchanges: That both arms answered, on closed days.
        looked_at: Those of them where both replies were looked at with the present rules; of the others no text is kept, or
            grading has not been asked for since the rules changed.
        rules: Those that apply anywhere, the greatest difference first.
        length_ratio: Characters of the candidate's replies for one of the incumbent's: the median over conversations, with
            an always-valid interval; n = conversations.
        segments: By the conversation's segment.
    """

    exchanges: int = 0
    looked_at: int = 0
    rules: list[CheckModel] = []
    length_ratio: EstimateModel = EstimateModel()
    segments: dict[str, SegmentChecks] = {}
