"""What a scorecard adds to times and failures: their days, the incumbent beside them, and the load that was seen."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

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


class CurvePoint(Model):
    """Within `seconds` this share of an arm's answers was there; `low` and `high` are its own always-valid interval."""

    share: float
    seconds: float
    low: float | None = None
    high: float | None = None


class ArmsCurve(Model):
    """How one kind of time is spread over both arms' answers; each point's interval is for that point alone."""

    incumbent: list[CurvePoint] = []
    candidate: list[CurvePoint] = []
    incumbent_n: int = 0
    candidate_n: int = 0


class GroupTimes(Model):
    """One arm's times within a group of its answers; fewer than 20 answers have an n and no values."""

    p50: EstimateModel = EstimateModel()
    p95: EstimateModel = EstimateModel()


class HourTimes(Model):
    """Both arms' times of the requests that arrived in one hour of the day, in the pilot's zone."""

    hour: int
    incumbent: GroupTimes = GroupTimes()
    candidate: GroupTimes = GroupTimes()


class LoadTimes(Model):
    """One arm's times by how many of its requests were under way as one arrived, itself counted."""

    at_once_from: int
    at_once_to: int
    at_once_mean: float
    times: GroupTimes = GroupTimes()


class ArmsByLoad(Model):
    """Each arm by its own load: bins at quantiles of that load."""

    incumbent: list[LoadTimes] = []
    candidate: list[LoadTimes] = []
