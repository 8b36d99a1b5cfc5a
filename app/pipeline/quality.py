"""The quality part of a scorecard: win rates of the whole and of each segment, and whether they clear the margin."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.domain.epochs import Epoch
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats
from app.domain.pilot import Pilot
from app.domain.registered import ALPHA, RegisteredPlan
from app.domain.scorecard import EstimateModel, JudgeAgreement, QualityModel, SegmentModel
from app.domain.words import OTHER_SEGMENT, GateOutcome
from app.pipeline.closing import Selection
from app.pipeline.conversations import (
    ALL,
    HIGH,
    LOW,
    VALUE,
    WITHOUT_FAILURES,
    Conversations,
    PairValues,
    by_a_model,
    pair_values,
    series_sums,
)
from app.pipeline.correction import Asked, asked_of
from app.pipeline.coverage import skipped_of
from app.pipeline.judge_agreement import People, agreement_of, labelled_pairs, people_of, raters_of
from app.pipeline.judge_panel import panel_figures
from app.pipeline.labelling.agreement import rater_agreement
from app.pipeline.left_out import LeftOut, left_out_of
from app.pipeline.length_control import length_controlled
from app.pipeline.length_preference import length_preference_of
from app.pipeline.quality_rule import (
    Ruled,
    Series,
    Terms,
    corrected_series,
    estimate_of,
    moment_of,
    points_of,
    raw_series,
    rule,
    waiting_days,
)
from app.statistics.asymptotic import interval
from app.statistics.fixed_sample import mean_estimate
from app.statistics.prediction_powered import PATIENCE_DAYS
from app.statistics.sums import Sums

PAR = 0.5
LENGTH_STRADDLES = "length_straddles"
LEAST_LABELS_OF_A_SEGMENT = 50
NO_LABELS_THERE = (
    "people labelled pairs elsewhere but none here: the judge's word alone shows no kind of work to be good enough"
)
NOT_CORRECTED = EstimateModel(method="no_drawn_labels")

SumsByDay = dict[tuple[str, str], dict[int, Sums]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One candidate's quality, and what the verdict needs of it.

    Attributes:
        ruled: What the rule says of the whole, after what holds it back.
        terms: What it was ruled by.
        left_out: Days of which we left out too much to say anything.
        judged_segments: Segments with pairs that a judge graded.
        asked: What people were asked.
        unlabelled: Segments that a judge decides and of which no pair was drawn or labelled.
        sums: The daily sums by segment and series.
        pairs: The preferences they are made of.
        evidence: What they rest on: where a judge looks at a part, conversations weigh accordingly.
    """

    model: QualityModel
    segments: dict[str, SegmentModel]
    ruled: Ruled
    terms: Terms
    left_out: LeftOut
    judged_segments: frozenset[str]
    asked: Asked
    unlabelled: tuple[str, ...]
    sums: SumsByDay
    pairs: PairValues
    evidence: Evidence

    @property
    def gate(self) -> GateOutcome:
        """What the whole says."""
        return self.ruled.outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """What every segment's ruling rests on."""

    pilot: Pilot
    evidence: Evidence
    terms: Terms
    pairs: PairValues
    people: People
    talks: Conversations
    asked: Asked
    sums: SumsByDay
    margins: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the rule is asked on.

    Attributes:
        plan: What was registered.
        epoch: The present one: evidence from its first day on counts, and each new epoch has half the alpha of the last.
        now_day: The day by whose end we look: answers of people are waited for until then.
        judged_chance: Each conversation's chance to be judged, where the judge looks at a part; `None` = at all of them.
    """

    plan: RegisteredPlan
    epoch: Epoch
    now_day: int
    judged_chance: Floats | None = None


def judge_quality(
    pilot: Pilot,
    grounds: Grounds,
    evidence: Evidence,
    arm: ArmEvidence,
    selection: Selection,
    talks: Conversations,
    *,
    name: str,
) -> Judged:
    """All that the scorecard says of the quality of the candidate of that name, in the present epoch.

    Args:
        pilot: Its configuration and window.
        grounds: What was registered, the epoch, and where we stand.
        evidence: All.
        arm: The candidate's.
        selection: What of the evidence counts.
        talks: Conversations.
        name: The candidate's.
    """
    configuration = pilot.configuration
    selection = _of_epoch(selection, talks, grounds.epoch)
    pairs = pair_values(configuration, evidence, arm, selection)
    people = people_of(arm.labels, len(evidence.exchanges))
    terms = _terms(pilot, grounds, selection)
    asked = asked_of(
        pilot, grounds.plan, evidence, arm.labels, pairs, talks, now=terms.now, judged_chance=grounds.judged_chance
    )
    sums: SumsByDay = defaultdict(dict)
    for segment, series, day, daily in series_sums(pairs, talks, 1.0 / evidence.exchanges.inclusion_probability):
        sums[segment, series][day] = daily
    facts = _Facts(pilot, evidence, terms, pairs, people, talks, asked, sums, grounds.plan.margins)
    left_out = left_out_of(configuration, selection, arm, skipped_of(evidence, name, arm))
    at_equal_length = length_controlled(evidence, arm, pairs, talks)
    whole, corrected = _series(facts, ALL, np.ones(len(asked.talk), dtype=bool))
    ruled = _blocked(rule(corrected or whole, terms), left_out)
    model = _model(facts, arm, whole, corrected, ruled, at_equal_length)
    held = _straddled(ruled, model, terms)
    return Judged(
        model=model.model_copy(update={"is_held_back": held.is_held_back}),
        segments=_segments(facts, left_out, straddles=_straddles(model, terms)),
        ruled=held,
        terms=terms,
        left_out=left_out,
        judged_segments=frozenset(talks.segment_of_row[pairs.judged & ~np.isnan(pairs.values)].tolist()),
        asked=asked,
        unlabelled=tuple(sorted(set(talks.segments[asked.talk][asked.unlabelled].tolist()))),
        sums=sums,
        pairs=pairs,
        evidence=evidence,
    )


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of several days together."""
    total = Sums()
    for part in parts:
        total = total + part
    return total


