"""Scorecards that rest on people, are frozen, fall, or began anew."""

from typing import Any

from app.domain.drift import DriftModel, JudgeWeek, MixWeek, QualityWatch
from app.domain.epochs import EpochKind, SeenIn
from app.domain.groups import CriticalModel, GroupModel
from app.domain.operation_models import AgainstIncumbent, DayEstimate, LoadModel, OutagesModel
from app.domain.registration_models import EpochChangeModel, EpochModel, PlanModel, RegistrationModel
from app.domain.scorecard import (
    CandidateModel,
    ChangeModel,
    ControlModel,
    DayPoint,
    EstimateModel,
    JudgeAgreement,
    QualityModel,
    Scorecard,
    SegmentModel,
)
from app.domain.words import Outcome
from tests.unit.reports.registered_example import STARTS

PLAN = PlanModel(
    margin=0.05, alpha=0.05, alpha_by_segment=0.0167, looks=[14, 21, 28], planned_conversations=2000,
    label_probability={"extraction": 0.2, "triage": 0.3, "multi-step support": 0.15},
)  # fmt: skip


def estimate(value: float, half: float, n: int, method: str = "prediction_powered_confidence_sequence") -> EstimateModel:
    return EstimateModel(value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n, method=method)


LATENCY_DAYS: dict[str, Any] = {
    "worst_day": {"total_seconds": DayEstimate(day=9, estimate=EstimateModel(value=3.4, low=3.1, high=3.7, n=96))},
    "against_incumbent": {
        "total_seconds": AgainstIncumbent(candidate_minus_incumbent_p95_seconds=estimate(0.61, 0.2, 3088)),
        "ttft_any_seconds": AgainstIncumbent(reason="the control's offset is above a tenth of the limit"),
    },
    "load": LoadModel(asked=3140, production_requests=31_400.0, share=0.1, words="the candidate saw 10% of all requests"),
}
RELIABILITY_DAYS: dict[str, Any] = {
    "candidate_available": estimate(0.998, 0.001, 3140, "wilson"),
    "failure_kind_rates": {"timeout": estimate(0.0035, 0.002, 3140)},
    "worst_day": DayEstimate(day=9, estimate=estimate(0.04, 0.03, 96)),
    "outages": OutagesModel(episodes=3, design_effect=1.8, effective_trials=1744, effective_failures=10),
}


def corrected_fields(rate: float, points: list[DayPoint]) -> dict[str, Any]:
    """What people change of a quality whose raw series has these points."""
    lower = [
        p.model_copy(
            update={"value": p.value - 0.02, "low": max(0.0, (p.low or 0) - 0.04), "high": min(1.0, (p.high or 1) + 0.01)}
        )
        for p in points
        if p.value is not None
    ]
    return {
        "rests_on": "corrected", "win_rate_human_corrected": estimate(rate - 0.02, 0.05, 1840),
        "drawn": 412, "skipped": 9, "missing": 31, "waiting_days": [27, 28], "corrected_by_day": lower,
        "end_level": rate - 0.015, "last_week": rate - 0.012, "compared_pairs": 372, "judge_weights": [0.7, 0.66, 0.69],
        "rater_agreement": estimate(0.71, 0.09, 64, "krippendorff_alpha"),
        "by_turn": [
            GroupModel(name="1", pairs=1800, conversations=1800, win_rate=estimate(0.5, 0.03, 1800)),
            GroupModel(name="2-3", pairs=900, conversations=610, win_rate=estimate(0.47, 0.06, 610)),
            GroupModel(name="7+", pairs=12, conversations=4),
        ],
        "by_prompt_length": [
            GroupModel(name="<500", pairs=1500, conversations=1200, win_rate=estimate(0.51, 0.04, 1200)),
            GroupModel(name="8k+", pairs=220, conversations=200, win_rate=estimate(0.41, 0.11, 200)),
        ],
    }  # fmt: skip


def corrected_segment(segment: SegmentModel) -> SegmentModel:
    """The same with labels by people."""
    value = segment.win_rate.value or 0.5
    judge = JudgeAgreement(rater="some/judge-70b", accuracy=estimate(0.83, 0.06, 140, "wilson"), kappa=estimate(0.6, 0.1, 140))
    people = {"rests_on": "corrected", "win_rate_human_corrected": estimate(value - 0.01, 0.06, segment.conversations)}
    return segment.model_copy(update=people | {"drawn": 150, "skipped": 3, "missing": 12, "judge": judge})


