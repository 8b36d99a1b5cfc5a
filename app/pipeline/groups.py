"""Quality by turn of the conversation and by length of the prompt: descriptive tables, never a gate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, ExchangeColumns, Flags, Floats, Numbers
from app.domain.groups import GroupModel
from app.pipeline.conversations import Conversations, PairValues
from app.statistics.asymptotic import interval
from app.statistics.sums import Sums

# Fixed before any pilot: group n starts at its edge. The last group is open, an unknown number is a group of its own.
TURN_EDGES, TURN_NAMES = (1.0, 2.0, 4.0, 7.0), ("1", "2-3", "4-6", "7+")
LENGTH_EDGES, LENGTH_NAMES = (0.0, 500.0, 2_000.0, 8_000.0), ("<500", "500-2k", "2k-8k", "8k+")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Groups:
    """Both tables; a group without pairs is left out."""

    by_turn: tuple[GroupModel, ...]
    by_prompt_length: tuple[GroupModel, ...]


def groups_of(
    evidence: Evidence, arm: ArmEvidence, pairs: PairValues, talks: Conversations, configuration: PilotConfiguration
) -> Groups:
    """One candidate's win rate by turn and by prompt length, over the pairs that count."""
    weights = 1.0 / evidence.exchanges.inclusion_probability
    n_optimal = configuration.pilot.planned_conversations / 2
    turns, lengths = turn_groups(evidence.exchanges, talks), length_groups(evidence, arm)
    return Groups(
        by_turn=tuple(_table(turns, TURN_NAMES, pairs, talks, weights, n_optimal)),
        by_prompt_length=tuple(_table(lengths, LENGTH_NAMES, pairs, talks, weights, n_optimal)),
    )


def turn_groups(exchanges: ExchangeColumns, talks: Conversations) -> Numbers:
    """The place in `TURN_NAMES` of each exchange that counts.

    Where the turn is not said, the order of arrival among those of its conversation is it.
    """
    turns = exchanges.turns
    if np.isnan(turns).any():
        turns = np.where(np.isnan(turns), _order_of_arrival(exchanges.arrived_us, talks.of_row), turns)
    return np.searchsorted(TURN_EDGES[1:], turns, side="right")


def length_groups(evidence: Evidence, arm: ArmEvidence) -> Numbers:
    """Each exchange's place in `LENGTH_NAMES` by input tokens; one more = unknown.

    The incumbent's count says it; where it gave none (as after a failure), the candidate's of the same prompt does.
    """
    tokens = np.where(np.isnan(evidence.incumbent.input_tokens), arm.replies.input_tokens, evidence.incumbent.input_tokens)
    groups = np.searchsorted(LENGTH_EDGES[1:], tokens, side="right")
    return np.where(np.isnan(tokens), len(LENGTH_NAMES), groups)


def conversation_sums(x: Floats, chosen: Flags, talks: Conversations, weights: Floats) -> Sums:
    """Sums over conversations of the mean of their chosen pairs, each weighing the mean of these pairs' weights.

    Args:
        x: One value a row, in [0, 1].
        chosen: Which rows count; all of them with a value and a conversation.
        talks: What each row belongs to.
        weights: One a row.
    """
    rows = np.flatnonzero(chosen)
    size = len(talks.days)
    number = np.bincount(talks.of_row[rows], minlength=size)
    there = number > 0
    means = np.bincount(talks.of_row[rows], weights=x[rows], minlength=size)[there] / number[there]
    weight = np.bincount(talks.of_row[rows], weights=weights[rows], minlength=size)[there] / number[there]
    return Sums.of(values=np.clip(means, 0.0, 1.0), weights=weight)


def _order_of_arrival(arrived_us: Numbers, conversation: Numbers) -> Floats:
    """The place of each exchange in its conversation, from 1; equally early ones by their ids' order."""
    order = np.lexsort((arrived_us, conversation))
    begins = np.flatnonzero(np.diff(conversation[order], prepend=-2))
    places = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
    turns = np.empty(len(order))
    turns[order] = places + 1
    return turns


def _table(
    groups: Numbers, names: tuple[str, ...], pairs: PairValues, talks: Conversations, weights: Floats, n_optimal: float
) -> Iterator[GroupModel]:
    for number, name in enumerate((*names, UNKNOWN)):
        chosen = pairs.counted & (groups == number)
        if chosen.any():
            yield _group(name, chosen, pairs, talks, weights, n_optimal)


def _group(name: str, chosen: Flags, pairs: PairValues, talks: Conversations, weights: Floats, n_optimal: float) -> GroupModel:
    known = ~np.isnan(pairs.values)
    value = conversation_sums(pairs.values, chosen & known, talks, weights)
    low, high = (conversation_sums(np.where(known, pairs.values, extreme), chosen, talks, weights) for extreme in (0.0, 1.0))
    return GroupModel(
        name=name,
        pairs=int(chosen.sum()),
        conversations=low.n,
        win_rate=EstimateModel.of(interval(sums=value, n_optimal=n_optimal, lowest=low, highest=high)),
    )
