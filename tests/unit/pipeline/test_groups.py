"""Tables by turn and prompt length: every pair is in one group, conversations are the units."""

import numpy as np
import pytest

from app.domain.groups import GroupModel
from app.domain.registered import ALPHA
from app.pipeline.groups import Groups, groups_of, holding
from app.statistics.asymptotic import lower_bound
from app.statistics.holm import holm
from app.statistics.sums import Sums
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, made


def tables(rows: list[Made]) -> Groups:
    it = made(rows)
    return groups_of(it.evidence, it.arm, it.pairs, it.talks, a_configuration())


def test_edges_of_turns_belong_to_the_group_that_they_begin() -> None:
    found = tables([Made(f"c{turn}", turn=turn) for turn in range(1, 9)]).by_turn
    assert [(group.name, group.pairs) for group in found] == [("1", 1), ("2-3", 2), ("4-6", 3), ("7+", 2)]


def test_edges_of_prompt_lengths_belong_to_the_group_that_they_begin() -> None:
    lengths = [0, 499, 500, 1999, 2000, 7999, 8000, 90_000]
    found = tables([Made(f"c{tokens}", tokens=tokens) for tokens in lengths]).by_prompt_length
    assert [(group.name, group.pairs) for group in found] == [("<500", 2), ("500-2k", 2), ("2k-8k", 2), ("8k+", 2)]


def test_a_length_that_nobody_counted_is_a_group_of_its_own_and_the_candidates_count_is_a_count() -> None:
    rows = [Made("a", tokens=None), Made("b", tokens=None, candidate_tokens=3000), Made("c", tokens=10, candidate_tokens=3000)]
    found = tables(rows).by_prompt_length
    assert [(group.name, group.pairs) for group in found] == [("<500", 1), ("2k-8k", 1), ("unknown", 1)]


def test_turns_that_are_not_said_are_the_order_of_arrival_and_said_ones_stay() -> None:
    rows = [Made("a"), Made("b"), Made("a"), Made("a"), Made("a"), Made("b", turn=7)]
    found = tables(rows).by_turn
    assert [(group.name, group.pairs) for group in found] == [("1", 2), ("2-3", 2), ("4-6", 1), ("7+", 1)]


def test_exchanges_that_do_not_count_are_no_turn() -> None:
    found = tables([Made("a", counted=False), Made("a")]).by_turn
    assert [(group.name, group.pairs) for group in found] == [("1", 1)]


def test_a_group_is_the_mean_of_conversations_not_of_pairs() -> None:
    (group,) = tables([Made("a", 1.0, turn=2), Made("a", 1.0, turn=3), Made("b", 0.0, turn=2)]).by_turn
    assert (group.win_rate.value, group.conversations, group.pairs, group.win_rate.n) == (0.5, 2, 3, 2)


def test_what_is_unknown_widens_a_group_and_leaves_its_value() -> None:
    rows = [Made(f"c{number}", 0.5, turn=1) for number in range(400)]
    (plain,) = tables(rows).by_turn
    (wide,) = tables([*rows, *(Made(f"d{number}", None, turn=1) for number in range(100))]).by_turn
    assert wide.win_rate.value == plain.win_rate.value == 0.5
    assert (wide.win_rate.n, wide.conversations) == (400, 500)
    assert wide.win_rate.low is not None
    assert plain.win_rate.low is not None
    assert wide.win_rate.low < plain.win_rate.low - 0.05


def test_conversations_weigh_by_their_inclusion_probability() -> None:
    (group,) = tables([Made("a", 1.0, weight=3.0, turn=1), Made("b", 0.0, turn=1)]).by_turn
    assert group.win_rate.value == pytest.approx(0.75)


def test_no_pairs_no_groups() -> None:
    assert tables([]) == Groups((), ())
    assert tables([Made("a", counted=False)]) == Groups((), ())


@pytest.mark.parametrize("seed", range(5))
def test_groups_share_out_the_pairs(seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = [
        Made(
            f"c{chance.integers(20)}",
            [None, 0.0, 0.5, 1.0][chance.integers(4)],
            turn=None if chance.random() < 0.5 else float(chance.integers(1, 12)),
            tokens=None if chance.random() < 0.2 else float(chance.integers(1, 20_000)),
            counted=bool(chance.random() < 0.8),
        )
        for _ in range(200)
    ]
    counted = sum(row.counted for row in rows)
    found = tables(rows)
    for table in (found.by_turn, found.by_prompt_length):
        assert sum(group.pairs for group in table) == counted
        assert all(group.win_rate.n <= group.conversations <= group.pairs for group in table)


def test_groups_hold_by_holms_steps_over_the_table() -> None:
    """Against Holm's rule on p-values that are found by bisection of the bound."""
    n_optimal, threshold, by_steps = 700.0, 0.45, 0
    for seed in range(30):
        chance = np.random.default_rng(seed)
        shares = [[0.5 - mean / 2, 0.3, 0.2 + mean / 2] for mean in chance.uniform(0.25, 0.4, size=5)]
        sums = [Sums.of(values=chance.choice([0.0, 0.5, 1.0], size=600, p=share)) for share in shares]
        found = holding([(GroupModel(name=str(number)), one) for number, one in enumerate(sums)], threshold, n_optimal)
        p_values = np.array([p_value(one, threshold, n_optimal) for one in sums])
        assert [group.holds for group in found] == holm(p_values=p_values, alpha=ALPHA).rejected.tolist()
        assert [(group.bound or 0.0) > threshold for group in found] == [group.holds for group in found]
        by_steps += sum(group.holds for group in found) > int((p_values <= ALPHA / 5).sum())
    assert by_steps >= 2


def p_value(sums: Sums, threshold: float, n_optimal: float) -> float:
    low, high = 1e-9, 0.499
    for _ in range(30):
        middle = (low + high) / 2
        bound = lower_bound(sums=sums, alpha=middle, n_optimal=n_optimal)
        low, high = (low, middle) if bound is not None and bound > threshold else (middle, high)
    return high


def test_a_table_of_many_groups_asks_more_of_each() -> None:
    rows = [Made(f"c{number}", 0.55 if number % 2 else 0.45, turn=1) for number in range(60)]
    (alone,) = tables(rows).by_turn
    many = tables([*rows, *(Made(f"d{turn}-{number}", 0.1, turn=turn) for turn in (2, 4, 7) for number in range(60))]).by_turn
    assert alone.bound is not None
    assert many[0].bound is not None
    assert many[0].bound < alone.bound
    assert [group.holds for group in many[1:]] == [False] * 3
