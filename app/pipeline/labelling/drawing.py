"""Which pair of which conversation people look at: drawn by hash alone, whatever was replied or graded."""

from dataclasses import dataclass

import numpy as np

from app.domain.draws import is_drawn, pair_point
from app.domain.evidence import ExchangeColumns, Flags, Floats, LabelColumns, Numbers
from app.domain.labelling import LabelSource
from app.domain.registered import RegisteredPlan
from app.pipeline.conversations import Conversations


@dataclass(frozen=True, slots=True, eq=False)
class DrawnPairs:
    """The drawn pairs of one candidate, one a drawn conversation.

    Attributes:
        rows: The exchange's row of each.
        probability: The chance of its conversation to be drawn, in (0, 1].
    """

    rows: Numbers
    probability: Floats

    def __len__(self) -> int:
        return len(self.rows)


def drawn_pairs(
    plan: RegisteredPlan, exchanges: ExchangeColumns, talks: Conversations, has_pair: Flags
) -> DrawnPairs:  # fmt: skip
    """Of each drawn conversation the pair with the least point.

    Args:
        plan: Its seed and the chance of each segment's conversations; without a seed nobody is drawn.
        exchanges: Their names are what points are made of.
        talks: Which conversation each exchange belongs to, and its segment.
        has_pair: Exchanges that count and have the candidate's reply.
    """
    rows = np.flatnonzero(has_pair & (talks.of_row >= 0))
    if not plan.seed or not len(rows):
        return DrawnPairs(np.empty(0, dtype=np.int64), np.empty(0))
    chance = np.array([plan.label_probability.get(segment, 0.0) for segment in talks.segments.tolist()])
    names = np.full(len(talks.segments), "", dtype=object)
    names[talks.of_row[rows]] = exchanges.conversations[rows]
    drawn_talks = np.array([_is_drawn(plan.seed, name, p) for name, p in zip(names.tolist(), chance.tolist(), strict=True)])
    inside = rows[drawn_talks[talks.of_row[rows]]]
    ids = exchanges.external_ids[inside].tolist()
    order = sorted(range(len(inside)), key=lambda place: (pair_point(plan.seed, ids[place]), ids[place]))
    ordered = inside[np.array(order, dtype=np.int64)]
    _, first = np.unique(talks.of_row[ordered], return_index=True)
    drawn = np.sort(ordered[first])
    return DrawnPairs(drawn, chance[talks.of_row[drawn]])


def labelled_instead(rows: Numbers, labels: LabelColumns, has_pair: Flags, talks: Conversations) -> Numbers:
    """The drawn rows, where a conversation that went on after its pair was labelled on our page keeps the first labelled one.

    A label on the pair of the hash itself always counts, and one that was made elsewhere never moves a draw.
    """
    usable = ~np.isnan(labels.draw_probability) & has_pair[labels.rows] & (talks.of_row[labels.rows] >= 0)
    usable &= labels.sources == LabelSource.PAGE.value
    latest_first = np.argsort(-labels.labelled_us[usable], kind="stable")
    labelled = labels.rows[usable][latest_first]
    own = rows[np.isin(rows, labelled)]
    pairs = [*labelled.tolist(), *own.tolist()]
    kept = dict(zip(talks.of_row[pairs].tolist(), pairs, strict=True)) if pairs else {}
    talk = talks.of_row[rows].tolist()
    return np.array([kept.get(each, row) for row, each in zip(rows.tolist(), talk, strict=True)], dtype=np.int64)


def _is_drawn(seed: str, name: str, chance: float) -> bool:
    """`name` "" = a conversation without any pair."""
    return bool(name) and is_drawn(seed, name, chance)
