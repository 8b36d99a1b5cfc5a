"""Drawing by hash, doubts of the judge, tokens, whom a queue offers what."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import numpy as np
import pytest

from app.domain.draws import draw_point
from app.domain.evidence import ExchangeColumns, words
from app.domain.grading import PairKey
from app.domain.labelling import Answer, LabelSource, StoredAnswer, preference_of
from app.domain.pilot import Pilot
from app.domain.registered import RegisteredPlan
from app.errors import InvalidInput
from app.pipeline.conversations import Conversations
from app.pipeline.labelling.blind import Sealing, ShownPair, shown_for
from app.pipeline.labelling.drawing import drawn_pairs
from app.pipeline.labelling.queues import PairToLabel, open_pairs
from tests.unit.pipeline.test_settlement import a_pilot

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_plan(chance: float, seed: str = "seed") -> RegisteredPlan:
    return RegisteredPlan(seed, 0.05, (14,), {"chat": chance, "codes": 0.0}, 1000)


def columns(conversations: int, turns: int = 3) -> tuple[ExchangeColumns, Conversations]:
    """Conversations of `turns` exchanges each, every third of the segment that no judge grades."""
    rows = conversations * turns
    number = np.repeat(np.arange(conversations), turns)
    none = np.zeros(rows)
    exchanges = ExchangeColumns(
        ids=np.arange(rows), external_ids=words([f"e-{row}" for row in range(rows)]), arrived_us=none.astype(np.int64),
        conversations=words([f"c-{each}" for each in number.tolist()]), segments=words(["chat"] * rows),
        inclusion_probability=none + 1, sample_points=none, reasons=words(["captured"] * rows), sources=words(["live"] * rows),
        is_closed=none == 0, turns=none,
    )  # fmt: skip
    segments = words(["codes" if each % 3 == 0 else "chat" for each in range(conversations)])
    return exchanges, Conversations(number, np.ones(conversations, dtype=np.int64), segments, segments[number])


def test_of_each_drawn_conversation_one_pair_that_counts_is_taken() -> None:
    exchanges, talks = columns(600)
    has_pair = np.arange(1800) % 3 != 1
    found = drawn_pairs(a_plan(0.3), exchanges, talks, has_pair)
    drawn = {n for n in range(600) if n % 3 and draw_point("seed", f"c-{n}") < 0.3}
    assert set(talks.of_row[found.rows].tolist()) == drawn
    assert len(found) == len(drawn)
    assert abs(len(found) / 400 - 0.3) < 0.08
    assert has_pair[found.rows].all()
    assert set((found.rows % 3).tolist()) == {0, 2}  # not always the same turn
    assert (found.probability == 0.3).all()


def test_a_pair_that_leaves_changes_no_other_conversations_pair() -> None:
    exchanges, talks = columns(200)
    everything = np.ones(600, dtype=bool)
    before = drawn_pairs(a_plan(0.5), exchanges, talks, everything).rows
    without = everything.copy()
    without[before[0]] = False
    after = drawn_pairs(a_plan(0.5), exchanges, talks, without).rows
    assert set(before.tolist()) - set(after.tolist()) == {int(before[0])}
    assert len(after) == len(before)


@pytest.mark.parametrize("plan", [a_plan(0.3, seed=""), a_plan(0.0)])
def test_without_a_seed_or_a_chance_nobody_is_drawn(plan: RegisteredPlan) -> None:
    exchanges, talks = columns(50)
    assert len(drawn_pairs(plan, exchanges, talks, np.ones(150, dtype=bool))) == 0


def test_everybody_is_drawn_at_one() -> None:
    exchanges, talks = columns(60)
    assert len(drawn_pairs(a_plan(1.0), exchanges, talks, np.ones(180, dtype=bool))) == 40


def test_the_better_reply_is_the_arms_or_the_incumbents() -> None:
    said = {(answer, first): preference_of(answer, arm_is_first=first) for answer, first in product(Answer, (True, False))}
    assert said == {
        (Answer.FIRST, True): 1.0, (Answer.FIRST, False): 0.0, (Answer.SECOND, True): 0.0, (Answer.SECOND, False): 1.0,
        (Answer.TIE, True): 0.5, (Answer.TIE, False): 0.5, (Answer.BOTH_BAD, True): 0.5, (Answer.BOTH_BAD, False): 0.5,
        (Answer.SKIP, True): None, (Answer.SKIP, False): None,
    }  # fmt: skip


def a_pair(number: int = 1, day: int = 1, chance: float | None = 0.25) -> PairToLabel:
    return PairToLabel(PairKey(number, 2), f"e-{number}", day, "chat", chance, None, has_text=True)


@pytest.mark.parametrize(("first", "chance"), list(product((True, False), (None, 0.0123, 1.0))))
def test_a_token_says_what_was_sealed(first: bool, chance: float | None) -> None:
    shown = ShownPair(PairKey(2**40, 7), first, chance)
    pilot, sealing = a_pilot(), Sealing("pepper")
    token = sealing.token(pilot, shown)
    assert sealing.open(pilot, token) == shown
    assert token == sealing.token(pilot, shown)
    assert len({sealing.token(pilot, replace(shown, arm_is_first=order)) for order in (True, False)}) == 2


def test_a_token_of_another_pilot_server_or_hand_is_refused() -> None:
    pilot = a_pilot()
    token = Sealing("pepper").token(pilot, ShownPair(PairKey(1, 2), True, None))
    other: Pilot = replace(pilot, id=pilot.id + 1)
    flipped = ("A" if token[5] != "A" else "B").join((token[:5], token[6:]))
    for sealing, where, given in (
        (Sealing("pepper"), other, token), (Sealing("salt"), pilot, token), (Sealing("pepper"), pilot, flipped),
        (Sealing("pepper"), pilot, ""), (Sealing("pepper"), pilot, token + token),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            sealing.open(where, given)


def test_the_order_of_replies_is_a_fair_coin_of_rater_and_pair() -> None:
    orders = [[shown_for(a_pair(number), rater).arm_is_first for number in range(1000)] for rater in ("ann", "bob")]
    assert [abs(sum(order) - 500) < 60 for order in orders] == [True, True]
    assert abs(sum(one == other for one, other in zip(*orders, strict=True)) - 500) < 60
    assert shown_for(a_pair(), "ann") == shown_for(a_pair(), "ann")


def an_answer(number: int, rater: str, value: float | None = 1.0, chance: float | None = 0.25) -> StoredAnswer:
    return StoredAnswer(PairKey(number, 2), rater, value, chance, LabelSource.PAGE, NOW)


def test_days_come_in_their_order_and_pairs_of_a_day_in_the_raters_own() -> None:
    pairs = [a_pair(number, day=number % 3) for number in range(90)]
    ann, bob = (open_pairs(pairs, [], rater, raters_per_pair=1) for rater in ("ann", "bob"))
    assert [pair.day for pair in ann] == sorted(pair.day for pair in pairs) == [pair.day for pair in bob]
    assert [pair.key for pair in ann] != [pair.key for pair in bob]
    assert set(ann) == set(bob) == set(pairs)


def test_a_pair_is_open_until_so_many_have_answered_it() -> None:
    pairs = [a_pair(number) for number in range(5)]
    answers = [
        an_answer(0, "bob"), an_answer(1, "bob", None), an_answer(2, "ann", None), an_answer(3, "bob", chance=None),
    ]  # fmt: skip

    def left(rater: str, many: int) -> set[int]:
        return {pair.key.exchange_id for pair in open_pairs(pairs, answers, rater, raters_per_pair=many)}

    assert left("ann", 1) == {1, 3, 4}
    assert left("ann", 2) == {0, 1, 3, 4}
    assert left("bob", 1) == {2, 4}
    assert left("cyd", 1) == {1, 2, 3, 4}


def test_what_has_no_text_is_not_offered() -> None:
    assert open_pairs([replace(a_pair(), has_text=False)], [], "ann", raters_per_pair=1) == []
