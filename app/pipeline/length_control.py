"""The win rate at equal length, fitted at day close on a sample of conversations that no order of import changes."""

import numpy as np

from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, Numbers, codes
from app.pipeline.conversations import Conversations, PairValues
from app.statistics.length_control import length_controlled_win_rate

MOST_PAIRS = 4000
# One long conversation must not fill the sample: with more pairs, its first by id speak for it.
MOST_OF_A_CONVERSATION = 40
SEED = 20261102


def length_controlled(evidence: Evidence, arm: ArmEvidence, pairs: PairValues, talks: Conversations) -> EstimateModel:
    """The win rate with the length difference of judged pairs set to zero; one value a conversation, as in `win_rate`.

    Pairs that a rule decided (a failure, equal replies) were read by no judge: they enter with their own preference. Unknown
    where no judged pair has both lengths.

    Args:
        evidence: Conversations' hashes, weights and the incumbent's lengths.
        arm: The candidate's lengths.
        pairs: The preferences.
        talks: Clusters and segments.
    """
    rows = sampled_pairs(evidence, pairs, talks)
    number, _ = codes(talks.segment_of_row[rows])
    found = length_controlled_win_rate(
        preferences=pairs.values[rows],
        length_difference=_difference(evidence, arm, pairs.judged)[rows],
        segments=number,
        clusters=talks.of_row[rows],
        weights=_weights(evidence, talks.of_row[rows], rows),
        generator=np.random.default_rng(SEED),
    )
    return EstimateModel.of(found.estimate)


def sampled_pairs(evidence: Evidence, pairs: PairValues, talks: Conversations) -> Numbers:
    """Rows of the pairs with a preference of the conversations with the least hashes, at most `MOST_PAIRS`."""
    rows = np.flatnonzero(pairs.counted & ~np.isnan(pairs.values) & (talks.of_row >= 0))
    if len(rows) <= MOST_PAIRS:
        return rows
    talk = talks.of_row[rows]
    order = np.lexsort((rows, talk, evidence.exchanges.sample_points[rows]))
    rows, talk = rows[order], talk[order]
    starts = np.flatnonzero(np.append(True, talk[1:] != talk[:-1]))
    place = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return np.sort(rows[place < MOST_OF_A_CONVERSATION][:MOST_PAIRS])


def _difference(evidence: Evidence, arm: ArmEvidence, judged: Flags) -> Floats:
    return np.where(judged, evidence.incumbent.content_chars - arm.replies.content_chars, np.nan)


def _weights(evidence: Evidence, talk: Numbers, rows: Numbers) -> Floats:
    """A conversation weighs the mean of its pairs' 1 / inclusion probability, shared by its pairs."""
    inverse = 1.0 / evidence.exchanges.inclusion_probability[rows]
    _, place, number = np.unique(talk, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(place, weights=inverse) / number**2)[place], dtype=np.float64)
