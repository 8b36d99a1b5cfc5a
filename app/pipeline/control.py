"""The control arm: the incumbent asked again, to see its own noise and what standing elsewhere does to times. Descriptive."""

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.evidence import ArmEvidence, Evidence, Flags
from app.domain.scorecard import ControlModel, EstimateModel
from app.domain.words import Rule, Source
from app.pipeline.closing import Selection
from app.pipeline.conversations import pair_values
from app.pipeline.operation import P50, on_time, times_of
from app.statistics.fixed_sample import mean_estimate
from app.statistics.quantiles import prior_weight, quantile_estimate

OFFSETS = ("ttft_any_seconds", "total_seconds")


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
    return ControlModel(
        asked=int(asked.sum()),
        answered=int((asked & control.replies.answered).sum()),
        equal_rate=EstimateModel.of(
            mean_estimate(values=(control.pairs.rules[settled] == Rule.EQUAL.value).astype(np.float64))
        ),
        win_rate=EstimateModel.of(mean_estimate(values=pairs.values[known])),
        vantage_offset_seconds={name: _offset(configuration, evidence, control, both, name) for name in OFFSETS},
    )


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
