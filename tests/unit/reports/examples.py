"""Scorecards of every outcome, as a report meets them."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from app.domain.configuration import PilotConfiguration
from app.domain.hours import HoursEntry
from app.domain.scorecard import (
    ArmsEstimate,
    CandidateModel,
    CapacityModel,
    ChangeModel,
    CostModel,
    DayPoint,
    EstimateModel,
    GateModel,
    JudgeAgreement,
    LatencyModel,
    LedgerModel,
    MoneyEstimate,
    PairCoverage,
    QualityModel,
    Quantiles,
    RegistrationModel,
    ReliabilityModel,
    Scorecard,
    SegmentModel,
    VerdictModel,
    Window,
)
from app.domain.words import CoverageReason, GateName, GateOutcome, Outcome
from app.reports.build import build_document
from app.reports.document import Document
from tests.builders import a_configuration
from tests.unit.reports.capacity_example import a_capacity
from tests.unit.reports.latency_example import with_pictures
from tests.unit.reports.money_example import a_cost, made_inputs, token_lines
from tests.unit.reports.registered_example import EPOCHS, PLAN
from tests.unit.reports.rehearsal_example import a_rehearsal
from tests.unit.reports.shares_example import the_shares
from tests.unit.reports.verdict_examples import begun_anew, frozen_by_control, frozen_by_drift, with_people

MADE_AT = datetime(2026, 11, 30, 8, 12, tzinfo=UTC)
STARTS = datetime(2026, 11, 1, 23, 0, tzinfo=UTC)
NONE = EstimateModel()


def an_estimate(value: float, half: float, n: int, method: str = "asymptotic_confidence_sequence") -> EstimateModel:
    return EstimateModel(value=value, low=max(0.0, value - half), high=value + half, n=n, method=method)


def a_full_configuration(**tables: Any) -> PilotConfiguration:
    given: dict[str, Any] = {
        "pilot": {"timezone": "Europe/Berlin", "days": 35},
        "segment": [{"name": "extraction"}, {"name": "triage"}, {"name": "multi-step support"}],
        "judge": {"base_url": "http://127.0.0.1:9000/v1", "model": "some/judge-70b", "family": "other"},
        "latency": {"ttft_any_p95_seconds": 1.0, "total_p95_seconds": 3.0},
        "reliability": {"max_failure_rate": 0.01},
        "cost": {"engineer_usd_per_hour": 90, "other_usd_per_month": 500},
    }
    return a_configuration(**(given | tables))


def days(end: float, n: int, last: int = 28) -> list[DayPoint]:
    made = []
    for day in range(1, last + 1):
        share = day / last
        value = end + 0.05 * (1 - share) * math.cos(day / 2.5)
        half = min(0.5, 0.032 / share**0.62)
        made.append(DayPoint(day=day, n=round(n * share), value=value, low=max(0.0, value - half), high=min(1.0, value + half)))
    return made


def a_quality(rate: float = 0.474, n: int = 2012, **replaced: Any) -> QualityModel:
    given: dict[str, Any] = {
        "win_rate": an_estimate(rate, 0.032, n),
        "win_rate_fixed": EstimateModel(
            value=rate - 0.002, low=rate - 0.018, high=rate + 0.014, n=3120, method="normal", standard_error=0.008
        ),
        "win_rate_without_failures": an_estimate(rate + 0.006, 0.031, n - 20),
        "win_rate_length_controlled": an_estimate(rate - 0.004, 0.03, n, "glm_cluster_bootstrap"),
        "win_rate_human_corrected": EstimateModel(method="no_drawn_labels"),
        "ties": 811,
        "flips": 204,
        "ungraded": {"unparsed": 12},
        "position_consistency_rate": 0.842,
        "position_consistency_n": 1290,
        "first_shown_rate": 0.553,
        "first_shown_n": 2580,
        "judge_accuracy": an_estimate(0.846, 0.03, 540, "wilson"),
        "judge_kappa": an_estimate(0.69, 0.06, 540, "bootstrap"),
        "labels": 742,
        "usable_labels": 700,
        "people_win_rate": an_estimate(0.481, 0.035, 742, "normal"),
        "by_day": days(rate, n),
    }
    return QualityModel(**(given | replaced))


def a_segment(rate: float, half: float, n: int, outcome: GateOutcome, **replaced: Any) -> SegmentModel:
    given: dict[str, Any] = {
        "pairs": round(n * 1.5),
        "conversations": n,
        "win_rate": an_estimate(rate, half, n),
        "margin": 0.05,
        "alpha": 0.05 / 3,
        "bound": rate - half,
        "outcome": outcome,
        "labels": n // 3,
        "reason": f"its lower bound is {100 * (rate - half):.1f}%",
    }
    return SegmentModel(**(given | replaced))


def the_segments() -> dict[str, SegmentModel]:
    return {
        "extraction": a_segment(0.503, 0.041, 790, GateOutcome.PASSES),
        "triage": a_segment(0.561, 0.049, 611, GateOutcome.PASSES),
        "multi-step support": a_segment(0.338, 0.045, 540, GateOutcome.FAILS, reason="its upper bound is 38.3%"),
        "other": a_segment(0.49, 0.2, 71, GateOutcome.NOT_REQUIRED, registered=False, reason="not registered"),
    }


def times(incumbent: float, candidate: float, spread: float = 0.06) -> Quantiles:
    def both(factor: float, wide: float) -> ArmsEstimate:
        return ArmsEstimate(
            incumbent=an_estimate(incumbent * factor, incumbent * factor * spread * wide, 3120, "order statistics"),
            candidate=an_estimate(candidate * factor, candidate * factor * spread * wide, 3088, "order statistics"),
        )

    return Quantiles(p50=both(1, 1), p95=both(2.1, 1.6), p99=both(2.9, 3))


def a_latency() -> LatencyModel:
    return LatencyModel(
        ttft_any_seconds=times(0.38, 0.21),
        ttft_visible_seconds=times(0.41, 0.22),
        total_seconds=times(1.31, 1.02),
        tpot_seconds=times(0.011, 0.014),
        basis="imported",
    )


def a_reliability() -> ReliabilityModel:
    return ReliabilityModel(
        incumbent_failure_rate=EstimateModel(value=0.0022, low=0.001, high=0.0046, n=3140, method="wilson"),
        candidate_failure_rate=EstimateModel(value=0.0057, low=0.0037, high=0.0091, n=3140, method="wilson"),
        candidate_available_rate=None,
        failure_kinds={"timeout": 11, "http": 7},
        incumbent_failure_kinds={"http": 7},
    )


def gates(**outcomes: GateOutcome) -> list[GateModel]:
    known = {
        "quality": GateModel(
            name=GateName.QUALITY, outcome=GateOutcome.UNKNOWN, bound=0.444, threshold=0.45, alpha=0.05,
            reason="the lower bound 44.4% is not above 45.0%, the upper bound 50.1% not below it",
        ),
        "latency": GateModel(
            name=GateName.LATENCY, outcome=GateOutcome.PASSES, bound=2.41, threshold=3.0, alpha=0.05,
            reason="95 of 100 answers were there within 2.41 s",
        ),
        "reliability": GateModel(
            name=GateName.RELIABILITY, outcome=GateOutcome.PASSES, bound=0.0085, threshold=0.01, alpha=0.05,
            reason="at most 0.85% of requests fail",
        ),
        "saving": GateModel(
            name=GateName.SAVING, outcome=GateOutcome.PASSES, bound=4100.0, threshold=0.0,
            reason="moving extraction and triage saves $4,100 a month",
        ),
        "constraints": GateModel(
            name=GateName.CONSTRAINTS, outcome=GateOutcome.PASSES, reason="Apache-2.0 is a permissive licence"
        ),
    }  # fmt: skip
    return [gate.model_copy(update={"outcome": outcomes.get(name, gate.outcome)}) for name, gate in known.items()]


def a_verdict(outcome: Outcome, **replaced: Any) -> VerdictModel:
    given: dict[str, Any] = {
        "outcome": outcome,
        "reason_codes": ["quality"],
        "reasons": ["Quality decides."],
        "would_change": ["More conversations."],
        "not_tested": ["load_tested: false"],
    }
    return VerdictModel(**(given | replaced))


def a_candidate(verdict: VerdictModel, **replaced: Any) -> CandidateModel:
    given: dict[str, Any] = {
        "coverage": PairCoverage(both_ok=3111, candidate_failed=14, incumbent_failed=3, both_failed=4, not_asked=8),
        "quality": a_quality(),
        "segments": the_segments(),
        "latency": a_latency(),
        "reliability": a_reliability(),
        "capacity": a_capacity(),
        "cost": a_cost(),
        "gates": gates(),
        "verdict": verdict,
        "shares": the_shares(rate=replaced.get("quality", a_quality()).win_rate.value or 0.5),
    }
    return CandidateModel(**(given | replaced))


def a_ledger(**by_reason: int) -> LedgerModel:
    given = dict.fromkeys((reason.value for reason in CoverageReason), 0)
    given |= by_reason or {"captured": 3140, "not_sampled": 410, "client_error": 22, "client_cancelled": 9}
    return LedgerModel(production_requests=sum(given.values()), by_reason=given)


def a_scorecard(candidates: dict[str, CandidateModel], **replaced: Any) -> Scorecard:
    given: dict[str, Any] = {
        "pilot": "support-bot",
        "as_of": STARTS + timedelta(days=28),
        "day": 28,
        "window": Window(from_=STARTS, to=STARTS + timedelta(days=35)),
        "coverage": a_ledger(),
        "candidates": candidates,
        "registration": RegistrationModel(hash="9f" * 32, registered_at=STARTS, changes=[]),
    }
    return Scorecard(**(given | replaced))


HOURS = (
    HoursEntry(1, "Ada", date(2026, 11, 3), Decimal("12.5"), "set-up", is_recurring=False, note="GPU drivers, vLLM image"),
    HoursEntry(2, "Grace", date(2026, 11, 6), Decimal("24.0"), "set-up", is_recurring=False, note="dashboards and alarms"),
    HoursEntry(3, "Ada", date(2026, 11, 20), Decimal("16.0"), "upkeep", is_recurring=True, note=""),
)


def hybrid() -> Scorecard:
    """With every figure behind the pictures of times and load."""
    card = plain_hybrid()
    latency = with_pictures(a_latency(), STARTS)
    return card.model_copy(
        update={
            "candidates": {"qwen": card.candidates["qwen"].model_copy(update={"latency": latency, "rehearsal": a_rehearsal()})}
        }
    )


def plain_hybrid() -> Scorecard:
    verdict = a_verdict(
        Outcome.HYBRID,
        reason_codes=["segments_pass", "segment_fails"],
        reasons=[
            "extraction and triage pass on their own: the candidate is as good there, beyond reasonable doubt.",
            "multi-step support fails: its win rate is at most 38.3%, the limit is 45.0%.",
            "Moving extraction and triage saves about $4,100 a month.",
        ],
        would_change=[
            "If multi-step support rose above 45.0%, everything could move.",
            "If extraction's lower bound fell to 45.0%, it would stay.",
        ],
        not_tested=["load_tested: false", "Long conversations: 99% had fewer than 8 turns."],
        routing={"extraction": "qwen", "triage": "qwen"},
    )
    return a_scorecard({"qwen": a_candidate(verdict)})


def migrate() -> Scorecard:
    verdict = a_verdict(Outcome.MIGRATE, reasons=["All required conditions pass, and no kind of work fails."], not_tested=[])
    segments = {name: s for name, s in the_segments().items() if s.outcome is GateOutcome.PASSES}
    card = a_candidate(
        verdict, quality=a_quality(0.512), segments=segments, gates=gates(quality=GateOutcome.PASSES)
    )  # fmt: skip
    return a_scorecard({"qwen": card})


def dont_migrate() -> Scorecard:
    verdict = a_verdict(
        Outcome.DONT_MIGRATE,
        reasons=[
            "Quality fails overall and in every kind of work: the win rate is at most 34.1%, the limit is 45.0%.",
            "It would also cost $1,220 more a month.",
        ],
        would_change=["A candidate whose answers are preferred at least 45.0% of the time."],
    )
    segments = {
        "extraction": a_segment(0.31, 0.04, 790, GateOutcome.FAILS),
        "triage": a_segment(0.3, 0.05, 611, GateOutcome.FAILS),
    }
    cost = a_cost(
        incumbent_usd_per_month=MoneyEstimate(value=Decimal(2910), n=3140),
        saving_usd_per_month=MoneyEstimate(value=Decimal(-1220), n=3140),
        model=made_inputs(incumbent_tokens=token_lines(97_250_000)),
    )
    failing = gates(quality=GateOutcome.FAILS, saving=GateOutcome.FAILS)
    return a_scorecard({"qwen": a_candidate(verdict, quality=a_quality(0.309), segments=segments, cost=cost, gates=failing)})


def nothing_imported() -> Scorecard:
    verdict = a_verdict(
        Outcome.EXTEND,
        reason_codes=["not_started"],
        reasons=["The pilot has not started."],
        would_change=["Import recorded exchanges or mirror requests, then start the pilot."],
    )
    empty = QualityModel(**dict.fromkeys(ESTIMATES, NONE))
    card = CandidateModel(
        coverage=PairCoverage(),
        quality=empty,
        segments={},
        latency=LatencyModel(),
        reliability=ReliabilityModel(incumbent_failure_rate=NONE, candidate_failure_rate=NONE),
        capacity=CapacityModel(),
        cost=CostModel(missing=["candidate[qwen].gpu_usd_per_hour", "cost.engineer_usd_per_hour"]),
        gates=[
            GateModel(name=name, outcome=GateOutcome.NOT_REQUIRED if name is GateName.LATENCY else GateOutcome.UNKNOWN)
            for name in GateName
        ],
        verdict=verdict,
    )
    ledger = LedgerModel(by_reason=dict.fromkeys((r.value for r in CoverageReason), 0))
    unregistered = RegistrationModel()
    return a_scorecard({"qwen": card}, as_of=None, day=0, window=Window(), coverage=ledger, registration=unregistered)


ESTIMATES = (
    "win_rate", "win_rate_fixed", "win_rate_without_failures", "win_rate_length_controlled", "win_rate_human_corrected",
    "judge_accuracy", "judge_kappa",
)  # fmt: skip


def two_candidates() -> Scorecard:
    """The second is undecided: its judge is not confirmed by people, its costs are unknown, a setting was changed."""
    undecided = a_verdict(
        Outcome.EXTEND,
        provisional=Outcome.MIGRATE,
        reason_codes=["judge_uncalibrated"],
        reasons=["People have labelled 41 usable pairs; 200 are needed before the judge may decide."],
        would_change=["159 more usable labels by people."],
        not_tested=["load_tested: false", "latency"],
    )
    raters = [
        JudgeAgreement(rater="some/judge-70b", accuracy=NONE, kappa=NONE, position_consistency_rate=0.81, flips=90),
        JudgeAgreement(rater="gpt-4", accuracy=an_estimate(0.8, 0.05, 240), kappa=an_estimate(0.6, 0.1, 240), flips=12),
    ]
    second = a_candidate(
        undecided,
        quality=a_quality(0.498, judge_accuracy=NONE, judge_kappa=NONE, labels=41, usable_labels=41, raters=raters),
        latency=LatencyModel(),
        cost=a_cost(
            candidate_usd_per_month=MoneyEstimate(),
            saving_usd_per_month=MoneyEstimate(),
            parts={"gpus": None, "engineering hours": Decimal(1440), "other": Decimal(500)},
            missing=["candidate[llama-70b].gpu_usd_per_hour"],
            model=made_inputs(gpu_usd_per_hour=None),
        ),
        gates=gates(saving=GateOutcome.UNKNOWN, latency=GateOutcome.NOT_REQUIRED),
    )
    change = ChangeModel(at=STARTS + timedelta(days=9), by="ops", path="reliability.max_failure_rate", before=0.02, after=0.01)
    change = change.model_copy(update={"touches": "reliability limit"})
    registration = RegistrationModel(hash="ab" * 32, registered_at=STARTS, changes=[change], plan=PLAN, epochs=EPOCHS)
    first = plain_hybrid().candidates["qwen"]
    return a_scorecard({"qwen": first, "llama-70b": second}, registration=registration)


def final_extend() -> Scorecard:
    verdict = a_verdict(Outcome.EXTEND, final=True, reasons=["After the extension the quality is still undecided."])
    return a_scorecard({"qwen": a_candidate(verdict)}, day=49)


SCORECARDS: dict[str, Callable[[], Scorecard]] = {
    "hybrid": hybrid,
    "migrate": migrate,
    "dont_migrate": dont_migrate,
    "nothing_imported": nothing_imported,
    "two_candidates": two_candidates,
    "final_extend": final_extend,
    "people": lambda: with_people(plain_hybrid(), passed_on=21),
    "frozen_by_drift": lambda: frozen_by_drift(migrate()),
    "frozen_by_control": lambda: frozen_by_control(plain_hybrid()),
    "begun_anew": lambda: begun_anew(plain_hybrid()),
}


@cache
def a_document(name: str = "hybrid") -> Document:
    """The report of an example, with both candidates configured where it has two."""
    scorecard = SCORECARDS[name]()
    base = {"base_url": "http://127.0.0.1:8000/v1", "license": "Apache-2.0"}
    models = {"qwen": "Qwen/Qwen3.5-27B", "llama-70b": "meta/llama-3.1-70b"}
    given: dict[str, Any] = {"candidate": [base | {"name": c, "model": models.get(c, c)} for c in scorecard.candidates]}
    if name == "nothing_imported":
        given |= {"latency": None, "judge": None}
    hours = () if name == "nothing_imported" else HOURS
    return build_document(scorecard, a_full_configuration(**given), hours, MADE_AT)
