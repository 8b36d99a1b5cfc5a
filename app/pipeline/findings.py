"""What rules find in the replies of both arms, for the scorecard: each rule's direction of disagreement, nothing decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.checks_model import CheckModel, ChecksModel, SegmentChecks
from app.domain.configuration import PilotConfiguration
from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, Flags, Floats, Numbers, codes
from app.domain.findings import FindingColumns
from app.graders.checks.catalogue import checks_of
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.proportions import paired_mean_difference
from app.statistics.quantiles import prior_weight, quantile_estimate
from app.statistics.sums import Sums

MEDIAN = 0.5
INCUMBENT_ONLY, CANDIDATE_ONLY, BOTH = 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class _Talks:
    """The conversations: which each exchange belongs to, and the place of each one's segment among the names."""

    of_row: Numbers
    segment: Numbers
    names: list[str]

    def parts(self) -> Iterator[tuple[str | None, Flags]]:
        """All conversations, then those of each segment."""
        yield None, np.ones(len(self.segment), dtype=bool)
        for place, name in enumerate(self.names):
            yield name, np.asarray(self.segment == place, dtype=bool)

    def added(self, rows: Numbers, values: Floats | Flags | None = None) -> Floats:
        """One value a row, added up by conversation; how many rows, without values."""
        return np.asarray(np.bincount(self.of_row[rows], weights=values, minlength=len(self.segment)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    """One rule by conversation: exchanges it is about, their weight, and in how many each thing is so."""

    name: str
    exchanges: Floats
    weights: Floats
    applied: tuple[Floats, Floats]
    found: tuple[Floats, Floats]
    both: Floats


def checks_model(
    configuration: PilotConfiguration,
    evidence: Evidence,
    findings: Mapping[str, FindingColumns],
    arms: tuple[str, str],
    selection: Selection,
    conversations: Conversations,
) -> ChecksModel:
    """One candidate's rules, over exchanges that count and that both arms answered.

    Args:
        configuration: Its own rules.
        evidence: All of it.
        findings: By the name of the arm, in the evidence's rows; an arm without any was never looked at.
        arms: The incumbent's name and the candidate's.
        selection: What counts.
        conversations: Which one each exchange belongs to.
    """
    answered = selection.counted & evidence.incumbent.answered & evidence.arms[arms[1]].replies.answered
    segment, names = codes(conversations.segments)
    talks = _Talks(conversations.of_row, segment, names)
    ratios = _length_ratios(evidence, arms[1], np.flatnonzero(answered), talks)
    prior = prior_weight(planned=configuration.pilot.planned_conversations)
    looked_at, rules = np.zeros(len(answered), dtype=bool), list[_Rule]()
    if all(arm in findings for arm in arms):
        sides = findings[arms[0]], findings[arms[1]]
        looked_at = answered & sides[0].looked_at & sides[1].looked_at
        rules = list(_rules(configuration, sides, np.flatnonzero(looked_at), talks, evidence))
    parts = {
        name: SegmentChecks(rules=_models(rules, chosen), length_ratio=_median(ratios[chosen], prior))
        for name, chosen in talks.parts()
    }
    whole = parts.pop(None)
    return ChecksModel(
        exchanges=int(answered.sum()),
        looked_at=int(looked_at.sum()),
        rules=whole.rules,
        length_ratio=whole.length_ratio,
        segments={name: part for name, part in parts.items() if name is not None},
    )


def _rules(
    configuration: PilotConfiguration,
    sides: tuple[FindingColumns, FindingColumns],
    rows: Numbers,
    talks: _Talks,
    evidence: Evidence,
) -> Iterator[_Rule]:
    """Each rule that applies to at least one of the replies."""
    weights = 1.0 / evidence.exchanges.inclusion_probability[rows]
    for check in checks_of(configuration.check):
        (incumbent_checked, incumbent), (candidate_checked, candidate) = (side.of(check.label) for side in sides)
        about = incumbent_checked[rows] | candidate_checked[rows]
        chosen = rows[about]
        if len(chosen):
            yield _Rule(
                name=check.name,
                exchanges=talks.added(chosen),
                weights=talks.added(chosen, weights[about]),
                applied=(talks.added(chosen, incumbent_checked[chosen]), talks.added(chosen, candidate_checked[chosen])),
                found=(talks.added(chosen, incumbent[chosen]), talks.added(chosen, candidate[chosen])),
                both=talks.added(chosen, incumbent[chosen] & candidate[chosen]),
            )


def _models(rules: list[_Rule], chosen: Flags) -> list[CheckModel]:
    """Of some conversations; the greatest difference first, whichever arm it is against."""
    models = [_model(rule, there) for rule in rules if len(there := np.flatnonzero(chosen & (rule.exchanges > 0)))]
    return sorted(models, key=lambda model: (-abs(model.difference.value or 0.0), model.name))


def _model(rule: _Rule, chosen: Numbers) -> CheckModel:
    number = rule.exchanges[chosen]
    incumbent, candidate = (found[chosen] / number for found in rule.found)
    weights = rule.weights[chosen] / number
    in_incumbent, in_candidate = (_total(found, chosen) for found in rule.found)
    both = _total(rule.both, chosen)
    return CheckModel(
        name=rule.name,
        exchanges=_total(rule.exchanges, chosen),
        incumbent_applied=_total(rule.applied[0], chosen),
        candidate_applied=_total(rule.applied[1], chosen),
        incumbent_found=in_incumbent,
        candidate_found=in_candidate,
        both_found=both,
        incumbent_only=in_incumbent - both,
        candidate_only=in_candidate - both,
        incumbent_rate=EstimateModel.of(_share(incumbent, weights)),
        candidate_rate=EstimateModel.of(_share(candidate, weights)),
        difference=EstimateModel.of(paired_mean_difference(first=candidate, second=incumbent, weights=weights)),
    )


def _share(values: Floats, weights: Floats) -> Estimate:
    """Wilson's interval at the effective number of conversations."""
    sums = Sums.of(values=values, weights=weights)
    mean, n = sums.mean or 0.0, sums.effective_n
    low, high = wilson(successes=mean * n, trials=n)
    return Estimate(mean, low, high, sums.n, WILSON_METHOD)


def _total(column: Floats, chosen: Numbers) -> int:
    return round(float(column[chosen].sum()))


def _length_ratios(evidence: Evidence, candidate: str, rows: Numbers, talks: _Talks) -> Floats:
    """Characters of the candidate for one of the incumbent, by conversation; NaN where either has none."""
    incumbent, other = evidence.incumbent.content_chars[rows], evidence.arms[candidate].replies.content_chars[rows]
    known = (incumbent > 0) & (other > 0)
    one, two = talks.added(rows[known], incumbent[known]), talks.added(rows[known], other[known])
    with np.errstate(invalid="ignore"):
        return np.asarray(two / one, dtype=np.float64)


def _median(ratios: Floats, prior: float) -> EstimateModel:
    ordered = np.sort(ratios[~np.isnan(ratios)])
    return EstimateModel.of(quantile_estimate(ordered=ordered, probability=MEDIAN, weight=prior))
