"""What the command line says of an export's tokens."""

import pytest

from parallel_pilot.cli.plan_usage import tokens_in_words


@pytest.mark.parametrize(
    ("inputs", "outputs", "at_least", "words"),
    [(1000.0, 234.0, None, "1,234"), (1000.0, None, 1000.0, "at least 1,000"), (None, None, None, "unknown")],
)
def test_tokens_that_some_lines_lack_are_at_least_those_of_the_others(
    inputs: float | None, outputs: float | None, at_least: float | None, words: str
) -> None:
    plan = {"month": {"input_tokens": inputs, "output_tokens": outputs}, "tokens_at_least": at_least}
    assert tokens_in_words(plan) == words
