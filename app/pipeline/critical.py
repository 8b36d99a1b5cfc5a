"""Critical replies of a candidate: how often people marked one as something that must never happen.

Rubric criteria that are registered as critical are a second source beside the labels, with a rate of their own: see
`rubric_figures`.
"""

from dataclasses import dataclass

import numpy as np

from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, Flags, Floats, LabelColumns, Numbers
from app.domain.groups import CriticalModel
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.groups import conversation_sums
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.statistics.proportions import rule_of_three
from app.statistics.sums import Sums

NAMED = 20
CONFIDENCE = 0.95
RULE_OF_THREE_METHOD = "rule_of_three"


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """What labels say of each exchange's candidate reply.

    Attributes:
        labelled: A person answered, or marked it.
        critical: At least one person marked it.
        draw_probability: The chance of its conversation; NaN = not labelled by chance.
    """

    labelled: Flags
    critical: Flags
    draw_probability: Floats


def critical_of(evidence: Evidence, labels: LabelColumns, pairs: PairValues, talks: Conversations) -> CriticalModel:
    """What people marked among the pairs that count; one mark of several people is enough.

    Pairs that a rule decides (a failure, an invalid or an equal reply) are not shown to people: reliability speaks of them.
    """
    marks = _marks(labels, len(evidence.exchanges))
    labelled, critical = marks.labelled & pairs.counted, marks.critical & pairs.counted
    drawn = labelled & ~np.isnan(marks.draw_probability)
    weights = 1.0 / marks.draw_probability
    sums = conversation_sums(critical.astype(np.float64), drawn, talks, weights)
    named = evidence.exchanges.external_ids[critical][:NAMED].tolist()
    return CriticalModel(
        rate=EstimateModel.of(critical_rate(sums)),
        labelled=int(labelled.sum()),
        marked=int(critical.sum()),
        exchanges=named,
    )


def critical_rate(sums: Sums) -> Estimate:
    """The weighted share with Wilson's interval at the effective sample size; without any, exactly what n empty ones exclude.

    Example:
        >>> import numpy as np
        >>> none = critical_rate(Sums.of(values=np.zeros(300)))
        >>> none.value, none.low, round(none.high, 4), none.n, none.method
        (0.0, 0.0, 0.0099, 300, 'rule_of_three')
    """
    if sums.mean is None:
        return Estimate(None, None, None, 0, WILSON_METHOD, CONFIDENCE)
    if sums.sum_wx == 0:
        high = rule_of_three(trials=int(sums.effective_n), alpha=1 - CONFIDENCE)
        return Estimate(0.0, 0.0, high, sums.n, RULE_OF_THREE_METHOD, CONFIDENCE)
    low, high = wilson(successes=sums.mean * sums.effective_n, trials=sums.effective_n, confidence=CONFIDENCE)
    return Estimate(sums.mean, low, high, sums.n, WILSON_METHOD, CONFIDENCE)


def _marks(labels: LabelColumns, rows: int) -> _Marks:
    spoke = ~np.isnan(labels.values) | labels.is_critical
    probability = np.full(rows, np.nan)
    drawn = spoke & ~np.isnan(labels.draw_probability)
    probability[labels.rows[drawn]] = labels.draw_probability[drawn]
    return _Marks(_has(labels.rows[spoke], rows), _has(labels.rows[labels.is_critical], rows), probability)


def _has(rows: Numbers, many: int) -> Flags:
    return np.asarray(np.bincount(rows, minlength=many) > 0, dtype=bool)
