"""Missing counts are estimated from the arm's own ratio and the other arm's count, never those of failures."""

from dataclasses import replace

import numpy as np
import pytest

from app.domain.evidence import ArmEvidence, ReplyColumns
from app.pipeline.estimated_usage import arm_that_counted, with_estimates
from tests.unit.pipeline.made_evidence import Made as Row
from tests.unit.pipeline.made_evidence import made
from tests.unit.pipeline.made_replies import Made, replies

LOST = Made(None, None)


def filled(
    rows: list[Made], other: list[Made] | None = None, counts: list[bool] | None = None
) -> list[tuple[float, float, float, bool]]:
    """Input, cached, output and whether one of them is a guess, of each row; `counts`: which rows do, all unless said."""
    chosen = np.array(counts or [True] * len(rows), dtype=bool)
    found = with_estimates(replies(rows), chosen, replies(other) if other is not None else None)
    made = found.replies
    return list(zip(made.input_tokens, made.cached_input_tokens, made.output_tokens, found.is_guess, strict=True))


def test_what_was_counted_stays_as_it_is() -> None:
    given = replies([Made(cached=3), Made(outputs=None, failure="timeout"), Made(there=False)])
    found = with_estimates(given, np.ones(3, dtype=bool), given)
    assert found.replies is given
    assert not found.is_guess.any()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([Made(outputs=None, chars=400)], 100),  # nothing counted: four characters a token
        ([Made(outputs=200, chars=400), Made(outputs=None, chars=100)], 50),  # the arm's own: half a token a character
        ([Made(outputs=300, chars=100), Made(outputs=100, chars=900), Made(outputs=None, chars=1000)], 400),  # of the sums
        ([Made(outputs=900, chars=100, failure="empty"), Made(outputs=None, chars=400)], 100),  # failures are no measure
        ([Made(outputs=30, chars=0), Made(outputs=50, chars=None), Made(outputs=None, chars=0)], 40),  # tool calls
    ],
)
def test_output_is_estimated_from_the_arms_own_ratio(rows: list[Made], expected: float) -> None:
    *others, last = filled(rows)
    assert last[2:] == (expected, True)
    assert not any(is_guess for *_, is_guess in others)


def test_a_reply_without_text_among_none_that_was_counted_stays_unknown() -> None:
    assert np.isnan(filled([Made(outputs=None, chars=0), Made()])[0][2])
    assert not filled([Made(outputs=None, chars=0), Made()])[0][3]


def test_input_is_the_other_arms_count_times_the_measured_ratio_with_the_arms_share_of_cached() -> None:
    mine = [Made(1000, cached=400), Made(3000, cached=400), LOST, Made(None, None, failure="timeout")]
    other = [Made(800), Made(1200), Made(500), Made(500)]
    found = filled(mine, other)
    assert found[2][:2] == (1000.0, 200.0)  # 500 x (4000 / 2000), a fifth of it cached
    assert np.isnan(found[3][0])


@pytest.mark.parametrize(
    "other", [None, [Made(), Made(None)], [Made(), Made(there=False)], [Made(), Made(None, failure="timeout")]]
)
def test_input_that_the_other_arm_cannot_tell_stays_unknown(other: list[Made] | None) -> None:
    assert np.isnan(filled([Made(), LOST], other)[1][0])


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ([LOST, LOST], [Made(800), Made(1200)]),  # nothing was counted of this arm
        ([Made(1000), LOST], [Made(there=False), Made(1200)]),  # no request was counted by both
        ([Made(1000), LOST], [Made(None), Made(1200)]),
    ],
)
def test_where_nothing_tells_the_ratio_of_both_arms_input_is_as_the_other_counted_it(
    mine: list[Made], other: list[Made]
) -> None:
    assert filled(mine, other)[1] == (1200.0, 0.0, 100.0, True)


def test_a_reply_whose_input_alone_is_estimated_is_marked() -> None:
    assert filled([Made(1000, 100), Made(None, 70)], [Made(500), Made(300)])[1] == (600.0, 0.0, 70.0, True)


def test_what_does_not_count_teaches_nothing() -> None:
    rows, other = [Made(1000, 100, cached=500, chars=400), LOST], [Made(500), Made(300)]
    tools = [Made(1000, 100, chars=0), Made(None, None, chars=0)]
    unlike = Made(9000, 9000, cached=9000, chars=10)
    for more in ([], [unlike], [unlike, unlike]):
        counts = [True, True] + [False] * len(more)
        assert filled(rows + more, other + [Made(5)] * len(more), counts)[1] == (600.0, 300.0, 100.0, True)
        assert filled(tools + [replace(unlike, chars=0)] * len(more), counts=counts)[1][2] == 100.0


def test_the_arm_that_counted_most_of_what_counts_tells_the_input() -> None:
    base = made([Row("a"), Row("b")]).evidence

    def arm(*inputs: float | None) -> ArmEvidence:
        return replace(base.arms["qwen"], replies=replies([Made(each) for each in inputs]))

    def chosen(rows: list[bool], **arms: ArmEvidence) -> ReplyColumns | None:
        return arm_that_counted(replace(base, arms=arms), np.array(rows))

    few, many, late = arm(1, None), arm(1, 1), arm(None, 1)
    assert chosen([True, True], a=few, b=many) is many.replies
    assert chosen([True, False], b=many, a=few) is few.replies  # equals: the first name
    assert chosen([True, False], a=late, b=few) is few.replies
    assert chosen([True, True]) is None