def _of_epoch(selection: Selection, talks: Conversations, epoch: Epoch) -> Selection:
    """Evidence of earlier epochs is of another model: it is not pooled."""
    if epoch.first_day <= 1:
        return selection
    day = np.where(talks.of_row >= 0, talks.days[talks.of_row], 0) if len(talks.days) else np.zeros(len(talks.of_row))
    closed = tuple(day for day in selection.closed if day >= epoch.first_day)
    return replace(selection, counted=selection.counted & (day >= epoch.first_day), closed=closed)


def _terms(pilot: Pilot, grounds: Grounds, selection: Selection) -> Terms:
    plan, epoch, days = grounds.plan, grounds.epoch, selection.last_day
    return Terms(
        # A margin that was widened after the registration does not count; a narrower one does.
        margin=min(pilot.configuration.quality.margin, plan.margin),
        # Candidates that were added later share what was registered for fewer.
        alpha=min(plan.alpha, ALPHA / len(pilot.candidates)) / 2**epoch.number,
        looks=plan.looks,
        # An extended pilot has the kept look at its end, however long the extension is.
        extension=pilot.days if pilot.extended_days else plan.extension_look,
        n_optimal=plan.planned_conversations / 2,
        begins=epoch.first_day,
        days=days,
        now=moment_of(grounds.now_day, days),
    )


def _series(facts: _Facts, segment: str, chosen: Flags) -> tuple[Series, Series | None]:
    """The raw series, and the corrected one where people's drawn labels are."""
    terms = facts.terms
    by_series = {name: facts.sums[segment, name] for name in (LOW, VALUE, HIGH)}
    raw = raw_series(by_series, terms.days, terms.begins)
    if not _is_corrected(facts.asked, terms) or not chosen.any():
        return raw, None
    return raw, corrected_series(facts.asked, chosen, raw, days=terms.days, now=terms.now, begins=terms.begins)


def _is_corrected(asked: Asked, terms: Terms) -> bool:
    """Whether people labelled any drawn pair of the pilot: then every segment rests on what they said, or did not say."""
    usable = asked.by_people & ~np.isnan(asked.labelled.person) & (asked.labelled.answered_on <= terms.now)
    return bool(usable.any()) and terms.days > 0


def _blocked(ruled: Ruled, left_out: LeftOut) -> Ruled:
    return replace(ruled, outcome=GateOutcome.UNKNOWN, reason=left_out.words, needed=None) if left_out.days else ruled


