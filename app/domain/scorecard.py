"""The scorecard: all estimates of a pilot at one moment (CONTRACTS section 5). Names are promises: only add.

Money is a `Decimal` and leaves as a decimal string; an unknown number is `None`.
"""

# Pydantic copies mutable defaults; the parts of estimate_models are handed on from here.
# ruff: noqa: RUF012, PLC0414

from datetime import datetime

from pydantic import ConfigDict, Field

from app.domain.canaries import CanaryModel
from app.domain.capacity_figures import CapacityModel as CapacityModel
from app.domain.checks_model import ChecksModel
from app.domain.confusion import ConfusionModel
from app.domain.cost_figures import CostModel as CostModel
from app.domain.cost_figures import HoursModel as HoursModel
from app.domain.drift import DriftModel
from app.domain.estimate_models import EstimateModel as EstimateModel
from app.domain.estimate_models import Model as Model
from app.domain.estimate_models import Money as Money
from app.domain.estimate_models import MoneyEstimate as MoneyEstimate
from app.domain.groups import BusinessQuality, CriticalModel, GroupModel
from app.domain.judge_figures import JudgeFigures
from app.domain.judge_money import JudgeMoneyModel
from app.domain.judge_panel import PanelModel
from app.domain.judge_sample import JudgeShareModel
from app.domain.length_preference import LengthPreference
from app.domain.operation_models import (
    AgainstIncumbent,
    ArmsByLoad,
    ArmsCurve,
    DayEstimate,
    HourTimes,
    LoadModel,
    OutagesModel,
)
from app.domain.registration_models import ChangeModel as ChangeModel
from app.domain.registration_models import RegistrationModel as RegistrationModel
from app.domain.rehearsal import RehearsalModel
from app.domain.rubric_model import RubricModel
from app.domain.rules_of_thumb import RuleOfThumb
from app.domain.serving import ServingModel
from app.domain.split import SplitModel
from app.domain.words import GateName, GateOutcome, Outcome

SCHEMA_VERSION = 1


class Window(Model):
    """Days 1 to the last planned one."""

    from_: datetime | None = Field(alias="from", serialization_alias="from", default=None)
    to: datetime | None = None

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HourCount(Model):
    """Requests of one hour that we left out, by why; `shed` are those that our own bounds kept out."""

    hour: datetime
    shed: int = 0
    over_budget: int = 0
    not_asked: int = 0


class DayCoverage(Model):
    """The production requests of one day of the window, and how many of them were captured, lost or are not finished yet."""

    day: int
    production_requests: int = 0
    captured: int = 0
    lost: int = 0
    pending: int = 0


class LedgerModel(Model):
    """Every production request until now, by its one reason.

    `lost_because` says what of `lost` was shed by a producer, never came, or came without the incumbent's reply;
    `retries_folded` are attempts of clients' SDKs that are no requests of their own. `by_day` holds the window's days; of
    requests that never came nobody knows the day.
    """

    production_requests: int = 0
    by_reason: dict[str, int]
    unknown_seconds: float = 0.0
    lost_because: dict[str, int] = {}
    retries_folded: int = 0
    late_replies: int = 0
    shed_by_hour: list[HourCount] = []
    by_day: list[DayCoverage] = []


class PairCoverage(Model):
    """What became of each captured exchange for one candidate; adds up to `captured`."""

    both_ok: int = 0
    candidate_failed: int = 0
    incumbent_failed: int = 0
    both_failed: int = 0
    shed: int = 0
    over_budget: int = 0
    not_asked: int = 0
    pending: int = 0


class DayPoint(Model):
    """The win rate over all days up to one, with its always-valid interval (n = conversations so far)."""

    day: int
    n: int
    value: float | None
    low: float | None
    high: float | None
    day_value: float | None = None
    day_n: int = 0


class JudgeAgreement(Model):
    """One rater's grades against people's labels; descriptive unless it is the judge."""

    rater: str
    accuracy: EstimateModel
    kappa: EstimateModel
    parsed_answers: int = 0
    position_consistency_rate: float | None = None
    position_consistency_n: int = 0
    first_shown_rate: float | None = None
    first_shown_n: int = 0
    flips: int = 0
    ungraded: dict[str, int] = {}
    win_rate_fixed: EstimateModel = EstimateModel()


