"""One candidate's part of a scorecard: every figure, the gates and the verdict, from what all candidates share."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from app.domain.capacity_figures import CapacityModel
from app.domain.configuration import PilotConfiguration
from app.domain.drift import DriftModel
from app.domain.evidence import ArmEvidence, Evidence, Floats
from app.domain.pilot import Pilot
from app.domain.reconciliation import ReconciliationModel
from app.domain.rehearsal import RehearsalModel
from app.domain.scorecard import CandidateModel, ControlModel, LatencyModel, QualityModel
from app.domain.serving import ServingSeen
from app.domain.words import Outcome
from app.pipeline.canaries import canaries_of
from app.pipeline.capacity import capacity_of, rate_of
from app.pipeline.closing import Selection, microseconds
from app.pipeline.configuration_changes import decisive_changes
from app.pipeline.conversations import ALL, VALUE, Conversations
from app.pipeline.coverage import left_out_by_hour, pair_coverage
from app.pipeline.critical import critical_of
from app.pipeline.drift import drift_of
from app.pipeline.findings import checks_model
from app.pipeline.gates import gates_of
from app.pipeline.groups import Groups, groups_of
from app.pipeline.judge_figures import judge_figures_of
from app.pipeline.kinds import split_model_of
from app.pipeline.money import Money, money_of
from app.pipeline.money_figures import cost_model
from app.pipeline.operation import latency_of, queue_lag_of, reliability_of
from app.pipeline.quality import Judged
from app.pipeline.rubric_figures import rubric_figures
from app.pipeline.rubric_hold import hold_cut_scores
from app.pipeline.rules_beside import rules_beside
from app.pipeline.ruling import Case
from app.pipeline.scorecard_inputs import Stored
from app.pipeline.serving import serving_of, with_untested
from app.pipeline.shares import shares_of
from app.pipeline.verdict import verdict_of


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What all candidates of a pilot have in common.

    Attributes:
        stored: All that was read.
        selection: What of it counts.
        talks: Which conversation each exchange belongs to.
        weights: How many production requests each exchange stands for.
        control: The incumbent asked again; `None` = there is no such arm.
        reconciliation: The vendor's invoice beside what was measured; `None` = none was imported.
    """

    stored: Stored
    selection: Selection
    talks: Conversations
    weights: Floats
    control: ControlModel | None
    reconciliation: ReconciliationModel | None


def candidate_card(shared: Shared, name: str, quality: Judged) -> CandidateModel:
    """All figures, gates and the verdict of one candidate."""
    stored, selection, talks = shared.stored, shared.selection, shared.talks
    weights, control = shared.weights, shared.control
    pilot, evidence = stored.pilot, stored.evidence
    arm, configuration = evidence.arms[name], pilot.configuration
    scored = (pilot.incumbent.name, name)
    rubrics = rubric_figures(configuration, quality.evidence, stored.scores, scored, quality.pairs, talks)
    quality = hold_cut_scores(quality, rubrics.rubrics)
    capacity = capacity_of(pilot, evidence, name, selection, weights, rate=rate_of(stored.rehearsals, name))
    money = _money(shared, name, capacity)
    drift = _drift(configuration, evidence, arm, quality, talks, selection.last_day)
    rehearsal = stored.rehearsals.get(name)
    gates = gates_of(configuration, quality, arm, selection.counted, selection.days, talks.segment_of_row, money, rehearsal)
    latency = _latency(configuration, evidence, name, selection, weights, control, rehearsal)
    case = Case(
        pilot=pilot,
        name=name,
        day=selection.last_day,
        closed_days=len(selection.closed),
        older=_older(stored, selection),
        registered_at=stored.registration.registered_at if stored.registration is not None else None,
        quality=quality,
        gates=gates,
        money=money,
        drift=drift,
        control=control,
        canaries=canaries_of(configuration, evidence),
        changes=decisive_changes(stored.changes),
        load=latency.load,
        is_load_tested=latency.load_tested,
    )
    serving = serving_of(pilot, name, stored.served.get(name, ServingSeen()), evidence, selection, stored.sightings)
    verdict = with_untested(verdict_of(case), serving)
    moved = frozenset(verdict.routing) if verdict.outcome is Outcome.HYBRID else frozenset()
    groups = groups_of(quality.evidence, arm, quality.pairs, talks, configuration, threshold=quality.terms.threshold)
    reliability = reliability_of(evidence, arm, selection.counted, selection.days)
    return CandidateModel(
        coverage=pair_coverage(evidence, name, arm, selection),
        quality=_with_groups(quality, groups),
        segments=quality.segments,
        latency=latency,
        reliability=reliability,
        left_out_by_hour=left_out_by_hour(evidence, name, arm, selection),
        capacity=capacity,
        cost=cost_model(money, moved).model_copy(update={"reconciliation": shared.reconciliation}),
        gates=list(gates.models),
        verdict=verdict,
        critical=critical_of(evidence, arm.labels, quality.pairs, talks).model_copy(update={"by_rubric": rubrics.critical}),
        rubrics=rubrics.rubrics,
        rules_of_thumb=rules_beside(money, reliability.candidate_available_rate),
        serving=serving,
        drift=drift,
        judge_figures=judge_figures_of(configuration, quality.evidence, name, quality.pairs, talks, stored.cuts.get(name)),
        checks=checks_model(configuration, evidence, stored.findings, (pilot.incumbent.name, name), selection, talks),
        rehearsal=rehearsal,
        split=split_model_of(case, verdict.outcome, groups, evidence, selection, talks, weights),
        shares=shares_of(quality.evidence, arm.labels, quality.pairs, talks),
    )


