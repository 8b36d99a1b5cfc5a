"""What holds a decision back, at each limit; and what a verdict says of it."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.domain.drift import DriftModel
from app.domain.scorecard import EstimateModel, GateModel, QualityModel, SegmentModel
from app.domain.words import GateName, GateOutcome, Outcome, PilotState
from app.pipeline.constraints import Constraint
from app.pipeline.gates import Gates
from app.pipeline.operation import Bounded
from app.pipeline.outcome import Line
from app.pipeline.quality import Judged
from app.pipeline.ruling import (
    CONTROL_BROKEN,
    DRIFT,
    JUDGE_SUSPENDED,
    NOT_STARTED,
    TOO_EARLY,
    UNCALIBRATED,
    Case,
    rule_on,
    trust_of,
)
from tests.unit.pipeline.test_conversations import a_running_pilot

P, F, U = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN
NOTHING = EstimateModel()


def a_model(accuracy: float | None = 0.8, low: float | None = 0.75, *, usable: int = 200, compared: int = 100) -> QualityModel:
    return QualityModel(
        win_rate=NOTHING, win_rate_fixed=NOTHING, win_rate_without_failures=NOTHING, win_rate_length_controlled=NOTHING,
        win_rate_human_corrected=NOTHING, judge_accuracy=EstimateModel(value=accuracy, low=low), judge_kappa=NOTHING,
        usable_labels=usable, compared_pairs=compared,
    )  # fmt: skip


@dataclass
class Made:
    """A case in which everything passes, but for what a test changes."""

    quality: GateOutcome = P
    latency: GateOutcome = P
    segments: dict[str, GateOutcome] = field(default_factory=dict)
    judged: frozenset[str] = frozenset({"a", "b"})
    model: QualityModel = field(default_factory=a_model)
    day: int = 28
    days: int = 28
    extended_days: int = 0
    state: PilotState = PilotState.RUNNING
    frozen: bool = False
    broken: bool | None = None
    suspended: bool | None = None

    def case(self) -> Case:
        outcomes = dict.fromkeys(GateName, P) | {GateName.QUALITY: self.quality, GateName.LATENCY: self.latency}
        gates = Gates(
            tuple(GateModel(name=name, outcome=outcome) for name, outcome in outcomes.items()),
            Constraint(P, "the licence is permissive"),
            lambda split: {name: Bounded(outcomes[name], None, None, "") for name in GateName},
        )
        shown = {name: SegmentModel(win_rate=NOTHING, outcome=outcome) for name, outcome in self.segments.items()}
        shown["other"] = SegmentModel(registered=False, win_rate=NOTHING, outcome=P)
        judged: Any = SimpleNamespace(segments=shown, judged_segments=self.judged, model=self.model)
        pilot = replace(a_running_pilot(), state=self.state, extended_days=self.extended_days)
        broken: Any = None if self.broken is None else SimpleNamespace(is_broken=self.broken)
        canaries: Any = None if self.suspended is None else SimpleNamespace(is_suspended=self.suspended)
        return Case(
            pilot=pilot, name="qwen", day=self.day, closed_days=self.day, older=(0, 0), registered_at=None,
            quality=cast(Judged, judged), gates=gates, money=cast(Any, None), drift=DriftModel(frozen=self.frozen),
            control=broken, canaries=canaries, changes=(),
        )  # fmt: skip


def test_when_everything_passes_it_moves() -> None:
    ruling = rule_on(Made().case())
    assert (ruling.outcome, ruling.wanted, ruling.codes, ruling.moved) == (Outcome.MIGRATE, Outcome.MIGRATE, (), frozenset())
    assert (ruling.decision.line, ruling.is_final) == (Line.WHOLE, False)


@pytest.mark.parametrize(
    ("accuracy", "low", "usable", "compared", "enough"),
    [
        (0.8, 0.75, 200, 100, True),
        (0.7, 0.51, 200, 100, True),
        (0.699, 0.65, 200, 100, False),
        (0.8, 0.5, 200, 100, False),
        (0.8, 0.75, 199, 100, False),
        (0.8, 0.75, 200, 99, False),
        (None, None, 200, 100, False),
        (0.8, None, 200, 100, False),
    ],
)
def test_a_judge_must_be_borne_out_by_people(
    accuracy: float | None, low: float | None, usable: int, compared: int, enough: bool
) -> None:
    model = a_model(accuracy, low, usable=usable, compared=compared)
    assert trust_of(model).is_enough == enough
    ruling = rule_on(Made(model=model).case())
    assert ruling.wanted is Outcome.MIGRATE
    assert (ruling.outcome, ruling.codes) == ((Outcome.MIGRATE, ()) if enough else (Outcome.EXTEND, (UNCALIBRATED,)))
    # What no judge graded needs no people, and a no needs no trust.
    assert rule_on(Made(model=model, judged=frozenset()).case()).outcome is Outcome.MIGRATE
    assert rule_on(Made(model=model, quality=F).case()).outcome is Outcome.DONT_MIGRATE


@pytest.mark.parametrize(
    ("model", "has_labels", "is_accurate", "words"),
    [
        (a_model(0.8, 0.75), True, True, "80.0% of its answers (at least 75.0%) are those of people, on 100 pairs"),
        (
            a_model(0.8, 0.75, usable=50),
            False,
            True,
            "there are 50 usable labels of the 200 that are needed; 80.0% of its answers (at least 75.0%) are those of people, "
            "on 100 pairs",
        ),
        (
            a_model(0.6, 0.55),
            True,
            False,
            "60.0% of its answers (at least 55.0%) are those of people, on 100 pairs; needed are 70%, surely above 50%",
        ),
        (
            a_model(0.8, 0.75, compared=99),
            False,
            None,
            "there are 200 usable labels of the 200 that are needed, and it was compared with people on 99 pairs, not on the "
            "100 that show its accuracy",
        ),
    ],
)
def test_how_far_the_judge_is_trusted_is_told(
    model: QualityModel, has_labels: bool, is_accurate: bool | None, words: str
) -> None:
    trust = trust_of(model)
    assert (trust.has_labels, trust.is_accurate, trust.words) == (has_labels, is_accurate, words)


def test_segments_move_alone_and_need_trust_only_where_a_judge_spoke() -> None:
    parts = {"a": P, "b": U}
    ruling = rule_on(Made(quality=U, segments=parts).case())
    assert (ruling.outcome, ruling.moved) == (Outcome.HYBRID, frozenset({"a"}))
    without_trust = a_model(usable=0)
    held = rule_on(Made(quality=U, segments=parts, model=without_trust).case())
    assert (held.outcome, held.wanted, held.codes) == (Outcome.EXTEND, Outcome.HYBRID, (UNCALIBRATED,))
    assert held.moved == frozenset({"a"})
    free = rule_on(Made(quality=U, segments=parts, model=without_trust, judged=frozenset({"b"})).case())
    assert free.outcome is Outcome.HYBRID


def test_a_draft_decides_nothing() -> None:
    ruling = rule_on(Made(state=PilotState.DRAFT).case())
    assert (ruling.outcome, ruling.codes) == (Outcome.EXTEND, (NOT_STARTED,))


@pytest.mark.parametrize(("day", "early"), [(13, True), (14, False)])
def test_before_day_14_only_a_clear_no_is_said(day: int, early: bool) -> None:
    yes, undecided = rule_on(Made(day=day).case()), rule_on(Made(day=day, quality=U).case())
    assert (yes.outcome is Outcome.EXTEND, TOO_EARLY in yes.codes, TOO_EARLY in undecided.codes) == (early, early, early)
    assert yes.wanted is Outcome.MIGRATE
    no = rule_on(Made(day=day, latency=F).case())
    assert (no.outcome, no.codes) == (Outcome.DONT_MIGRATE, ())


@pytest.mark.parametrize(("extended", "day", "final"), [(0, 28, False), (14, 27, False), (14, 28, True), (14, 30, True)])
def test_an_undecided_pilot_is_final_when_its_extension_is_used_up(extended: int, day: int, final: bool) -> None:
    made = Made(quality=U, extended_days=extended, day=day)
    pilot = made.case().pilot
    ruling = rule_on(replace(made.case(), day=pilot.days if day == 28 else pilot.days - 1 if day == 27 else pilot.days + 2))
    assert (ruling.outcome, ruling.is_final) == (Outcome.EXTEND, final)
    drafted = replace(made, state=PilotState.DRAFT).case()
    assert not rule_on(replace(drafted, day=drafted.pilot.days)).is_final
    assert not rule_on(replace(Made(extended_days=extended).case(), day=60)).is_final


def test_drift_freezes_what_would_move_and_no_no() -> None:
    frozen = rule_on(Made(frozen=True).case())
    assert (frozen.outcome, frozen.wanted, frozen.codes) == (Outcome.EXTEND, Outcome.MIGRATE, (DRIFT,))
    assert rule_on(Made(frozen=True, quality=F).case()).outcome is Outcome.DONT_MIGRATE
    assert rule_on(Made(frozen=True, quality=U).case()).codes == ()


def test_a_broken_control_freezes_whatever_rests_on_the_judge() -> None:
    assert rule_on(Made(broken=True).case()).codes == (CONTROL_BROKEN,)
    assert rule_on(Made(broken=True, quality=F).case()).codes == (CONTROL_BROKEN,)
    assert rule_on(Made(broken=True, quality=F).case()).outcome is Outcome.EXTEND
    for unmoved in (Made(broken=False), Made(broken=True, judged=frozenset()), Made(broken=True, latency=F)):
        assert rule_on(unmoved.case()).codes == ()


def test_a_suspended_judge_freezes_whatever_rests_on_it() -> None:
    assert rule_on(Made(suspended=True).case()).codes == (JUDGE_SUSPENDED,)
    assert rule_on(Made(suspended=True, quality=F).case()).codes == (JUDGE_SUSPENDED,)
    assert rule_on(Made(suspended=True, quality=F).case()).outcome is Outcome.EXTEND
    for unmoved in (Made(suspended=False), Made(suspended=True, judged=frozenset()), Made(suspended=True, latency=F)):
        assert rule_on(unmoved.case()).codes == ()