class QualityModel(Model):
    """Win rates and how far the judge can be trusted.

    `rests_on` is `corrected` where people's drawn labels correct the judge, else `raw`: what the gate is decided on; the
    judge's accuracy rests on `compared_pairs`. `graded`: pairs of closed days that both answered and that have a preference.
    `passed_on` and `failed_on` are the days on which the rule first showed it. `drawn` pairs people are asked about, of
    which `skipped` and, after 7 days, `missing` have no answer; `waiting_days` are closed days that wait for answers;
    `judge_weights` is the judge's weight by week. `end_level` and `last_week` are what the guard against a falling
    candidate reads; `is_held_back`: it holds back what the rule showed.
    """

    win_rate: EstimateModel
    win_rate_fixed: EstimateModel
    win_rate_without_failures: EstimateModel
    win_rate_length_controlled: EstimateModel
    win_rate_human_corrected: EstimateModel
    ties: int = 0
    flips: int = 0
    ungraded: dict[str, int] = {}
    position_consistency_rate: float | None = None
    position_consistency_n: int = 0
    first_shown_rate: float | None = None
    first_shown_n: int = 0
    judge_accuracy: EstimateModel
    judge_kappa: EstimateModel
    labels: int = 0
    usable_labels: int = 0
    graded: int | None = None
    compared_pairs: int = 0
    people_win_rate: EstimateModel = EstimateModel()
    rater_agreement: EstimateModel = EstimateModel()
    by_day: list[DayPoint] = []
    raters: list[JudgeAgreement] = []
    panel: list[PanelModel] = []
    length_preference: LengthPreference = LengthPreference()
    by_turn: list[GroupModel] = []
    by_prompt_length: list[GroupModel] = []
    rests_on: str = "raw"
    passed_on: int | None = None
    failed_on: int | None = None
    drawn: int = 0
    skipped: int = 0
    missing: int = 0
    waiting_days: list[int] = []
    corrected_by_day: list[DayPoint] = []
    judge_weights: list[float] = []
    end_level: float | None = None
    last_week: float | None = None
    is_falling: bool = False
    is_held_back: bool = False


class SegmentModel(Model):
    """One segment's quality; only registered ones have a say in the verdict."""

    registered: bool = True
    pairs: int = 0
    conversations: int = 0
    win_rate: EstimateModel
    margin: float | None = None
    alpha: float | None = None
    bound: float | None = None
    outcome: GateOutcome
    labels: int = 0
    judge: JudgeAgreement | None = None
    reason: str = ""
    rests_on: str = "raw"
    win_rate_human_corrected: EstimateModel = EstimateModel()
    passed_on: int | None = None
    failed_on: int | None = None
    drawn: int = 0
    skipped: int = 0
    missing: int = 0
    is_held_back: bool = False
    confusion: ConfusionModel | None = None


class ArmsEstimate(Model):
    """The same number of both arms."""

    incumbent: EstimateModel = EstimateModel()
    candidate: EstimateModel = EstimateModel()


class Quantiles(Model):
    """Three quantiles of a time, of both arms."""

    p50: ArmsEstimate = ArmsEstimate()
    p95: ArmsEstimate = ArmsEstimate()
    p99: ArmsEstimate = ArmsEstimate()


class LatencyModel(Model):
    """Times in seconds; `basis` says whose timings they are (live, imported, none).

    By time (`ttft_any_seconds`, `total_seconds`): the candidate's `p95_by_day`, its `worst_day` of those with 20 exchanges, and
    `against_incumbent`. `load`: what of production's requests it saw. Of both arms, by time: `curve` (the whole distribution),
    `by_hour` of the day in the pilot's zone, `by_load` (each arm's own requests under way).
    """

    ttft_any_seconds: Quantiles = Quantiles()
    ttft_visible_seconds: Quantiles = Quantiles()
    total_seconds: Quantiles = Quantiles()
    tpot_seconds: Quantiles = Quantiles()
    load_tested: bool = False
    basis: str = "none"
    left_out_for_lag: int = 0
    queue_lag_seconds_p50: float | None = None
    queue_lag_seconds_p99: float | None = None
    queue_lag_n: int = 0
    p95_by_day: dict[str, list[DayEstimate]] = {}
    worst_day: dict[str, DayEstimate] = {}
    against_incumbent: dict[str, AgainstIncumbent] = {}
    load: LoadModel = LoadModel()
    curve: dict[str, ArmsCurve] = {}
    by_hour: dict[str, list[HourTimes]] = {}
    by_load: dict[str, ArmsByLoad] = {}


