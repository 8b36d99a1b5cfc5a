"""What would move and what would stay: the split that saves most while each moved kind of work passes (docs/hybrid.md)."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model, Money, MoneyEstimate


class SplitSegment(Model):
    """One kind of work in the split.

    `saving_alone…`: if it moved alone. `saving_beside…`: what its moving adds to what else moves (would add, if it stays).
    `share_of_requests`: of all production requests.
    """

    name: str
    moves: bool
    why: str = ""
    requests_per_month: float | None = None
    share_of_requests: float | None = None
    win_rate: EstimateModel = EstimateModel()
    incumbent_usd_per_month: MoneyEstimate = MoneyEstimate()
    candidate_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_alone_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_beside_usd_per_month: MoneyEstimate = MoneyEstimate()


class FrontierPoint(Model):
    """The split of so many kinds of work that saves most; `share_of_requests` moves with it."""

    moved: list[str]
    saving_usd_per_month: Money
    share_of_requests: float | None = None


class KindModel(Model):
    """A kind of request that nobody registered: `holds` = the lower bound of its win rate clears the margin, after Holm.

    `incumbent_usd_per_month`: what the incumbent bills for it; `saving_tokens…`: less the candidate's tokens for it, rent and
    people left out. Descriptive: nothing moves by it.
    """

    name: str
    conversations: int = 0
    win_rate: EstimateModel = EstimateModel()
    bound: float | None = None
    holds: bool = False
    incumbent_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_tokens_usd_per_month: MoneyEstimate = MoneyEstimate()


class SplitModel(Model):
    """The best split of registered kinds of work as of now; `is_verdict` = the verdict is `HYBRID` and routes by it.

    `blended…` are of all traffic with the split: cost is the incumbent's for what stays and the candidate's for what moves; the
    win rate weighs each kind by its requests, and what stays counts 0.5, the incumbent against itself.
    """

    moved: list[str] = []
    stays: list[str] = []
    left_out: list[str] = []
    is_verdict: bool = False
    words: str = ""
    segments: list[SplitSegment] = []
    moved_share_of_requests: float | None = None
    incumbent_usd_per_month: MoneyEstimate = MoneyEstimate()
    blended_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_usd_per_month: MoneyEstimate = MoneyEstimate()
    blended_win_rate: EstimateModel = EstimateModel()
    frontier: list[FrontierPoint] = []
    by_turn: list[KindModel] = []
    by_prompt_length: list[KindModel] = []
    suggestions: list[str] = []
