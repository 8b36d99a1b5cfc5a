"""From the table's decision to a verdict in words: why, what would change it, what was not tested."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.configuration import PilotConfiguration
from app.domain.content import MASKED, METADATA
from app.domain.pilot import Pilot
from app.domain.scorecard import SegmentModel, VerdictModel
from app.domain.words import OTHER_SEGMENT, GateName, GateOutcome, Outcome, PilotState
from app.pipeline.content import strictest_level_of
from app.pipeline.conversations import PENDING
from app.pipeline.gates import Gates
from app.pipeline.money import Money, missing_inputs, saving_usd
from app.pipeline.outcome import FIRST_VERDICT_DAY, Decision, Findings, Line, decide
from app.pipeline.quality import Judged

USABLE_LABELS = 200
LABELS_FOR_ACCURACY = 100
LEAST_ACCURACY = 0.7
GUESSING = 0.5
NOT_STARTED, TOO_EARLY, UNCALIBRATED = "not_started", "before_day_14", "judge_uncalibrated"
MOVING = (Outcome.MIGRATE, Outcome.HYBRID)
FEW_CONVERSATIONS = 100

_LINES = {
    Line.CONSTRAINT: "a constraint fails, which decides on its own",
    Line.NO_SPLIT: "whatever part of the traffic moved, a required condition other than quality would fail",
    Line.WHOLE: "every required condition passes and no kind of work fails",
    Line.QUALITY: "quality fails, overall and for every registered kind of work",
    Line.ELSE: "the evidence does not decide it yet",
}


_SAYS = {GateOutcome.PASSES: "passes", GateOutcome.FAILS: "fails", GateOutcome.UNKNOWN: "is not known yet"}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """All that a verdict on one candidate speaks of.

    Attributes:
        name: The candidate's.
        day: Number of the last closed day.
        closed_days: How many days are closed.
        older: How many of the counted exchanges arrived before the registration, and of how many.
        registered_at: When the pilot was started.
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

    @property
    def registered(self) -> dict[str, SegmentModel]:
        """The segments that have a say."""
        return {name: segment for name, segment in self.quality.segments.items() if segment.registered}


@dataclass(frozen=True, slots=True)
class _Ruling:
    """The table's decision after the conditions that hold it back."""

    decision: Decision
    outcome: Outcome
    wanted: Outcome
    moved: frozenset[str]
    codes: tuple[str, ...]
    is_final: bool


def verdict_of(case: Case) -> VerdictModel:
    """The verdict on one candidate."""
    ruling = _rule(case)
    return VerdictModel(
        outcome=ruling.outcome,
        # What is too early, or rests on nothing registered, is not said by another name either.
        provisional=ruling.wanted if ruling.codes == (UNCALIBRATED,) else None,
        final=ruling.is_final,
        reason_codes=list(dict.fromkeys(_reason_codes(case, ruling))),
        reasons=list(_reasons(case, ruling)),
        would_change=list(_would_change(case, ruling)),
        not_tested=list(_not_tested(case)),
        routing=_routing(case, ruling),
    )


def is_calibrated(quality: Judged) -> bool:
    """Whether people bear the judge out (CONTRACTS section 5, Outcome)."""
    accuracy = quality.model.judge_accuracy
    if accuracy.value is None or accuracy.low is None:
        return False
    is_right = accuracy.value >= LEAST_ACCURACY and accuracy.low > GUESSING
    return is_right and quality.labelled >= LABELS_FOR_ACCURACY and quality.model.usable_labels >= USABLE_LABELS


def _rule(case: Case) -> _Ruling:
    findings = Findings(
        day=case.day,
        gates=case.gates.outcomes(),
        segments={name: segment.outcome for name, segment in case.registered.items()},
        operation=lambda split: {name: found.outcome for name, found in case.gates.operation(split).items()},
    )
    decision = decide(findings)
    wanted = decision.held_back or decision.outcome
    passing = frozenset(name for name, segment in case.registered.items() if segment.outcome is GateOutcome.PASSES)
    moved = passing if wanted is Outcome.HYBRID else frozenset()
    codes = []
    if case.pilot.state is PilotState.DRAFT:
        codes.append(NOT_STARTED)
    if decision.held_back is not None:
        codes.append(TOO_EARLY)
    rests_on_judge = case.quality.judged_segments & moved if moved else case.quality.judged_segments
    if wanted in MOVING and rests_on_judge and not is_calibrated(case.quality):
        codes.append(UNCALIBRATED)
    outcome = Outcome.EXTEND if codes else decision.outcome
    is_used_up = case.pilot.extended_days > 0 and case.day >= case.pilot.days
    is_final = outcome is Outcome.EXTEND and is_used_up and NOT_STARTED not in codes
    return _Ruling(decision, outcome, wanted, moved, tuple(codes), is_final)