class ReliabilityModel(Model):
    """How often each arm failed, over captured exchanges that the candidate was asked.

    `…_available`: share of requests that found it in service (n = requests); `…_kind_rates`: of each kind of failure. By
    day, and `worst_day` of those with 20 requests; `outages`: how failures come together.
    """

    incumbent_failure_rate: EstimateModel
    candidate_failure_rate: EstimateModel
    candidate_available_rate: float | None = None
    failure_kinds: dict[str, int] = {}
    incumbent_failure_kinds: dict[str, int] = {}
    incumbent_attempts_folded: int = 0
    incumbent_failed_attempts: int = 0
    candidate_available: EstimateModel = EstimateModel()
    incumbent_available: EstimateModel = EstimateModel()
    failure_kind_rates: dict[str, EstimateModel] = {}
    incumbent_failure_kind_rates: dict[str, EstimateModel] = {}
    by_day: list[DayEstimate] = []
    incumbent_by_day: list[DayEstimate] = []
    worst_day: DayEstimate | None = None
    outages: OutagesModel = OutagesModel()
    incumbent_outages: OutagesModel = OutagesModel()


class GateModel(Model):
    """One condition of the verdict; `bound` is the one-sided bound that was compared with `threshold`.

    `passed_on` and `failed_on` are of quality alone: the day on which the rule first showed it.
    """

    name: GateName
    outcome: GateOutcome
    bound: float | None = None
    threshold: float | None = None
    alpha: float | None = None
    reason: str = ""
    passed_on: int | None = None
    failed_on: int | None = None


class VerdictModel(Model):
    """What the evidence says about one candidate."""

    outcome: Outcome
    provisional: Outcome | None = None
    final: bool = False
    reason_codes: list[str] = []
    reasons: list[str] = []
    would_change: list[str] = []
    not_tested: list[str] = []
    routing: dict[str, str] = {}


class CandidateModel(Model):
    """All about one candidate."""

    coverage: PairCoverage
    quality: QualityModel
    segments: dict[str, SegmentModel]
    latency: LatencyModel
    reliability: ReliabilityModel
    capacity: CapacityModel
    cost: CostModel
    gates: list[GateModel]
    verdict: VerdictModel
    left_out_by_hour: list[HourCount] = []
    critical: CriticalModel = CriticalModel()
    drift: DriftModel = DriftModel()
    judge_figures: JudgeFigures = JudgeFigures()
    checks: ChecksModel = ChecksModel()
    rubrics: dict[str, RubricModel] = {}
    rules_of_thumb: list[RuleOfThumb] = []
    serving: ServingModel = ServingModel()
    rehearsal: RehearsalModel | None = None
    split: SplitModel = SplitModel()
    shares: BusinessQuality = BusinessQuality()


class ControlModel(Model):
    """The incumbent asked again: how much its own answers differ, and what standing elsewhere does to times.

    `equal_rate` and `win_rate` are of the second answer against the first, n = pairs; `vantage_offset_seconds` is the median of
    its times minus those of production, by time: descriptive, nothing is corrected by it.

    Where both answered (n = conversations): `conversation_win_rate` with an always-valid interval, and `false_loss_rate`, the
    share of the judge's decisions that the second answer lost. `is_broken`: that interval excludes 0.5, so the pipeline or the
    judge is not fair.
    """

    asked: int = 0
    answered: int = 0
    equal_rate: EstimateModel = EstimateModel()
    win_rate: EstimateModel = EstimateModel()
    conversation_win_rate: EstimateModel = EstimateModel()
    false_loss_rate: EstimateModel = EstimateModel()
    is_broken: bool = False
    reason: str = ""
    vantage_offset_seconds: dict[str, EstimateModel] = {}


class Scorecard(Model):
    """The whole document; JSON by `model_dump(mode="json", by_alias=True)`."""

    schema_version: int = SCHEMA_VERSION
    pilot: str
    as_of: datetime | None
    day: int
    window: Window
    coverage: LedgerModel
    candidates: dict[str, CandidateModel]
    registration: RegistrationModel
    data_hash: str = ""
    labels_until: datetime | None = None
    days_closed: list[int] = []
    days_reopened: list[int] = []
    control: ControlModel | None = None
    canaries: CanaryModel | None = None
    judge_sample: list[JudgeShareModel] = []
    judge_money: JudgeMoneyModel | None = None
    warnings: list[str] = []
