"""Figures of days: what closed days add up to, one by one and together. Percentiles are within half a percent."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import EstimateModel, Model


class Percentiles(Model):
    """Of one kind of time, in seconds; `None` = no time is known."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class SideFigures(Model):
    """One side of the pairs: how often it failed where the candidate was asked, how fast it was, its tokens."""

    asked: int = 0
    failures: dict[str, int] = {}
    failure_rate: float | None = None
    times: dict[str, Percentiles] = {}
    input_tokens: float = 0.0
    cached_input_tokens: float = 0.0
    output_tokens: float = 0.0


class CandidateFigures(Model):
    """One candidate; `segments` are the win rates of each kind of work."""

    coverage: dict[str, int] = {}
    pairs: int = 0
    ties: int = 0
    flips: int = 0
    ungraded: dict[str, int] = {}
    win_rate: EstimateModel = EstimateModel()
    segments: dict[str, EstimateModel] = {}
    incumbent: SideFigures = SideFigures()
    candidate: SideFigures = SideFigures()


class Figures(Model):
    """One day, or several together."""

    exchanges: dict[str, int] = {}
    requests: float = 0.0
    requests_per_minute_peak: int | None = None
    candidates: dict[str, CandidateFigures] = {}


class DayFigures(Figures):
    """One day."""

    day: int


class DaysModel(Model):
    """The closed days that were asked for, and all of them together."""

    pilot: str
    days: list[DayFigures] = []
    together: Figures = Figures()
