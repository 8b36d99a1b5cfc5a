"""A plan before a pilot exists: what is asked, and what is answered."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.estimate_models import EstimateModel, Model
from app.domain.toml_table import Margin, Name

MOST_RATES, MOST_SEGMENTS, MOST_RUNS = 9, 12, 2000
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
PerDay = Annotated[float, Field(gt=0, le=10**7, allow_inf_nan=False)]
WinRate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class PlanQuestion(BaseModel):
    """What a plan is asked for; what is left out is taken from `toml`, else from the defaults that are named here.

    Attributes:
        toml: The text of a `pilot.toml`.
        margin: Default 0.05.
        tie_rate: Share of pairs that people call a tie.
        icc: Correlation of two pairs of one conversation.
        pairs_per_conversation: Mean.
        conversations_per_day: Mean, of the sample; default: planned conversations / days, else 50.
        weekend_volume: Traffic of a weekend's day over that of another.
        day_swing: Standard deviation of the true win rate from day to day.
        segments: Share of the conversations of each registered segment; the rest is `other`.
        labels_per_day: Default 15.
        skip_rate: Share of drawn pairs that people leave unanswered.
        label_delay_days: Whole days between a conversation and its label.
        days: 14 to 42, default 28.
        judge_accuracy: Share of the pairs that people decide on which the judge says the same.
        candidates: How many; default 1.
        true_win_rates: At which the chances are given; default: the margin, parity, and three around.
        power: With which chance an equal candidate shall be told to migrate.
        runs: Simulated pilots.
        seed: The same gives the same answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    toml: str | None = None
    margin: Margin | None = None
    tie_rate: float = Field(default=0.3, ge=0, lt=1, allow_inf_nan=False)
    icc: float = Field(default=0.25, ge=0, le=1, allow_inf_nan=False)
    pairs_per_conversation: float = Field(default=2.0, ge=1, le=100, allow_inf_nan=False)
    conversations_per_day: PerDay | None = None
    weekend_volume: float = Field(default=0.4, ge=0, le=10, allow_inf_nan=False)
    day_swing: float = Field(default=0.0, ge=0, le=0.25, allow_inf_nan=False)
    segments: Annotated[dict[Name, Share], Field(max_length=MOST_SEGMENTS)] | None = None
    labels_per_day: int | None = Field(default=None, ge=0, le=10_000)
    skip_rate: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    label_delay_days: int = Field(default=1, ge=0, le=42)
    days: int | None = Field(default=None, ge=14, le=42)
    judge_accuracy: float = Field(default=0.8, gt=0, le=1, allow_inf_nan=False)
    candidates: int | None = Field(default=None, ge=1, le=20)
    true_win_rates: Annotated[tuple[WinRate, ...], Field(min_length=1, max_length=MOST_RATES)] | None = None
    power: float = Field(default=0.8, ge=0.5, le=0.99, allow_inf_nan=False)
    runs: int = Field(default=1000, ge=100, le=MOST_RUNS)
    seed: int = Field(default=0, ge=0, le=2**31)

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                nearest = difflib.get_close_matches(str(name), cls.model_fields, n=1, cutoff=0.0)
                known = ", ".join(cls.model_fields)
                message = f"unknown parameter '{str(name)[:60]}'; did you mean '{nearest[0]}'? Known: {known}"
                raise ValueError(message)
        return given


class EndsModel(Model):
    """Chance of each end on quality; n = simulated pilots."""

    migrate: EstimateModel
    dont_migrate: EstimateModel
    unknown: EstimateModel


class ChancesModel(Model):
    """At one true win rate: if the judge said what people would (the upper limit), and corrected by the planned labels.

    `corrected` is `None` where a judge decides and nobody labels: then no verdict may rest on it.
    """

    true_win_rate: float
    judge_trusted: EndsModel
    corrected: EndsModel | None = None


class NeededModel(Model):
    """What it takes to show an equal candidate with the wanted chance; `None` = no such number helps.

    `conversations` if the judge said what people would; `labels` at the planned conversations, `labels_per_day` those in all
    segments together; `days` at the planned conversations and labels a day; `cost_factor`: times the conversations of a test
    with one look, measured on the rule by simulation (n = pilots); `shown_from`: least true win rate that the plan shows.
    """

    conversations: int
    labels: int | None = None
    labels_per_day: int | None = None
    days: int | None = None
    cost_factor: EstimateModel
    shown_from: float | None = None


class SeriesPlanModel(Model):
    """The plan of the whole or of one segment; `settles`: an equal candidate is told to migrate with the wanted chance."""

    share: float
    margin: float
    threshold: float
    alpha: float
    needs_people: bool
    conversations: float
    labels: float
    draw_probability: float | None
    chances: list[ChancesModel]
    needed: NeededModel
    settles: bool
    words: str


class CalibrationModel(Model):
    """People's labels without which no verdict rests on a judge; `days` it takes to make them, `None` = the plan never does."""

    labels: int
    planned: float
    days: int | None
    words: str


class PlanAnswer(Model):
    """A plan's answer; `plan` repeats what it rests on, `assumed` says what was not given."""

    plan: dict[str, float | int | list[float] | dict[str, float] | None]
    assumed: list[str] = []
    looks: list[int]
    whole: SeriesPlanModel
    segments: dict[str, SeriesPlanModel] = {}
    calibration: CalibrationModel | None = None
    warnings: list[str] = []
    recommendation: str