def _straddled(ruled: Ruled, model: QualityModel, terms: Terms) -> Ruled:
    """A win rate that clears the margin only because one side writes longer is not shown."""
    if ruled.outcome is not GateOutcome.PASSES or not _straddles(model, terms):
        return ruled
    raw, equal = model.win_rate.value or 0.0, model.win_rate_length_controlled.value or 0.0
    words = (
        f"{ruled.reason}; but the judge's win rate is {raw:.1%} and at equal length of the replies {equal:.1%}: they lie on "
        f"both sides of the limit {terms.threshold:.1%}"
    )
    return replace(ruled, outcome=GateOutcome.UNKNOWN, reason=words, is_held_back=True, codes=(*ruled.codes, LENGTH_STRADDLES))


def _straddles(model: QualityModel, terms: Terms) -> bool:
    raw, equal = model.win_rate.value, model.win_rate_length_controlled.value
    return raw is not None and equal is not None and (raw > terms.threshold) != (equal > terms.threshold)


def _model(
    facts: _Facts, arm: ArmEvidence, whole: Series, corrected: Series | None, ruled: Ruled, at_equal_length: EstimateModel
) -> QualityModel:
    terms, pairs, people = facts.terms, facts.pairs, facts.people
    trust = _trust(facts)
    labelled = pairs.counted & ~np.isnan(people.preferences)
    return QualityModel(
        win_rate=EstimateModel.of(estimate_of(whole, terms)),
        win_rate_fixed=EstimateModel.of(mean_estimate(values=_known(pairs.values, pairs.counted))),
        win_rate_without_failures=_without_failures(facts),
        win_rate_length_controlled=at_equal_length,
        win_rate_human_corrected=_corrected_estimate(corrected, terms),
        ties=int(pairs.ties.sum()),
        flips=int(pairs.flips.sum()),
        ungraded=pairs.ungraded,
        judge_accuracy=trust.accuracy,
        judge_kappa=trust.kappa,
        labels=int(labelled.sum()),
        usable_labels=int((labelled & people.drawn & pairs.judged).sum()),
        graded=int((pairs.counted & facts.evidence.incumbent.answered & arm.replies.answered & ~np.isnan(pairs.values)).sum()),
        compared_pairs=labelled_pairs(people, pairs),
        people_win_rate=EstimateModel.of(mean_estimate(values=people.preferences[labelled])),
        rater_agreement=EstimateModel.of(rater_agreement(arm, facts.talks, pairs.counted)),
        by_day=points_of(whole, terms),
        raters=list(raters_of(arm, pairs, people, facts.talks)),
        panel=list(panel_figures(facts.pilot.configuration, arm, pairs, facts.talks)),
        length_preference=length_preference_of(facts.evidence, arm, pairs, people, facts.talks),
        rests_on=(corrected or whole).rests_on,
        passed_on=ruled.passed_on,
        failed_on=ruled.failed_on,
        waiting_days=waiting_days(corrected, terms) if corrected else [],
        corrected_by_day=points_of(corrected, terms) if corrected else [],
        judge_weights=list(corrected.weights) if corrected else [],
        end_level=ruled.end_level,
        last_week=ruled.last_week,
        is_falling=ruled.falls,
        is_held_back=ruled.is_held_back,
        **_drawn(facts.asked, np.ones(len(facts.asked.talk), dtype=bool), terms.now),
        **_place(trust),
    )


def _drawn(asked: Asked, chosen: Flags, now: int) -> dict[str, int]:
    drawn = chosen & asked.by_people
    unanswered = drawn & np.isnan(asked.labelled.person)
    skipped = drawn & asked.skipped
    return {
        "drawn": int(drawn.sum()),
        "skipped": int(skipped.sum()),
        "missing": int((unanswered & ~asked.skipped & (asked.labelled.day + PATIENCE_DAYS <= now)).sum()),
    }


def _corrected_estimate(corrected: Series | None, terms: Terms) -> EstimateModel:
    return EstimateModel.of(estimate_of(corrected, terms)) if corrected else NOT_CORRECTED


def _without_failures(facts: _Facts) -> EstimateModel:
    names = (WITHOUT_FAILURES, f"{WITHOUT_FAILURES}_{LOW}", f"{WITHOUT_FAILURES}_{HIGH}")
    known, lowest, highest = (added(facts.sums[ALL, name].values()) for name in names)
    return EstimateModel.of(interval(sums=known, n_optimal=facts.terms.n_optimal, lowest=lowest, highest=highest))


