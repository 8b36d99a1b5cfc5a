"""What asking for the second order only after a decisive answer changes, counted from the recorded verdicts alone.

The recorded judges never say that it is a tie, so with them there is nothing to save. A third one, who wavers, says tie in one
order where GPT-4 changes its mind, and so shows what the economy does: fewer calls, and a pair whose one order is a tie and
whose other is not counts 0.5 if the tie comes first, 0.25 or 0.75 if it comes second or the pair is drawn for both orders.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.recorded_figures import JUDGES, never_judged

WAVERING = "Wavering"
ARM = "recorded"
TIE = 0
MODES = ("always", "decisive")
_ORDERS = ("winner_shown_1_2", "winner_shown_2_1")


@dataclass(frozen=True, slots=True)
class Economy:
    """One judge with one way of asking, rounded as the product's figures are compared.

    Attributes:
        mean: Preference for `output_2` over all pairs that have one.
        standard_error: Of it.
        answers: All that were asked for, with a grade or without.
        unasked: Second orders that were not asked.
        consistency: Share of pairs with the same winner in both orders, and of how many.
        drawn_consistency: The same over the random sample.
    """

    mean: float
    standard_error: float
    answers: int
    unasked: int
    consistency: tuple[float, int]
    drawn_consistency: tuple[float, int]


def winners_of(pair: dict[str, Any], judge: str) -> dict[str, int | None]:
    """What a judge says in both orders: 1, 2, 0 for a tie, `None` for what cannot be read."""
    if judge != WAVERING:
        return dict(pair["judges"][judge])
    said = dict(pair["judges"][JUDGES[0]])
    if None not in said.values() and len(set(said.values())) > 1 and pair["output_1"] != pair["output_2"]:
        said[_ORDERS[pair["output_1"] > pair["output_2"]]] = TIE  # by the texts: two pairs can have the same ones
    return said


def economy_of(pairs: Iterable[dict[str, Any]], judge: str, mode: str) -> Economy:
    """The figures of a judge that is asked in that way."""
    values: list[float] = []
    answers = unasked = 0
    both: list[tuple[bool, bool]] = []
    for pair in pairs:
        fixed = never_judged(pair)
        if fixed is not None:
            values.append(fixed)
            continue
        key = f"{pair['set']}/{pair['i']}"
        said, is_drawn = list(_said(pair, judge, key, mode)), mode == "always" or _is_drawn(key)
        answers += len(said)
        unasked += 2 - len(said)
        parsed = [winner for winner in said if winner is not None]
        if parsed:
            values.append(sum({2: 1.0, 1: 0.0, TIE: 0.5}[winner] for winner in parsed) / len(parsed))
        if len(parsed) == len(_ORDERS):
            both.append((parsed[0] == parsed[1], is_drawn))
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    drawn = [same for same, is_drawn in both if is_drawn]
    return Economy(
        round(mean, 5),
        round(math.sqrt(variance / len(values)), 5),
        answers,
        unasked,
        _share([same for same, _ in both]),
        _share(drawn),
    )


def explanation(judge: str, always: Economy, decisive: Economy) -> str:
    """What the economy did, in words."""
    if not decisive.unasked:
        return f"{judge}: says no tie, so every pair is asked in both orders either way and nothing changes."
    return (
        f"{judge}: {decisive.unasked} of {always.answers} answers were not asked for, because the first one was a "
        f"tie. Preference {always.mean:.5f} with both orders, {decisive.mean:.5f} with the economy: a pair "
        "that is a tie in one order only counts 0.5 where the tie came first. Same winner in both orders: "
        f"{always.consistency[0]:.4f} of all {always.consistency[1]} pairs; {decisive.consistency[0]:.4f} of the "
        f"{decisive.consistency[1]} asked twice, chosen by their first answer; {decisive.drawn_consistency[0]:.4f} of the "
        f"{decisive.drawn_consistency[1]} drawn at random, which is what estimates the first."
    )


def _said(pair: dict[str, Any], judge: str, key: str, mode: str) -> Iterator[int | None]:
    winners = winners_of(pair, judge)
    is_arm_first = hashlib.sha256(f"{key}\0{ARM}".encode()).digest()[0] & 1
    first, second = reversed(_ORDERS) if is_arm_first else _ORDERS
    yield winners[first]
    if winners[first] != TIE or mode == "always" or _is_drawn(key):
        yield winners[second]


def _is_drawn(key: str) -> bool:
    digest = hashlib.sha256(f"second-order\0{key}\0{ARM}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < 0.1


def _share(same: list[bool]) -> tuple[float, int]:
    return round(sum(same) / len(same), 4), len(same)
