"""Step 1 of the decision: what an export of the vendor says of volume and spend, and whether to pilot at all."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import date
from typing import Literal

from app.domain.estimate_models import Model, Money
from app.domain.rules_of_thumb import RuleOfThumb

UsageAdvice = Literal["pilot", "stay", "cheaper_tier_first", "unknown"]


class UsageVolume(Model):
    """Of a month of 730 hours, as the export's days say; `None` = the export does not say."""

    requests: float | None = None
    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    output_tokens: float | None = None
    usd: Money | None = None

    @property
    def tokens(self) -> float | None:
        """Input and output; `None` where either is unknown."""
        return None if self.input_tokens is None or self.output_tokens is None else self.input_tokens + self.output_tokens


class UsageByModel(UsageVolume):
    """One model's month; `share_rate` = of all dollars, else of all tokens. `usd_source`: export, price table, unknown."""

    model: str
    share_rate: float | None = None
    usd_source: str = "unknown"


class UsageByKind(Model):
    """What a month's dollars are for: input, cached input, output, other; by list prices where the export does not split."""

    kind: str
    usd: Money
    share_rate: float


class UsagePeriod(Model):
    """A day, or the days of one calendar month that are in the export."""

    period: str
    days: int
    tokens: float | None = None
    usd: Money | None = None


class CheaperOption(Model):
    """Another way to buy the same tokens; its quality is not tested."""

    model: str
    vendor: str
    kind: Literal["vendor_tier", "managed"]
    instead_of: str
    usd_per_month: Money
    saving_usd_per_month: Money
    source: str
    words: str = "quality not tested"


class BestCase(Model):
    """The least that self-hosting can cost a month, and what could be saved at most and in a dear case."""

    gpu: str
    gpu_usd: Money
    upkeep_usd: Money
    least_usd: Money
    dear_usd: Money
    saving_at_most_usd: Money | None = None
    saving_in_a_dear_case_usd: Money | None = None
    words: str
    sources: list[str] = []


class UsagePlan(Model):
    """What an export says, a month of 730 hours reckoned from its days.

    Attributes:
        format: As which the file was recognised.
        days: Calendar days (UTC) from the first to the last one of the export.
        trend_rate: The later part of the export over the earlier one, less 1, in dollars or else tokens a day.
        unpriced_models: Models without dollars in the export whose price nobody knows: the spend is unknown.
        tokens_at_least: The tokens that are known, where some lines have usage and no counts: those of a month are unknown.
        advice: Pilot, stay, try a cheaper model of the vendor first; or unknown, with what is missing.
        reasons: Why, the strongest first.
    """

    format: str
    first_day: date
    last_day: date
    days: int
    month: UsageVolume
    by_model: list[UsageByModel] = []
    by_kind: list[UsageByKind] = []
    by_month: list[UsagePeriod] = []
    by_day: list[UsagePeriod] = []
    trend_rate: float | None = None
    trend_words: str = ""
    unpriced_models: list[str] = []
    tokens_at_least: float | None = None
    rules: list[RuleOfThumb] = []
    best_case: BestCase
    options: list[CheaperOption] = []
    has_privacy_constraint: bool = False
    advice: UsageAdvice
    reasons: list[str]
    notes: list[str] = []
