"""The control arm: the incumbent asked again, to see its own noise and what standing elsewhere does to times.

Nothing is corrected by it; but where it does not tie with itself, no verdict may rest on the same pipeline and judge.
"""

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.estimate import Estimate
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats
from app.domain.scorecard import ControlModel, EstimateModel
from app.domain.words import Rule, Source
from app.pipeline.closing import Selection
from app.pipeline.conversations import Conversations, PairValues, conversations_of, pair_values
from app.pipeline.groups import conversation_sums
from app.pipeline.operation import P50, on_time, times_of
from app.statistics.asymptotic import interval
from app.statistics.fixed_sample import WILSON_METHOD, mean_estimate, wilson
from app.statistics.quantiles import prior_weight, quantile_estimate

OFFSETS = ("ttft_any_seconds", "total_seconds")
PAR = 0.5
# Below it the interval's normal approximation is not to be trusted with freezing a verdict.
MIN_CONVERSATIONS = 30


def control_of(configuration: PilotConfiguration, evidence: Evidence, selection: Selection) -> ControlModel | None:
    """What the control's answers say, on closed days; `None` without a control arm."""
    control = evidence.live.control if evidence.live is not None else None
    if control is None:
        return None
    asked = selection.counted & control.replies.is_there
    both = asked & control.replies.answered & evidence.incumbent.answered
    pairs = pair_values(configuration, evidence, control, selection)
    settled = both & control.pairs.is_settled & (control.pairs.rules != "")
    known = pairs.counted & ~np.isnan(pairs.values)
    talks = conversations_of(evidence, selection)
    weights = 1.0 / evidence.exchanges.inclusion_probability
    rate = _win_rate(configuration, pairs, known & both, talks, weights)
    return ControlModel(
        asked=int(asked.sum()),
        answered=int((asked & control.replies.answered).sum()),
        equal_rate=EstimateModel.of(
            mean_estimate(values=(control.pairs.rules[settled] == Rule.EQUAL.value).astype(np.float64))
        ),
        win_rate=EstimateModel.of(mean_estimate(values=pairs.values[known])),
        conversation_win_rate=EstimateModel.of(rate),
        false_loss_rate=EstimateModel.of(_false_losses(pairs, known & both & pairs.judged, talks, weights)),
        is_broken=is_broken(rate),
        reason=reason_of(rate),
        vantage_offset_seconds={name: _offset(configuration, evidence, control, both, name) for name in OFFSETS},
    )


def is_broken(rate: Estimate) -> bool:
    """Whether a model does not tie with itself: the interval of its win rate leaves 0.5 out."""
    if rate.low is None or rate.high is None or rate.n < MIN_CONVERSATIONS:
        return False
    return not rate.low <= PAR <= rate.high


def reason_of(rate: Estimate) -> str:
    """What the control says, in words."""
    if rate.value is None:
        return "no second answer of the incumbent has been compared with its first yet"
    said = (
        f"over {rate.n:,} conversations the incumbent's second answers reach {rate.value:.1%} against its first ones "
        f"(between {rate.low:.1%} and {rate.high:.1%})"
    )
    if is_broken(rate):
        return f"{said}: a model that does not tie with itself means that the pipeline or the judge is not fair"
    if rate.n < MIN_CONVERSATIONS:
        return f"{said}: too few to say whether it ties with itself"
    return f"{said}: it ties with itself, as it should"


def _win_rate(
    configuration: PilotConfiguration, pairs: PairValues, chosen: Flags, talks: Conversations, weights: Floats
) -> Estimate:
    """Failures are left out: the control's own key has limits of its own, and they say nothing of the pipeline."""
    planned = configuration.pilot.planned_conversations * configuration.control.rate
    sums = conversation_sums(pairs.values, chosen, talks, weights)
    return interval(sums=sums, n_optimal=max(planned / 2, 1.0))


def _false_losses(pairs: PairValues, chosen: Flags, talks: Conversations, weights: Floats) -> Estimate:
    sums = conversation_sums((pairs.values < PAR).astype(np.float64), chosen, talks, weights)
    if sums.mean is None:
        return Estimate(None, None, None, 0, WILSON_METHOD)
    low, high = wilson(successes=sums.mean * sums.effective_n, trials=sums.effective_n)
    return Estimate(sums.mean, low, high, sums.n, WILSON_METHOD)


def _offset(
    configuration: PilotConfiguration, evidence: Evidence, control: ArmEvidence, both: Flags, measure: str
) -> EstimateModel:
    """Median of the control's time minus production's, of live replies that were read in time."""
    usable = both & (control.replies.sources == Source.LIVE.value) & (evidence.incumbent.sources == Source.LIVE.value)
    usable &= on_time(control.replies) & on_time(evidence.incumbent)
    differences = (times_of(control.replies, measure) - times_of(evidence.incumbent, measure))[usable]
    ordered = np.sort(differences[~np.isnan(differences)])
    weight = prior_weight(planned=configuration.pilot.planned_conversations)
    return EstimateModel.of(quantile_estimate(ordered=ordered, probability=P50, weight=weight))
