"""Quality by turn of the conversation and by length of the prompt: descriptive tables, never a gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Evidence, ExchangeColumns, Flags, Floats, Numbers
from app.domain.groups import GroupModel
from app.domain.registered import ALPHA
from app.pipeline.conversations import Conversations, PairValues
from app.statistics.asymptotic import interval, lower_bound
from app.statistics.sums import Sums

# Fixed before any pilot: group n starts at its edge. The last group is open, an unknown number is a group of its own.
TURN_EDGES, TURN_NAMES = (1.0, 2.0, 4.0, 7.0), ("1", "2-3", "4-6", "7+")
LENGTH_EDGES, LENGTH_NAMES = (0.0, 500.0, 2_000.0, 8_000.0), ("<500", "500-2k", "2k-8k", "8k+")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Groups:
    """Both tables; a group without pairs is left out. `places`: of each exchange in the names of turns and of lengths."""

    by_turn: tuple[GroupModel, ...]
    by_prompt_length: tuple[GroupModel, ...]
    places: tuple[Numbers, ...] = field(default=(), compare=False)


def groups_of(
    evidence: Evidence,
    arm: ArmEvidence,
    pairs: PairValues,
    talks: Conversations,
    configuration: PilotConfiguration,
    *,
    threshold: float | None = None,
) -> Groups:
    """One candidate's win rate by turn and by prompt length, over the pairs that count; `threshold` default: as configured."""
    limit = 0.5 - configuration.quality.margin if threshold is None else threshold
    weights = 1.0 / evidence.exchanges.inclusion_probability
    n_optimal = configuration.pilot.planned_conversations / 2
    turns, lengths = turn_groups(evidence.exchanges, talks), length_groups(evidence, arm)
    return Groups(
        by_turn=holding(list(_table(turns, TURN_NAMES, pairs, talks, weights, n_optimal)), limit, n_optimal),
        by_prompt_length=holding(list(_table(lengths, LENGTH_NAMES, pairs, talks, weights, n_optimal)), limit, n_optimal),
        places=(turns, lengths),
    )


def holding(table: Sequence[tuple[GroupModel, Sums]], threshold: float, n_optimal: float) -> tuple[GroupModel, ...]:
    """Each group with its lower bound and whether that clears the threshold: Holm's steps over the table (app.statistics.holm).

    All are tested at ALPHA / m; those that clear it leave, and the rest is tested at ALPHA / (those that are left).
    """
    held: dict[int, float | None] = {}
    while True:
        left = [place for place in range(len(table)) if place not in held]
        alpha = ALPHA / max(1, len(left))
        bounds = {place: lower_bound(sums=table[place][1], alpha=alpha, n_optimal=n_optimal) for place in left}
        new = {place: bound for place, bound in bounds.items() if bound is not None and bound > threshold}
        if not new:
            break
        held |= new
    return tuple(
        group.model_copy(update={"bound": held.get(place, bounds.get(place)), "holds": place in held})
        for place, (group, _) in enumerate(table)
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
    of_row, size = talks.of_row[rows], len(talks.days)
    ones = np.ones(len(rows))
    number, values, weight = (
        np.asarray(np.bincount(of_row, weights=of, minlength=size), dtype=np.float64) for of in (ones, x[rows], weights[rows])
    )
    return _sums(values, number, weight)


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
) -> Iterator[tuple[GroupModel, Sums]]:
    """All groups at once: a million pairs are added up five times, not five times a group."""
    rows, shape = np.flatnonzero(pairs.counted), (len(names) + 1, len(talks.days))
    known = rows[~np.isnan(pairs.values[rows])]

    def added(chosen: Numbers, x: Floats | None = None) -> Floats:
        place = groups[chosen] * shape[1] + talks.of_row[chosen]
        of = x[chosen] if x is not None else None
        return np.asarray(np.bincount(place, weights=of, minlength=shape[0] * shape[1]), dtype=np.float64).reshape(shape)

    cells = (added(rows), added(rows, weights), added(known), added(known, weights), added(known, pairs.values))
    for name, *of_group in zip((*names, UNKNOWN), *cells, strict=True):
        if of_group[0].any():
            yield _group(name, _Cells(*of_group), n_optimal)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """One group: of each conversation its pairs, those with a preference, and the sums of weights and preferences."""

    pairs: Floats
    weights: Floats
    known: Floats
    known_weights: Floats
    values: Floats


def _group(name: str, cells: _Cells, n_optimal: float) -> tuple[GroupModel, Sums]:
    """With the sums that its lower end rests on."""
    value = _sums(cells.values, cells.known, cells.known_weights)
    low = _sums(cells.values, cells.pairs, cells.weights)
    high = _sums(cells.values + cells.pairs - cells.known, cells.pairs, cells.weights)
    group = GroupModel(
        name=name,
        pairs=int(cells.pairs.sum()),
        conversations=low.n,
        win_rate=EstimateModel.of(interval(sums=value, n_optimal=n_optimal, lowest=low, highest=high)),
    )
    return group, low


def _sums(values: Floats, number: Floats, weights: Floats) -> Sums:
    """Over conversations with a pair: the mean of its pairs, weighing the mean of their weights."""
    there = number > 0
    means = values[there] / number[there]
    return Sums.of(values=np.clip(means, 0.0, 1.0), weights=weights[there] / number[there])
