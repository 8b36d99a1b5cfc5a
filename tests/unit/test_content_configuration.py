"""`[content]` of `pilot.toml`: levels, the operator's patterns, and what is refused because it could take long."""

import re

import pytest

from app.domain.bounded_patterns import MAX_CHOICES, UnboundedPattern, bounded_pattern
from app.domain.content import is_at_least, strictest
from app.pipeline.content import strictest_level_of
from tests.unit.test_configuration import SMALL, load, only_problem_of

PATTERNS = '[content]\nlevel = "masked"\npatterns = [{{ name = "ticket", pattern = {} }}]\n'


def test_levels_of_pilot_and_segments_are_taken() -> None:
    text = SMALL + '[content]\nlevel = "masked"\ncandidate_sees = "masked"\n[[segment]]\nname = "hr"\nmatch = { path = "x" }\n'
    configuration = load(text + 'content = "metadata"\n').configuration
    assert (configuration.content.level, configuration.content.candidate_sees) == ("masked", "masked")
    assert configuration.segment[0].content == "metadata"
    assert strictest_level_of(configuration) == "metadata"
    assert strictest_level_of(load(text).configuration) == "masked"


def test_the_strictest_of_levels_wins() -> None:
    assert strictest() == strictest("full", "full") == "full"
    assert strictest("full", "metadata", "masked") == "metadata"
    assert is_at_least("masked", "masked")
    assert is_at_least("metadata", "masked")
    assert not is_at_least("full", "masked")


@pytest.mark.parametrize(
    "pattern",
    [r"KD-\d{4,8}", r"(?i)\bacme-[a-z]{3}\b", r"(?:\d{3}-){2,4}\d", r"\w{1,30}@corp", r"(?<!\w)EMP\d{6}(?!\d)", r"foo|bar"],
)  # fmt: skip
def test_bounded_patterns_are_taken(pattern: str) -> None:
    assert bounded_pattern(pattern) == pattern
    (table,) = load(SMALL + PATTERNS.format(f"'''{pattern}'''")).configuration.content.patterns
    assert (table.name, table.pattern) == ("ticket", pattern)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"(a+)+", "an upper bound"),
        (r"KD-\d+", "{1,40} instead of +"),
        (r"a{3,}b", "an upper bound"),
        (r"(a{1,3}){2,5}b", "inside of a repeat"),
        (r"(?:a|ab){2,9}", "inside of a repeat"),
        (r"\w{1,60}\w{1,60}x", f"{MAX_CHOICES} ways"),
        (r"[a-z]{1,2000}", "leaves too much open"),
        (r"(?:(?:a{0,30}){1})a{0,60}b", "leaves too much open"),
        (r"x?", "the empty text"),
        (r"\b", "the empty text"),
        (r"(", "must be a regular expression"),
        ("x" * 501, "1 to 500 characters"),
    ],
)
def test_patterns_that_could_take_long_or_say_nothing_are_refused_by_name(pattern: str, says: str) -> None:
    problem = only_problem_of(SMALL + PATTERNS.format(f"'''{pattern}'''"))
    assert problem.field == "content.patterns[0].pattern"
    assert says in problem.message


@pytest.mark.parametrize("name", ["email", "IP", "2nd", "a b", "", "x" * 31])
def test_a_pattern_needs_a_name_of_its_own(name: str) -> None:
    text = f'[content]\npatterns = [{{ name = "{name}", pattern = "x{{3}}" }}]\n'
    assert only_problem_of(SMALL + text).field == "content.patterns[0].name"


def test_two_patterns_with_one_name_are_refused() -> None:
    text = '[content]\npatterns = [{ name = "kd", pattern = "a" }, { name = "KD", pattern = "b" }]\n'
    assert "two patterns have the name 'KD'" in only_problem_of(SMALL + text).message


def test_presidio_is_refused_where_it_is_not_installed() -> None:
    problem = only_problem_of(SMALL + '[content]\nlevel = "masked"\nengine = "presidio"\n')
    assert problem.field == "content.engine"
    assert re.search(r"presidio-analyzer.+not installed", problem.message)


def test_the_worst_pattern_that_is_taken_ends_soon_on_the_worst_text() -> None:
    """Bounded by the number of tries a place of the text, not by the text's power."""
    pattern = re.compile(bounded_pattern(r"a{1,30}a{1,30}b"))
    assert pattern.search("a" * 20_000) is None


def test_what_is_refused_says_so_as_a_value_error() -> None:
    with pytest.raises(UnboundedPattern):
        bounded_pattern("a*b")
