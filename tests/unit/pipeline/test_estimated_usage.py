"""Missing counts are estimated from the arm's own ratio and the other arm's count, never those of failures."""

import numpy as np
import pytest

from app.pipeline.estimated_usage import with_estimates
from tests.unit.pipeline.made_replies import Made, replies

LOST = Made(None, None)


def filled(rows: list[Made], other: list[Made] | None = None) -> list[tuple[float, float, float, bool]]:
    """Input, cached, output and whether the output is a guess, of each row."""
    found = with_estimates(replies(rows), replies(other) if other is not None else None)
    made = found.replies
    return list(zip(made.input_tokens, made.cached_input_tokens, made.output_tokens, found.is_guess, strict=True))


def test_what_was_counted_stays_as_it_is() -> None:
    given = replies([Made(cached=3), Made(outputs=None, failure="timeout"), Made(there=False)])
    found = with_estimates(given, given)
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
    "other", [None, [Made(), Made(None)], [Made(there=False), Made()], [Made(None, failure="timeout"), Made()]]
)
def test_input_that_the_other_arm_cannot_tell_stays_unknown(other: list[Made] | None) -> None:
    assert np.isnan(filled([Made(), LOST], other)[1][0])
