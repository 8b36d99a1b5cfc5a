"""Better, the same, worse: people's drawn labels weigh by their chance, rules count in full."""

import pytest

from app.domain.groups import BusinessQuality, SharesModel
from app.pipeline.shares import shares_of
from app.statistics.fixed_sample import wilson
from tests.unit.pipeline.made_evidence import Label, Made, made


def found(rows: list[Made]) -> BusinessQuality:
    it = made(rows)
    return shares_of(it.evidence, it.arm.labels, it.pairs, it.talks)


def values(shares: SharesModel) -> tuple[float | None, ...]:
    return shares.better.value, shares.same.value, shares.worse.value


def test_without_labels_people_say_nothing_and_the_judge_says_its_own() -> None:
    it = found([Made("a", 1.0), Made("b", 0.5), Made("c", 0.0), Made("d", 0.0), Made("e", None)])
    assert (values(it.by_people), it.looked_at) == ((None, None, None), 0)
    assert values(it.by_judge) == (0.25, 0.25, 0.5)
    assert (it.by_judge.worse.low, it.by_judge.worse.high) == pytest.approx(wilson(successes=2, trials=4))


def test_a_conversation_counts_once_for_the_judge() -> None:
    assert values(found([Made("a", 1.0), Made("a", 0.0), Made("b", 1.0)]).by_judge) == (0.75, 0.0, 0.25)


def test_a_label_of_a_rarely_drawn_conversation_weighs_more() -> None:
    it = found([Made("a", 0.5, labels=(Label(0.0, draw=0.1),)), Made("b", 0.5, labels=(Label(1.0, draw=0.5),))])
    assert values(it.by_people) == pytest.approx((2 / 12, 0.0, 10 / 12))
    assert (it.looked_at, it.by_people.worse.n) == (2, 2)


def test_what_rules_decide_counts_in_full_beside_what_people_say_of_the_rest() -> None:
    ruled = [Made(f"r{number}", 0.0, failed=True, judged=False) for number in range(5)]
    asked = [Made(f"c{number}", 0.5, labels=(Label(1.0 if number < 4 else 0.0),)) for number in range(5)]
    people = found(ruled + asked).by_people
    assert values(people) == pytest.approx((0.4, 0.0, 0.6))
    assert people.worse.low is not None
    few, _ = wilson(successes=1, trials=5)
    assert people.worse.low < 0.5 + 0.5 * few, "the failures are a sample, too"


def test_failures_are_a_sample_whose_error_is_in_the_range() -> None:
    """96 of 160 fail, people say of the other 64 that half are worse: both errors add up in squares."""
    ruled = [Made(f"r{number}", 0.0, failed=True, judged=False) for number in range(96)]
    asked = [Made(f"c{number}", 0.5, labels=(Label(float(number % 2)),)) for number in range(64)]
    worse = found(ruled + asked).by_people.worse
    low, _ = wilson(successes=32, trials=64)
    sampled = 1.96 * (0.6 * 0.2**2 + 0.4 * 0.3**2) ** 0.5 / 160**0.5
    assert worse.value == pytest.approx(0.8)
    assert worse.low == pytest.approx(0.8 - ((0.4 * (0.5 - low)) ** 2 + sampled**2) ** 0.5, abs=1e-4)


def test_labels_without_a_chance_and_skipped_ones_say_nothing_here() -> None:
    it = found([Made("a", 1.0, labels=(Label(0.0, draw=None),)), Made("b", 1.0, labels=(Label(None),))])
    assert (it.looked_at, it.by_people.worse.value) == (0, None)
