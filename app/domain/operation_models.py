"""What a scorecard adds to times and failures: their days, the incumbent beside them, and the load that was seen."""

from app.domain.estimate_models import EstimateModel, Model


class DayEstimate(Model):
    """One day's number (n = exchanges of the day); the interval is that of this day alone."""

    day: int
    estimate: EstimateModel


class AgainstIncumbent(Model):
    """The candidate's 95th percentile less the incumbent's: descriptive, the gate rests on the objective alone.

    `None`, with the reason, where standing elsewhere (the control's offset) could explain it.
    """

    candidate_minus_incumbent_p95_seconds: EstimateModel | None = None
    vantage_offset_seconds: EstimateModel | None = None
    reason: str = ""


class LoadModel(Model):
    """What of production's requests the candidate was asked, on closed days; `None` = nothing is known.

    In all, and in the busiest minute of each: as the only server it would see all.
    """

    asked: int = 0
    production_requests: float = 0.0
    share: float | None = None
    asked_per_minute_peak: int | None = None
    production_per_minute_peak: int | None = None
    peak_share: float | None = None
    words: str = ""


class OutagesModel(Model):
    """How an arm's failures come together.

    `episodes`: failures that follow each other within five minutes are one; `design_effect`: how many times less the requests
    say than independent ones would, by day; `effective_trials` and `effective_failures`: what the gate counts before it passes.
    """

    episodes: int = 0
    design_effect: float = 1.0
    effective_trials: int = 0
    effective_failures: int = 0
