"""A verdict in words: which codes, reasons and routes it gives, and which it does not."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.domain.canaries import CanaryModel
from app.domain.drift import DriftModel
from app.domain.scorecard import ControlModel, EstimateModel, GateModel
from app.domain.words import GateName, Outcome, PilotState
from app.pipeline.constraints import Constraint
from app.pipeline.verdict import verdict_of
from tests.unit.pipeline.made_case import F, N, P, U, Whole, a_quality_model

REGISTERED_AT = datetime(2026, 10, 7, 8, 5, tzinfo=UTC)
OLDER = "exchanges are older than the registration of"
PASSED = [
    "Every required condition passes and no kind of work fails.",
    "Quality passes: the win rate says it.",
    "Latency passes: latency is fine.",
    "Reliability passes: reliability is fine.",
    "Saving passes: saving is fine.",
    "The quality of a passes: as seen in a.",
    "The quality of b passes: as seen in b.",
]
NOT_CALIBRATED = (
    "The judge is not calibrated: there are 150 usable labels of the 200 that are needed; 80.0% of its answers "
    "(at least 75.0%) are those of people, on 100 pairs."
)
USED_UP = "The extension is used up and the candidate was not shown to be safe: stay."
UNTRUSTED = a_quality_model(usable_labels=150)


def canaries(*, suspended: bool) -> CanaryModel:
    return CanaryModel(rater="m", pass_rate=EstimateModel(), is_suspended=suspended, reason="it misses what anybody sees")


def test_where_everything_passes_all_of_it_moves() -> None:
    found = verdict_of(Whole().made())
    assert (found.outcome, found.provisional, found.final) == (Outcome.MIGRATE, None, False)
    assert found.reason_codes == ["all_gates_pass"]
    assert found.reasons == PASSED
    assert found.routing == {"a": "qwen", "b": "qwen", "other": "qwen"}
    assert found.would_change == []


def test_where_a_part_passes_it_alone_moves_and_says_what_holds_of_it() -> None:
    parts = Whole(quality=U, segments={"a": P, "b": U}, gates={GateName.RELIABILITY: GateModel(name=GateName.RELIABILITY,
                  outcome=F, reason="it fails too often")}, split={GateName.RELIABILITY: P, GateName.SAVING: N})  # fmt: skip
    found = verdict_of(parts.made())
    assert (found.outcome, found.routing) == (Outcome.HYBRID, {"a": "qwen"})
    assert found.reason_codes == ["segments_pass", "quality_unknown", "reliability_fails"]
    assert found.reasons == [
        "A may move: quality passes there and so does every other required condition.",
        "For what moves, latency passes: latency of the split.",
        "For what moves, reliability passes: reliability of the split.",
        "Quality is not known yet: the win rate says it.",
        "Latency passes: latency is fine.",
        "Reliability fails: it fails too often.",
        "Saving passes: saving is fine.",
        "The quality of a passes: as seen in a.",
        "The quality of b is not known yet: as seen in b.",
    ]


@pytest.mark.parametrize(
    ("whole", "outcome", "provisional", "codes", "said"),
    [
        (Whole(model=UNTRUSTED), Outcome.EXTEND, Outcome.MIGRATE, ["judge_uncalibrated", "all_gates_pass"],
         [PASSED[0], NOT_CALIBRATED]),
        (Whole(state=PilotState.DRAFT), Outcome.EXTEND, None, ["not_started", "all_gates_pass"],
         ["The pilot is a draft: nothing was fixed beforehand, so nothing is decided.", PASSED[0]]),
        (Whole(model=UNTRUSTED, case={"day": 13}), Outcome.EXTEND, None,
         ["before_day_14", "judge_uncalibrated", "not_enough_evidence"],
         ["Before day 14 only a clear no is said; today is day 13.",
          NOT_CALIBRATED]),
        (Whole(case={"drift": DriftModel(frozen=True, reasons=["it drifts"])}), Outcome.EXTEND, None,
         ["drift", "all_gates_pass"], [PASSED[0], "Frozen: it drifts."]),
        (Whole(quality=F, segments={"a": F, "b": F}, case={"drift": DriftModel(frozen=True, reasons=["it drifts"])}),
         Outcome.DONT_MIGRATE, None, ["quality_fails", "drift"],
         ["Quality fails, overall and for every registered kind of work.", "It drifts."]),
        (Whole(case={"control": ControlModel(is_broken=True, reason="it loses to itself")}), Outcome.EXTEND, None,
         ["control_broken", "all_gates_pass"], [PASSED[0], "Frozen: it loses to itself."]),
        (Whole(case={"control": ControlModel(reason="it ties with itself")}), Outcome.MIGRATE, None, ["all_gates_pass"],
         [PASSED[0]]),
        (Whole(case={"canaries": canaries(suspended=True)}), Outcome.EXTEND, None, ["judge_suspended", "all_gates_pass"],
         [PASSED[0], "Frozen: it misses what anybody sees."]),
        (Whole(case={"canaries": canaries(suspended=False)}), Outcome.MIGRATE, None, ["all_gates_pass"], [PASSED[0]]),
        (Whole(constraint=Constraint(F, "no", "no_team")), Outcome.DONT_MIGRATE, None,
         ["constraint_fails", "no_team", "constraints_fails"], ["A constraint fails, which decides on its own."]),
        (Whole(left_out=(6,), codes=("length_straddles",), extended_days=14, quality=U, segments={"a": U}, case={"day": 42}),
         Outcome.EXTEND, None, ["not_enough_evidence", "quality_unknown", "not_asked", "length_straddles"],
         [USED_UP, "The evidence does not decide it yet."]),
    ],
)  # fmt: skip
def test_what_decides_or_holds_back_is_named_once(
    whole: Whole, outcome: Outcome, provisional: Outcome | None, codes: list[str], said: list[str]
) -> None:
    found = verdict_of(whole.made())
    assert (found.outcome, found.provisional, found.reason_codes) == (outcome, provisional, codes)
    first = next(number for number, reason in enumerate(found.reasons) if reason.startswith("Quality "))
    if said[0].startswith("Quality fails, "):
        first = len(said)
    assert found.reasons[:first] == said
    assert found.routing == ({} if outcome is not Outcome.MIGRATE else {"a": "qwen", "b": "qwen", "other": "qwen"})
    assert found.final == (found.reasons[0] == USED_UP)


@pytest.mark.parametrize(
    ("older", "registered_at", "said"),
    [
        ((40, 40), REGISTERED_AT, f"All 40 {OLDER} 2026-10-07 08:05 UTC"),
        ((20, 40), REGISTERED_AT, f"20 of 40 {OLDER} 2026-10-07 08:05 UTC"),
        ((20, 40), None, f"20 of 40 {OLDER} its start"),
        ((0, 40), None, None),
    ],
)  # fmt: skip
def test_what_is_older_than_the_registration_is_said_first(
    older: tuple[int, int], registered_at: datetime | None, said: str | None
) -> None:
    found = verdict_of(Whole(case={"older": older, "registered_at": registered_at}).made()).reasons
    assert found == ([f"{said}: they happened before it was fixed how to judge them."] if said else []) + PASSED


def test_what_is_not_required_gives_no_reason() -> None:
    free: Callable[[GateName], GateModel] = lambda name: GateModel(name=name, outcome=N, reason="not asked for")  # noqa: E731
    found = verdict_of(Whole(gates={name: free(name) for name in (GateName.LATENCY, GateName.SAVING)}).made())
    assert found.reasons == [line for line in PASSED if not line.startswith(("Latency", "Saving"))]
    assert [line for line in found.not_tested if line in set(GateName)] == ["latency", "saving", "constraints"]