def calm() -> DriftModel:
    return DriftModel(
        warnings=["week 3 holds more long prompts than the first (stability index 0.12)"],
        quality=QualityWatch(days=28, statistic=1.2, limit=5.0, rose_on=[11]),
        mix=[
            MixWeek(week=2, conversations=500, cells=12, psi=0.03, p_value=0.4, win_rate=0.48, win_rate_at_mix=0.482),
            MixWeek(
                week=3,
                conversations=520,
                cells=12,
                psi=0.12,
                p_value=0.004,
                win_rate=0.48,
                win_rate_at_mix=0.47,
                is_warning=True,
            ),
        ],
        judge=[JudgeWeek(week=2, change=estimate(0.01, 0.03, 50)), JudgeWeek(week=3, change=estimate(-0.004, 0.03, 50))],
    )


def a_control(**replaced: Any) -> ControlModel:
    given: dict[str, Any] = {
        "asked": 310, "answered": 308, "equal_rate": estimate(0.22, 0.05, 308), "win_rate": estimate(0.502, 0.04, 308),
        "conversation_win_rate": estimate(0.503, 0.06, 240), "false_loss_rate": estimate(0.49, 0.07, 188),
    }  # fmt: skip
    return ControlModel(**(given | replaced))


def with_people(scorecard: Scorecard, **quality: Any) -> Scorecard:
    """The example with people's labels, watchers, a control and a registered plan."""
    card = scorecard.candidates["qwen"]
    rate = card.quality.win_rate.value or 0.5
    better = QualityModel.model_validate(
        card.quality.model_dump() | corrected_fields(rate, card.quality.by_day) | quality
    )  # fmt: skip
    changed = {
        "quality": better,
        "segments": {name: corrected_segment(segment) for name, segment in card.segments.items()},
        "critical": CriticalModel(
            rate=estimate(0.004, 0.003, 372), labelled=742, marked=3, exchanges=["e-17", "e-803", "e-99"]
        ),
        "drift": calm(),
        "latency": card.latency.model_copy(update=LATENCY_DAYS),
        "reliability": card.reliability.model_copy(update=RELIABILITY_DAYS),
    }
    registration = scorecard.registration.model_copy(update={"plan": PLAN})
    return _with(scorecard, changed).model_copy(update={"registration": registration, "control": a_control()})


def _with(scorecard: Scorecard, changed: dict[str, Any]) -> Scorecard:
    card: CandidateModel = scorecard.candidates["qwen"].model_copy(update=changed)
    return scorecard.model_copy(update={"candidates": {"qwen": card}})


def frozen_by_drift(scorecard: Scorecard) -> Scorecard:
    """It would migrate, but fell."""
    reason = "the daily win rates fell from day 19 on"
    made = with_people(scorecard, passed_on=21, is_held_back=True, is_falling=True, end_level=0.431, last_week=0.444)
    drift = calm().model_copy(update={"frozen": True, "reasons": [reason]})
    old = made.candidates["qwen"].verdict
    frozen = {"outcome": Outcome.EXTEND, "reason_codes": ["drift", "quality_falling"], "routing": {}}
    verdict = old.model_copy(update=frozen | {"reasons": [f"Frozen: {reason}."]})
    return _with(made, {"drift": drift, "verdict": verdict})


def frozen_by_control(scorecard: Scorecard) -> Scorecard:
    """The judge calls equals unequal."""
    reason = "the incumbent reaches 41.2% against itself, and the interval leaves out 50%"
    control = a_control(is_broken=True, reason=reason, conversation_win_rate=estimate(0.412, 0.06, 240))
    made = with_people(scorecard)
    frozen = {"outcome": Outcome.EXTEND, "reason_codes": ["control_broken"], "routing": {}, "reasons": [f"Frozen: {reason}."]}
    verdict = made.candidates["qwen"].verdict.model_copy(update=frozen)
    return _with(made, {"verdict": verdict}).model_copy(update={"control": control})


def begun_anew(scorecard: Scorecard) -> Scorecard:
    """Another model from day 12 on, and a limit changed after the start."""
    swapped = EpochChangeModel(
        kind=EpochKind.MODEL, what="model of qwen", before="qwen-a", after="qwen-b", seen_in=SeenIn.CONFIGURATION
    )
    epochs = [
        EpochModel(number=0, first_day=1, last_day=11, days=11, conversations=700, models={"qwen": "qwen-a"}),
        EpochModel(
            number=1, kind=EpochKind.MODEL, first_day=12, days=17, conversations=1140, is_current=True,
            models={"qwen": "qwen-b"}, changes=[swapped],
        ),
    ]  # fmt: skip
    change = ChangeModel(at=STARTS, by="ops", path="quality.margin", before=0.05, after=0.06, touches="the limit of quality")
    plan: RegistrationModel = scorecard.registration.model_copy(
        update={"epochs": {"qwen": epochs}, "changes": [change], "plan": PLAN}
    )
    return scorecard.model_copy(update={"registration": plan})
