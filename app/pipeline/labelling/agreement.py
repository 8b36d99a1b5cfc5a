"""How far people agree with each other on pairs that several of them labelled."""

from collections.abc import Sequence

import numpy as np

from app.domain.estimate import Estimate
from app.domain.evidence import ArmEvidence, Flags, Floats, Numbers, codes, words
from app.pipeline.conversations import Conversations
from app.statistics.rater_agreement import krippendorff_estimate

SEED = 20_250_101  # any: the same labels have the same interval


def rater_agreement(arm: ArmEvidence, talks: Conversations, counted: Flags) -> Estimate:
    """Krippendorff's alpha over the pairs that count; those of one conversation are drawn together."""
    labels = arm.labels
    there = counted[labels.rows] & ~np.isnan(labels.values)
    return agreement_of(
        pairs=labels.rows[there],
        raters=labels.raters[there].tolist(),
        values=labels.values[there],
        clusters=talks.of_row[labels.rows[there]],
    )  # fmt: skip


def agreement_of(*, pairs: Numbers, raters: Sequence[str], values: Floats, clusters: Numbers) -> Estimate:
    """The estimate from one row an answer.

    Args:
        pairs: Which pair.
        raters: Whose answer.
        values: The preference, in [0, 1].
        clusters: The pair's conversation.
    """
    units, place = np.unique(pairs, return_inverse=True)
    column, names = codes(words(list(raters)))
    table = np.full((len(units), len(names)), np.nan)
    table[place, column] = values
    cluster = np.zeros(len(units), dtype=np.int64)
    cluster[place] = clusters
    several = (~np.isnan(table)).sum(axis=1) > 1
    return krippendorff_estimate(
        ratings=table[several], clusters=cluster[several], generator=np.random.default_rng(SEED)
    )  # fmt: skip
