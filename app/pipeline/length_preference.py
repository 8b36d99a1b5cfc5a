"""How often the longer reply wins, with the judge and with people."""

import numpy as np

from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers
from app.domain.length_preference import LengthPreference
from app.pipeline.conversations import Conversations, PairValues, winners
from app.pipeline.judge_agreement import People
from app.statistics.agreement import accuracy_estimate

# Of the longer reply: what is closer is as long as the other.
LEAST_DIFFERENCE = 0.1


def length_preference_of(
    evidence: Evidence, arm: ArmEvidence, pairs: PairValues, people: People, talks: Conversations
) -> LengthPreference:
    """Over the judged pairs that count, with both lengths known and clearly different.

    Args:
        evidence: The incumbent's lengths.
        arm: The candidate's.
        pairs: What the judge preferred.
        people: What people preferred.
        talks: Pairs of one conversation are not independent.
    """
    longer = _longer(evidence.incumbent.content_chars, arm.replies.content_chars)
    usable = pairs.judged & pairs.counted & (longer != 0)
    judge, person = winners(np.nan_to_num(pairs.values, nan=0.5)), winners(np.nan_to_num(people.preferences, nan=0.5))
    by_judge, by_both = usable & (judge != 0), usable & (judge != 0) & (person != 0)

    def share(side: Numbers, chosen: Flags) -> EstimateModel:
        return EstimateModel.of(accuracy_estimate(agrees=side[chosen] == longer[chosen], clusters=talks.of_row[chosen]))

    return LengthPreference(judge=share(judge, by_judge), judge_same=share(judge, by_both), people=share(person, by_both))


def _longer(incumbent: Floats, candidate: Floats) -> Floats:
    """1 = the candidate's reply is longer, -1 = the incumbent's, 0 = neither, or nobody knows."""
    difference = candidate - incumbent
    with np.errstate(invalid="ignore"):
        is_clear = np.abs(difference) >= LEAST_DIFFERENCE * np.fmax(candidate, incumbent)
    return np.where(is_clear & ~np.isnan(difference), np.sign(np.nan_to_num(difference)), 0.0)
