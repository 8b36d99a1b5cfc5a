"""A rehearsal: captured requests sent to a candidate again at their recorded times or faster, and what it kept up with."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.estimate_models import EstimateModel, Model
from app.domain.judge_money import SmallMoney
from app.domain.replay import ReplayState
from app.domain.serving_rate import ServingRate

FULL_SPEED = 1.0
# A shorter step at full speed has not carried production's busiest minute.
PEAK_SECONDS = 60.0
# Shares of traffic are sums, which miss 1 in the last bit.
_NEARLY = 1e-9


class StepKind(StrEnum):
    """Why a step was made: its speed was asked for, the search for the capacity chose it, or it offers too much on purpose."""

    SPEED = "speed"
    SEARCH = "search"
    REPEAT = "repeat"
    SATURATION = "saturation"


class StepOutcome(StrEnum):
    """`MEASURED`: there is no objective to meet. `NOT_VALID`: we could not offer the load. `LOST`: its worker died."""

    MET = "met"
    MISSED = "missed"
    MEASURED = "measured"
    NOT_VALID = "not_valid"
    UNDER_WAY = "under_way"
    LOST = "lost"


class TimesModel(Model):
    """Quantiles of one kind of time, in seconds; n = answers (and calls that were ended unanswered, at the age they had)."""

    p50: EstimateModel = EstimateModel()
    p95: EstimateModel = EstimateModel()
    p99: EstimateModel = EstimateModel()


class StepModel(Model):
    """One step: requests offered at one speed. Times count from the moment at which a request was due.

    Attributes:
        speed: How many times faster than recorded; 1 = as production sent it.
        seconds: How long requests were offered.
        offered: Requests that were due; it is the sum of `answered`, `failures`, `unfinished`, `refused` and `not_sent`.
        offered_requests_per_second: By the clock of the step.
        repeated: Of them sent for requests that were not sampled, or whose text cannot be asked again.
        refused: Not sent: so many calls were in flight that our own bound was reached.
        not_sent: Not sent: the money was used up, or the step was cancelled.
        unfinished: Ended by us a while after the last one was sent: too old to be within the objective.
        failures: Failed calls by kind.
        answered_requests_per_second: Answers that came while requests were offered.
        goodput_requests_per_second: Answers within the objective, by the clock of the step.
        within_share: Share of the offered requests answered within the objective.
        concurrency_mean: Calls in flight, by direct count over time.
        concurrency_littles: The same by Little's law: arrivals a second times mean time in flight.
        service_seconds_mean: Mean time in flight of the answered.
        lag_seconds_p99: How late our own process was: above 5 ms, or 1 % of the least limit, the step is not valid.
        processor_share: Processor time of our own process by the clock; near 1 the bottleneck may be ours.
        live_requests: Requests of production that the mirror sent to the candidate meanwhile.
        usd: Known cost; `held_usd` is the most that calls of unknown cost can have cost.
    """

    kind: StepKind
    outcome: StepOutcome
    reason: str = ""
    started_at: datetime
    speed: float
    seconds: float
    offered: int = 0
    offered_requests_per_second: float | None = None
    repeated: int = 0
    refused: int = 0
    not_sent: int = 0
    unfinished: int = 0
    answered: int = 0
    failures: dict[str, int] = {}
    ttft_any_seconds: TimesModel = TimesModel()
    total_seconds: TimesModel = TimesModel()
    answered_requests_per_second: EstimateModel = EstimateModel()
    goodput_requests_per_second: EstimateModel = EstimateModel()
    within_share: EstimateModel = EstimateModel()
    concurrency_mean: float | None = None
    concurrency_peak: int | None = None
    concurrency_littles: float | None = None
    service_seconds_mean: float | None = None
    output_tokens_per_second: float | None = None
    lag_seconds_p99: float | None = None
    processor_share: float | None = None
    live_requests: int = 0
    usd: SmallMoney = Decimal(0)
    held_usd: SmallMoney = Decimal(0)
    unpriced: int = 0

    @property
    def is_valid(self) -> bool:
        """Whether it says something about the candidate."""
        return self.outcome in (StepOutcome.MET, StepOutcome.MISSED, StepOutcome.MEASURED)


class ObjectiveModel(Model):
    """What had to be kept, as pilot.toml said it then; `None` = no limit."""

    ttft_any_p95_seconds: float | None = None
    total_p95_seconds: float | None = None
    max_failure_rate: float | None = None


class TargetModel(Model):
    """Which candidate it was: another address, model or size is another one."""

    base_url: str
    model: str
    server: str
    replicas: int
    gpus_per_replica: int


class CoversModel(Model):
    """What of production's load was reached.

    Attributes:
        production_requests_per_minute_peak: In production's busiest minute, as the sample stands for it.
        recorded_from: Beginning of the busiest window that was sent again.
        recorded_until: Its end.
        largest_share: The highest offered rate of a valid step, over that of the busiest minute.
    """

    production_requests_per_minute_peak: float | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    largest_share: float | None = None


class RehearsalModel(Model):
    """A rehearsal that is done.

    Attributes:
        capacity_requests_per_second: The most answers a second, with more offered than it can answer.
        rate: What one replica serves within the objective; `None` where what was kept is only known to be "at least" that.
    """

    id: int
    target: TargetModel
    objective: ObjectiveModel
    started_at: datetime
    finished_at: datetime
    steps: list[StepModel] = []
    covers: CoversModel = CoversModel()
    capacity_requests_per_second: EstimateModel = EstimateModel()
    rate: ServingRate | None = None
    usd: SmallMoney = Decimal(0)
    unpriced: int = 0
    live_requests: int = 0
    notes: list[str] = []

    @property
    def is_valid(self) -> bool:
        """Whether any step says something."""
        return any(step.is_valid for step in self.steps)

    @property
    def is_load_test(self) -> bool:
        """Whether the candidate was given at least production's own peak, for a minute."""
        return any(
            step.is_valid and step.kind is StepKind.SPEED and step.speed >= FULL_SPEED and step.seconds >= PEAK_SECONDS
            for step in self.steps
        )

    @property
    def slowest_missed(self) -> StepModel | None:
        """The asked step of the least speed that missed the objective."""
        return min(self._asked(StepOutcome.MISSED), key=lambda step: step.speed, default=None)

    def misses(self, share: float) -> bool:
        """Whether the objective was missed at this share of production's load or less, and met nowhere at it or above.

        Of the asked steps: those of the search take shorter windows, whose busiest stretch brings more at the same speed.
        """
        speeds = {outcome: [step.speed for step in self._asked(outcome)] for outcome in (StepOutcome.MET, StepOutcome.MISSED)}
        is_missed = any(speed <= share + _NEARLY for speed in speeds[StepOutcome.MISSED])
        return is_missed and not any(speed >= share - _NEARLY for speed in speeds[StepOutcome.MET])

    def _asked(self, outcome: StepOutcome) -> list[StepModel]:
        return [step for step in self.steps if step.kind is StepKind.SPEED and step.outcome is outcome]


@dataclass(frozen=True, slots=True)
class RehearsalTerms:
    """What was asked for.

    Attributes:
        speeds: Multiples of the recorded pace, in the order in which they are tried.
        minutes: How long requests are offered at most, all steps together.
        limit_usd: What may be spent on tokens; `None` = no limit.
        find_capacity: `None` = where the top speed is met or the first is not.
        seed: Of the draws that fill a sample up to production's rate.
        subject: Which candidate and which objective, as they were then: steps of two subjects make no rehearsal.
    """

    speeds: tuple[float, ...] = (1.0, 1.5, 2.0)
    minutes: float = 10.0
    limit_usd: Decimal | None = None
    find_capacity: bool | None = None
    seed: int = 0
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal as it stands now."""

    id: int
    pilot_name: str
    arm_name: str
    terms: RehearsalTerms
    state: ReplayState
    steps: tuple[StepModel, ...]
    result: RehearsalModel | None
    message: str
    by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