def _place(trust: JudgeAgreement) -> dict[str, float | int | None]:
    names = ("position_consistency_rate", "position_consistency_n", "first_shown_rate", "first_shown_n")
    return {name: getattr(trust, name) for name in names}


def _known(values: Floats, chosen: Flags) -> Floats:
    return values[chosen & ~np.isnan(values)]


def _trust(facts: _Facts, chosen: Flags | None = None) -> JudgeAgreement:
    """The judge's agreement with people and with itself, over all pairs or the chosen ones."""
    judge, pairs = facts.pilot.configuration.judge, facts.pairs
    rater = judge.rater_name if judge is not None else ""
    is_judged = pairs.grades.where(by_a_model(pairs.grades))
    if chosen is None:
        return agreement_of(rater, is_judged, pairs, facts.people, facts.talks)
    only = replace(pairs, counted=pairs.counted & chosen)
    return agreement_of(rater, is_judged.where(chosen[is_judged.rows]), only, facts.people, facts.talks)


def _segments(facts: _Facts, left_out: LeftOut, *, straddles: bool) -> dict[str, SegmentModel]:
    registered = [segment.name for segment in facts.pilot.configuration.segment]
    there = set(facts.talks.segments.tolist())
    found = [*registered, *sorted(there - set(registered) - {OTHER_SEGMENT})]
    names = [*found, *([OTHER_SEGMENT] if OTHER_SEGMENT in there else [])]
    found_of = {name: _segment(facts, name, left_out, is_registered=name in registered) for name in names}
    judged = set(facts.talks.segment_of_row[facts.pairs.judged].tolist())
    if not straddles:
        return found_of
    return {name: _lengthy(segment) if name in judged else segment for name, segment in found_of.items()}


def _lengthy(segment: SegmentModel) -> SegmentModel:
    """What the whole shows of length holds back each part that the judge decides."""
    if segment.outcome is not GateOutcome.PASSES:
        return segment
    words = f"{segment.reason}; but over all work the judge's win rate at equal length lies on the other side of the limit"
    return segment.model_copy(update={"outcome": GateOutcome.UNKNOWN, "reason": words, "is_held_back": True})


def _segment(facts: _Facts, name: str, left_out: LeftOut, *, is_registered: bool) -> SegmentModel:
    chosen = facts.pairs.counted & np.asarray(facts.talks.segment_of_row == name, dtype=bool)
    inside = np.asarray(facts.talks.segments[facts.asked.talk] == name, dtype=bool)
    share = max(1, len(facts.pilot.configuration.segment))
    terms = replace(
        facts.terms,
        margin=min(facts.pilot.configuration.margin_of(name), facts.margins.get(name, 0.5)),
        alpha=facts.terms.alpha / share,
        n_optimal=facts.terms.n_optimal / share,
        least_labels=LEAST_LABELS_OF_A_SEGMENT,
    )
    raw, corrected = _series(facts, name, inside)
    is_unlabelled = bool((inside & facts.asked.unlabelled).any())
    ruled = rule(corrected or raw, terms)
    if not is_registered:
        ruled = replace(ruled, outcome=GateOutcome.UNKNOWN, reason="not named before the start: it has no say of its own")
    elif left_out.days:
        ruled = replace(ruled, outcome=GateOutcome.UNKNOWN, reason="too much of some days was left out")
    elif corrected and is_unlabelled and ruled.outcome is GateOutcome.UNKNOWN:
        ruled = replace(ruled, reason=NO_LABELS_THERE, needed=None)
    return SegmentModel(
        registered=is_registered,
        pairs=int(chosen.sum()),
        conversations=added(facts.sums[name, LOW].values()).n,
        win_rate=EstimateModel.of(estimate_of(raw, terms)),
        margin=terms.margin,
        alpha=terms.alpha,
        bound=ruled.bound,
        outcome=ruled.outcome,
        labels=int((chosen & ~np.isnan(facts.people.preferences)).sum()),
        judge=_trust(facts, chosen),
        reason=ruled.reason,
        rests_on=(corrected or raw).rests_on,
        win_rate_human_corrected=_corrected_estimate(None if is_unlabelled else corrected, terms),
        passed_on=ruled.passed_on,
        failed_on=ruled.failed_on,
        is_held_back=ruled.is_held_back,
        **_drawn(facts.asked, inside, terms.now),
    )
