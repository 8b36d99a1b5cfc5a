"""Critical replies: drawn labels make the rate, every mark is counted."""

import pytest

from app.domain.groups import CriticalModel
from app.pipeline.critical import critical_of
from app.statistics.fixed_sample import wilson
from tests.unit.pipeline.made_evidence import Label, Made, made


def found(rows: list[Made]) -> CriticalModel:
    it = made(rows)
    return critical_of(it.evidence, it.arm.labels, it.pairs, it.talks)


def labelled(name: str, *labels: Label, counted: bool = True) -> Made:
    return Made(name, labels=labels, counted=counted)


def test_without_labels_nothing_is_known() -> None:
    it = found([Made("a")])
    assert (it.rate.value, it.rate.high, it.rate.n, it.labelled, it.marked) == (None, None, 0, 0, 0)


def test_none_seen_is_bounded_by_what_so_many_exclude() -> None:
    it = found([labelled(f"c{number}", Label()) for number in range(100)])
    assert (it.rate.value, it.rate.low, it.rate.n, it.rate.method) == (0.0, 0.0, 100, "rule_of_three")
    assert it.rate.high == pytest.approx(1 - 0.05 ** (1 / 100))


def test_equal_chances_give_the_plain_share_and_wilsons_interval() -> None:
    rows = [labelled(f"c{number}", Label(critical=number < 7)) for number in range(100)]
    it = found(rows)
    assert it.rate.value == pytest.approx(0.07)
    assert (it.rate.low, it.rate.high) == pytest.approx(wilson(successes=7, trials=100))
    assert it.exchanges == [f"e-{number:04d}" for number in range(7)]


def test_a_label_of_a_rarely_drawn_conversation_weighs_more() -> None:
    rare, usual = Label(critical=True, draw=0.1), Label(draw=0.9)
    it = found([labelled("a", rare), labelled("b", usual)])
    assert it.rate.value == pytest.approx(10 / (10 + 1 / 0.9))
    assert it.rate.n == 2


def test_labels_that_were_not_drawn_are_counted_and_make_no_rate() -> None:
    rows = [labelled("a", Label(critical=True, draw=None)), labelled("b", Label())]
    it = found(rows)
    assert (it.labelled, it.marked, it.rate.n, it.rate.value) == (2, 1, 1, 0.0)


def test_one_mark_of_several_people_is_enough_and_counts_once() -> None:
    it = found([labelled("a", Label(critical=True), Label(rater="r2")), labelled("b", Label(), Label(rater="r2"))])
    assert (it.labelled, it.marked, it.rate.value, it.rate.n) == (2, 1, 0.5, 2)


def test_a_skipped_label_says_nothing_unless_it_is_marked() -> None:
    rows = [labelled("a", Label(value=None)), labelled("b", Label(value=None, critical=True)), labelled("c", Label())]
    it = found(rows)
    assert (it.labelled, it.marked, it.rate.n) == (2, 1, 2)


def test_pairs_that_do_not_count_are_left_out() -> None:
    it = found([labelled("a", Label(critical=True), counted=False), labelled("b", Label())])
    assert (it.labelled, it.marked, it.rate.n) == (1, 0, 1)


def test_several_labelled_pairs_of_a_conversation_are_one_unit() -> None:
    rows = [labelled("a", Label(critical=True)), labelled("a", Label()), labelled("b", Label())]
    it = found(rows)
    assert (it.rate.value, it.rate.n, it.labelled) == (0.25, 2, 3)