def _reason_codes(case: Case, ruling: _Ruling) -> Iterator[str]:
    yield from ruling.codes
    yield ruling.decision.line.value
    if case.gates.constraint.code is not None:
        yield case.gates.constraint.code
    for gate in case.gates.models:
        if gate.outcome in (GateOutcome.FAILS, GateOutcome.UNKNOWN):
            yield f"{gate.name.value}_{gate.outcome.value}"
    if case.quality.left_out_days:
        yield "not_asked"


def _reasons(case: Case, ruling: _Ruling) -> Iterator[str]:
    older, counted = case.older
    if older:
        when = f"{case.registered_at:%Y-%m-%d %H:%M} UTC" if case.registered_at is not None else "its start"
        share = "all" if older == counted else f"{older:,} of"
        said = f"{share} {counted:,} exchanges are older than the registration of {when}"
        yield _sentence(f"{said}: they happened before it was fixed how to judge them")
    if NOT_STARTED in ruling.codes:
        yield "The pilot is a draft: nothing was fixed beforehand, so nothing is decided."
    if ruling.is_final:
        yield "The extension is used up and the candidate was not shown to be safe: stay."
    yield _in_short(case, ruling)
    if UNCALIBRATED in ruling.codes:
        yield _calibration(case.quality)
    yield from _findings(case, ruling)


def _findings(case: Case, ruling: _Ruling) -> Iterator[str]:
    """What each condition says: of what would move, of all traffic, and the quality of each registered segment."""
    moving = case.gates.operation(ruling.moved) if ruling.moved else {}
    said = [(f"for what moves, {name.value}", found.outcome, found.reason) for name, found in moving.items()]
    said += [(gate.name.value, gate.outcome, gate.reason) for gate in case.gates.models]
    said += [(f"the quality of {name}", segment.outcome, segment.reason) for name, segment in case.registered.items()]
    for what, outcome, reason in said:
        if outcome is not GateOutcome.NOT_REQUIRED:
            yield _sentence(f"{what} {_SAYS[outcome]}: {reason}")


def _in_short(case: Case, ruling: _Ruling) -> str:
    if TOO_EARLY in ruling.codes:
        said = f"before day {FIRST_VERDICT_DAY} only a clear no is said; today is day {case.day}"
    elif ruling.wanted is Outcome.HYBRID:
        said = f"{_names(ruling.moved)} may move: quality passes there and so does every other required condition"
    else:
        said = _LINES[ruling.decision.line]
    return _sentence(said)


def _calibration(quality: Judged) -> str:
    accuracy, usable = quality.model.judge_accuracy, quality.model.usable_labels
    agrees = (
        f"{accuracy.value:.1%} of its answers (at least {accuracy.low:.1%}) are those of people, on {quality.labelled} pairs"
        if accuracy.value is not None and accuracy.low is not None
        else "nobody compared it with people"
    )
    return (
        f"The judge is not calibrated: there are {usable} usable labels of the {USABLE_LABELS} that are needed, and {agrees}; "
        f"needed are {LEAST_ACCURACY:.0%}, surely above {GUESSING:.0%}, on {LABELS_FOR_ACCURACY} pairs."
    )


def _would_change(case: Case, ruling: _Ruling) -> Iterator[str]:
    quality = case.quality
    if NOT_STARTED in ruling.codes:
        yield f"Start it: pilot start {case.pilot.name}."
    if case.day < FIRST_VERDICT_DAY and ruling.outcome is Outcome.EXTEND:
        yield f"Time: {FIRST_VERDICT_DAY - case.day} more days until day {FIRST_VERDICT_DAY}."
    if quality.left_out_days:
        yield f"Ask the candidate for what it was not asked: pilot replay {case.pilot.name} --candidate {case.name}."
    if quality.model.ungraded.get(PENDING):
        yield f"Grade the {quality.model.ungraded[PENDING]:,} pairs that wait: pilot grade {case.pilot.name} --wait."
    if quality.gate is GateOutcome.UNKNOWN and quality.needed is not None and not quality.left_out_days:
        yield _more_conversations(case, quality.needed)
    if UNCALIBRATED in ruling.codes:
        yield _more_labels(quality)
    yield from _other_gates(case)