def _money(shared: Shared, name: str, capacity: CapacityModel) -> Money:
    stored, invoice = shared.stored, shared.reconciliation
    return money_of(
        stored.pilot.configuration,
        name,
        stored.evidence,
        shared.selection,
        shared.talks,
        weights=shared.weights,
        hours=stored.hours,
        first_day=_first_date(stored.pilot),
        spend=stored.spend,
        capacity=capacity,
        has_invoice=invoice is not None and invoice.is_check,
        doubt=invoice.reason if invoice is not None and invoice.is_unknown else "",
    )


def _drift(
    configuration: PilotConfiguration,
    evidence: Evidence,
    arm: ArmEvidence,
    quality: Judged,
    talks: Conversations,
    last_day: int,
) -> DriftModel:
    """The watchers' words on the present epoch; what people's labels add to the win rate is added to every day's."""
    corrected, raw = quality.model.win_rate_human_corrected.value, quality.model.win_rate.value
    return drift_of(
        configuration,
        evidence,
        arm,
        quality.pairs,
        talks,
        daily=quality.sums.get((ALL, VALUE), {}),
        days=range(quality.terms.begins, last_day + 1),
        correction=corrected - raw if corrected is not None and raw is not None else 0.0,
    )


def _latency(
    configuration: PilotConfiguration,
    evidence: Evidence,
    name: str,
    selection: Selection,
    weights: Floats,
    control: ControlModel | None,
    rehearsal: RehearsalModel | None,
) -> LatencyModel:
    latency = latency_of(
        configuration,
        evidence,
        evidence.arms[name],
        selection.counted,
        days=selection.days,
        weights=weights,
        control=control,
        queue_lag=queue_lag_of(evidence, name),
    )
    return latency.model_copy(update={"load_tested": rehearsal is not None and rehearsal.is_load_test})


def _with_groups(quality: Judged, groups: Groups) -> QualityModel:
    return quality.model.model_copy(update={"by_turn": list(groups.by_turn), "by_prompt_length": list(groups.by_prompt_length)})


def _first_date(pilot: Pilot) -> date | None:
    """The calendar day that day 1 is, where the pilot is."""
    zone = ZoneInfo(pilot.configuration.pilot.timezone)
    return pilot.starts_at.astimezone(zone).date() if pilot.starts_at is not None else None


def _older(stored: Stored, selection: Selection) -> tuple[int, int]:
    counted = int(selection.counted.sum())
    if stored.registration is None:
        return 0, counted
    before = stored.evidence.exchanges.arrived_us < microseconds(stored.registration.registered_at)
    return int((selection.counted & before).sum()), counted
