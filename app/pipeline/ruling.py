"""The table's decision on one candidate, and the conditions that hold it back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.canaries import CanaryModel
from app.domain.drift import DriftModel
from app.domain.labelling import LABELS_NEEDED
from app.domain.operation_models import LoadModel
from app.domain.pilot import Pilot
from app.domain.scorecard import ControlModel, QualityModel, SegmentModel
from app.domain.words import GateName, GateOutcome, Outcome, PilotState
from app.pipeline.configuration_changes import DecisiveChange
from app.pipeline.gates import Gates
from app.pipeline.money import Money
from app.pipeline.outcome import FIRST_VERDICT_DAY, Decision, Findings, Line, Split, decide
from app.pipeline.quality import Judged
from app.pipeline.split import Choice, best_split

USABLE_LABELS = LABELS_NEEDED
LABELS_FOR_ACCURACY = 100
LEAST_ACCURACY = 0.7
GUESSING = 0.5
NOT_STARTED, TOO_EARLY, UNCALIBRATED = "not_started", "before_day_14", "judge_uncalibrated"
DRIFT, CONTROL_BROKEN, JUDGE_SUSPENDED = "drift", "control_broken", "judge_suspended"
MOVING = (Outcome.MIGRATE, Outcome.HYBRID)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """All that a verdict on one candidate speaks of.

    Attributes:
        name: The candidate's.
        day: Number of the last closed day.
        closed_days: How many days are closed.
        older: How many of the counted exchanges arrived before the registration, and of how many.
        registered_at: When the pilot was started.
        drift: What watches whether something moved under the comparison.
        control: The incumbent asked again; `None` = there is no such arm.
        canaries: What the judge made of pairs with a known loser; `None` = nobody can be asked.
        changes: Of what the decision rests on, after the registration.
        load: What of production's requests the candidate saw.
        is_load_tested: Whether a rehearsal put production's peak to it.
    """

    pilot: Pilot
    name: str
    day: int
    closed_days: int
    older: tuple[int, int]
    registered_at: datetime | None
    quality: Judged
    gates: Gates
    money: Money
    drift: DriftModel
    control: ControlModel | None
    canaries: CanaryModel | None
    changes: Sequence[DecisiveChange]
    load: LoadModel = field(default_factory=LoadModel)
    is_load_tested: bool = False

    @property
    def registered(self) -> dict[str, SegmentModel]:
        """The segments that have a say."""
        return {name: segment for name, segment in self.quality.segments.items() if segment.registered}

    @property
    def passing(self) -> frozenset[str]:
        """The segments whose quality passes."""
        return frozenset(name for name, segment in self.registered.items() if segment.outcome is GateOutcome.PASSES)

    def operation_of(self, split: Split) -> dict[GateName, GateOutcome]:
        """The outcome of each condition but quality and constraints for a split."""
        return {name: found.outcome for name, found in self.gates.operation(split).items()}

    def best_split(self, passing: frozenset[str]) -> Choice:
        """What of the segments that pass should move."""
        return best_split(
            passing,
            saving_of=self.gates.saving_usd,
            gates_of=self.operation_of,
            is_for_cost=self.pilot.configuration.decision.reason == "cost",
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """The table's decision after the conditions that hold it back."""

    decision: Decision
    outcome: Outcome
    wanted: Outcome
    moved: frozenset[str]
    codes: tuple[str, ...]
    is_final: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether people bear the judge out (CONTRACTS section 5, Outcome).

    Attributes:
        has_labels: Enough usable labels, and enough pairs to compare on.
        is_accurate: Right often enough, and surely better than guessing; `None` = on too few pairs to say.
        words: Why not, or how well.
    """

    has_labels: bool
    is_accurate: bool | None
    words: str

    @property
    def is_enough(self) -> bool:
        """Whether a verdict may rest on the judge."""
        return self.has_labels and bool(self.is_accurate)


def trust_of(quality: QualityModel) -> Trust:
    """How far the judge can be trusted by what people said."""
    accuracy, compared, usable = quality.judge_accuracy, quality.compared_pairs, quality.usable_labels
    has_labels = usable >= USABLE_LABELS and compared >= LABELS_FOR_ACCURACY
    if accuracy.value is None or accuracy.low is None or compared < LABELS_FOR_ACCURACY:
        on = f"it was compared with people on {compared} pairs, not on the {LABELS_FOR_ACCURACY} that show its accuracy"
        return Trust(has_labels, None, f"{_labels(usable)}, and {on}")
    is_accurate = accuracy.value >= LEAST_ACCURACY and accuracy.low > GUESSING
    agrees = f"{accuracy.value:.1%} of its answers (at least {accuracy.low:.1%}) are those of people, on {compared} pairs"
    if not is_accurate:
        return Trust(has_labels, False, f"{agrees}; needed are {LEAST_ACCURACY:.0%}, surely above {GUESSING:.0%}")
    return Trust(has_labels, True, agrees if has_labels else f"{_labels(usable)}; {agrees}")


def _labels(usable: int) -> str:
    return f"there are {usable} usable labels of the {USABLE_LABELS} that are needed"


def rule_on(case: Case) -> Ruling:
    """The table's decision, and what holds it back."""
    findings = Findings(
        day=case.day,
        gates=case.gates.outcomes(),
        segments={name: segment.outcome for name, segment in case.registered.items()},
        operation=case.operation_of,
        best=lambda passing: case.best_split(passing).moved,
    )
    decision = decide(findings)
    wanted = decision.held_back or decision.outcome
    moved = decision.moved
    codes = []
    if case.pilot.state is PilotState.DRAFT:
        codes.append(NOT_STARTED)
    if decision.held_back is not None or (decision.outcome is Outcome.EXTEND and case.day < FIRST_VERDICT_DAY):
        codes.append(TOO_EARLY)
    rests_on_judge = case.quality.judged_segments & moved if moved else case.quality.judged_segments
    if wanted in MOVING and rests_on_judge and not trust_of(case.quality.model).is_enough:
        codes.append(UNCALIBRATED)
    codes += _frozen(case, decision, wanted)
    outcome = Outcome.EXTEND if codes else decision.outcome
    is_used_up = case.pilot.extended_days > 0 and case.day >= case.pilot.days
    is_final = outcome is Outcome.EXTEND and is_used_up and NOT_STARTED not in codes
    return Ruling(decision, outcome, wanted, moved, tuple(codes), is_final)


def _frozen(case: Case, decision: Decision, wanted: Outcome) -> Iterator[str]:
    """What freezes a verdict and asks for an extension: nothing may move on a comparison that changed or is broken."""
    is_about_quality = wanted in MOVING or decision.line is Line.QUALITY
    # A judge that changed can make a candidate look worse as well as better; what else drifts speaks against moving alone.
    has_judge_changed = any(week.has_changed for week in case.drift.judge)
    if (wanted in MOVING and case.drift.frozen) or (is_about_quality and has_judge_changed):
        yield DRIFT
    if is_about_quality and case.control is not None and case.control.is_broken and case.quality.judged_segments:
        yield CONTROL_BROKEN
    if is_about_quality and case.canaries is not None and case.canaries.is_suspended and case.quality.judged_segments:
        yield JUDGE_SUSPENDED