def _more_conversations(case: Case, needed: int) -> str:
    rate = case.quality.model.win_rate
    value = f"{rate.value:.1%}" if rate.value is not None else "as it is"
    days = f", {needed * case.closed_days / rate.n:,.0f} days at the present rate" if rate.n and case.closed_days else ""
    return f"About {needed:,} more conversations{days}, if the win rate stays {value}: then the limit is cleared one way."


def _more_labels(quality: Judged) -> str:
    missing = USABLE_LABELS - quality.model.usable_labels
    if missing > 0:
        return f"{missing} more labels by people on randomly drawn, judged pairs."
    return "A judge that agrees with people more often: its answers are too often not theirs."


def _other_gates(case: Case) -> Iterator[str]:
    outcomes = case.gates.outcomes()
    if case.gates.constraint.code is not None:
        yield _sentence(case.gates.constraint.reason)
    for name in (GateName.LATENCY, GateName.RELIABILITY):
        if outcomes[name] in (GateOutcome.UNKNOWN, GateOutcome.FAILS):
            gate = next(gate for gate in case.gates.models if gate.name is name)
            yield _sentence(f"{name.value}: {gate.reason}")
    if outcomes[GateName.SAVING] is GateOutcome.UNKNOWN:
        yield f"Give what the saving needs: {'; '.join(missing_inputs(case.money))}."
    elif outcomes[GateName.SAVING] is GateOutcome.FAILS:
        yield from _cheaper(case)


def _cheaper(case: Case) -> Iterator[str]:
    saving, price = saving_usd(case.money, None), case.money.table.gpu_usd_per_hour
    if saving is None:
        return
    gpus = case.money.table.replicas * case.money.table.gpus_per_replica
    if price is not None and case.money.candidate is None:
        below = price + saving / (gpus * Decimal(730))
        if below > 0:
            yield f"A GPU price below {below:,.2f} US dollars an hour (now {price:,.2f})."
    yield f"{-saving:,.2f} US dollars a month less of cost, or as much more of the incumbent's price."


def _not_tested(case: Case) -> Iterator[str]:
    yield "load_tested: false"
    for gate in case.gates.models:
        if gate.outcome is GateOutcome.NOT_REQUIRED:
            yield gate.name.value
    yield "Later turns of a conversation: they were answered on the incumbent's history, not on the candidate's own."
    yield "The win rate corrected by people and the one at equal length: not built in this version."
    for name, segment in case.registered.items():
        if segment.conversations < FEW_CONVERSATIONS:
            yield f"{name}: only {segment.conversations} conversations, too few to tell much."
    if OTHER_SEGMENT in case.quality.segments and case.registered:
        yield "other: work that no registered segment matches has no say of its own."
    yield from _of_content(case.pilot.configuration)
    yield from _not_given(case)


def _of_content(configuration: PilotConfiguration) -> Iterator[str]:
    """What content levels keep from being compared."""
    if configuration.content.candidate_sees == MASKED:
        yield "Equal questions: the candidate was asked with masked texts, the incumbent with the texts as they were."
    if strictest_level_of(configuration) == METADATA:
        yield (
            "Wording, where no text is kept: failures, broken formats, tool calls and equal answers are compared there, and no "
            "judge reads the rest."
        )


def _not_given(case: Case) -> Iterator[str]:
    constraints = case.pilot.configuration.constraints
    if not case.money.recurring_entries:
        yield "Upkeep: no recurring engineering hours were logged on closed days, so the candidate's upkeep counts as none."
    if case.money.idle_hours:
        yield f"Upkeep: {case.money.idle_hours:,.1f} recurring hours lie outside the closed days and do not count."
    if constraints is not None and constraints.data_must_stay and constraints.team_has_gpu_experience is None:
        yield "Who will run it: constraints.team_has_gpu_experience is not given."


def _routing(case: Case, ruling: _Ruling) -> dict[str, str]:
    if ruling.outcome is Outcome.HYBRID:
        return dict.fromkeys(sorted(ruling.moved), case.name)
    if ruling.outcome is Outcome.MIGRATE:
        return dict.fromkeys((*case.registered, OTHER_SEGMENT), case.name)
    return {}


def _names(segments: frozenset[str]) -> str:
    *most, last = sorted(segments)
    return f"{', '.join(most)} and {last}" if most else last


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
