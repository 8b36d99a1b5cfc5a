"""What a scorecard says of money: both arms' month, the saving with its range, and what it rests on."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from decimal import Decimal
from typing import Literal

from app.domain.estimate_models import EstimateModel, Model, Money, MoneyEstimate
from app.domain.month_inputs import MonthInputs
from app.domain.reconciliation import ReconciliationModel
from app.domain.usage_figures import ArmUsage

InputSource = Literal["measured", "given", "field", "unknown"]
# Inputs that say what a month of the incumbent's tokens is made of.
INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = "input tokens a month", "of these from the cache", "output tokens a month"


class HoursModel(Model):
    """Logged engineering hours."""

    one_off: float = 0.0
    recurring_per_month: EstimateModel = EstimateModel()


class CostInput(Model):
    """One input of the cost model: its value with its range in its own unit, and where it comes from.

    `field` = a figure of published guides, named in `citation`, used only where nothing is measured or given, and never by the
    gate; `unknown` = nobody said.
    """

    name: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    source: InputSource
    citation: str = ""


class TornadoBar(Model):
    """The saving a month with one input at its low and its high end, all others as they are; widest first.

    `is_measured`: the ends are the 5th and 95th percentile of what was measured, else an assumed swing that `words` names.
    """

    input: str
    low: float
    high: float
    saving_at_low_usd: Money
    saving_at_high_usd: Money
    is_measured: bool
    words: str = ""


class ScenarioModel(Model):
    """The saving a month if something else were so; `probability` = that it is above 0 then."""

    name: str
    words: str
    saving_usd_per_month: MoneyEstimate
    probability_saving_positive: float | None = None
    total_saving_usd: Money | None = None


class StairModel(Model):
    """One step of the staircase: what so many requests a month cost on each side, with whole replicas."""

    requests_per_month: float
    incumbent_usd: Money
    candidate_usd: Money
    replicas: int


class OptionModel(Model):
    """Another way out at the measured tokens: only its price is known, `is_tested` says whether the pilot asked it."""

    name: str
    kind: Literal["incumbent", "candidate", "vendor_tier", "managed"]
    usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_usd_per_month: MoneyEstimate = MoneyEstimate()
    is_tested: bool = False
    source: str = ""
    words: str = ""


class PilotSpend(Model):
    """What the pilot itself cost, by purpose; sunk when the verdict is made and no part of either arm's month.

    `usd` None = nobody knows.
    """

    purpose: str
    usd: Money | None = None
    calls: int = 0
    hours: float | None = None


class CostModel(Model):
    """Money per month of 730 hours, as if all moved; `saving_of_split…` only for `HYBRID`: what its routing saves.

    Ranges (`low`, `high`) hold 95 % of the seeded draws; `saving_p5/p50/p95_usd` are their percentiles. `payback…months`: until
    the one-off hours are paid back; unknown beside draws = never. `total_usd` of each arm over the horizon. `break_even…`: a
    staircase of whole replicas.
    `model`: what the formula was given, to compute the points again; `None` without a closed day.
    """

    incumbent_usd_per_month: MoneyEstimate = MoneyEstimate()
    candidate_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_usd_per_month: MoneyEstimate = MoneyEstimate()
    saving_of_split_usd_per_month: MoneyEstimate = MoneyEstimate()
    probability_saving_positive: float | None = None
    probability_split_saving_positive: float | None = None
    break_even_requests_per_month: EstimateModel = EstimateModel()
    engineering_hours: HoursModel = HoursModel()
    pilot_usd: Money = Decimal(0)
    unpriced_models: list[str] = []
    missing: list[str] = []
    parts: dict[str, Money | None] = {}
    requests_per_month: float | None = None
    saving_p5_usd: Money | None = None
    saving_p50_usd: Money | None = None
    saving_p95_usd: Money | None = None
    draws: int = 0
    seed: int | None = None
    payback_months: EstimateModel = EstimateModel()
    payback_of_split_months: EstimateModel = EstimateModel()
    horizon_months: int | None = None
    incumbent_total_usd: MoneyEstimate = MoneyEstimate()
    candidate_total_usd: MoneyEstimate = MoneyEstimate()
    utilisation_rate: float | None = None
    inputs: list[CostInput] = []
    tornado: list[TornadoBar] = []
    scenarios: list[ScenarioModel] = []
    stairs: list[StairModel] = []
    options: list[OptionModel] = []
    pilot_spend: list[PilotSpend] = []
    reconciliation: ReconciliationModel | None = None
    pilot_total_usd: Money | None = None
    usage: list[ArmUsage] = []
    model: MonthInputs | None = None
