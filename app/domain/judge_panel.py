"""How far judges of other families agree with the judge."""

from app.domain.estimate_models import EstimateModel, Model


class PanelModel(Model):
    """One judge of the panel, over the pairs that both looked at; a tie agrees with a tie.

    `judge_better_panel_worse` counts pairs where the judge takes the candidate's reply and the panel's judge the
    incumbent's; `win_rate_difference` is the panel's mean preference minus the judge's, on the same pairs; its n are
    conversations.
    """

    name: str
    model: str
    family: str | None
    pairs: int
    agreement_rate: EstimateModel
    kappa: EstimateModel
    judge_better_panel_worse: int = 0
    judge_worse_panel_better: int = 0
    win_rate_difference: EstimateModel
    ungraded: int = 0
