"""`[[rubric]]` and `grader = "rubric:NAME"` in pilot.toml: what counts, and what is refused where."""

from datetime import UTC, datetime

import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.rubric_table import asks_a_model, rubric_of
from app.errors import InvalidInput
from app.pipeline.configuration import load_configuration
from app.pipeline.configuration_changes import differences, touched_by

TOML = """[pilot]
name = "p"
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "c"
base_url = "http://127.0.0.1:8000/v1"
model = "Qwen/Qwen3.5"
[[segment]]
name = "support"
match = { header = "support" }
grader = "rubric:support"
[[rubric]]
name = "support"
criteria = [
    { text = "names the price", points = 3 },
    { text = "is polite", points = 1 },
    { text = "invents a policy", points = -4, critical = true },
]
[[rubric]]
name = "tone"
weight = 3
critical = true
criteria = [{ text = "is short", points = 10 }, { text = "insults", points = -5 }]
"""


def load(old: str = "", new: str = "") -> PilotConfiguration:
    assert old in TOML
    return load_configuration(TOML.replace(old, new, 1) if old else TOML, datetime(2026, 11, 1, tzinfo=UTC)).configuration


def test_one_rubric_has_the_points_that_are_written() -> None:
    configuration = load()
    rubric = rubric_of(configuration.rubric, "rubric:support")
    assert [(each.text, each.points, each.is_critical) for each in rubric.criteria] == [
        ("names the price", 3.0, False), ("is polite", 1.0, False), ("invents a policy", -4.0, True),
    ]  # fmt: skip
    assert rubric.most_points == 4.0
    assert [each.is_critical for each in rubric_of(configuration.rubric, "rubric:tone").criteria] == [False, True]


def test_of_several_rubrics_each_counts_by_its_weight() -> None:
    configuration = load()
    rubric = rubric_of(configuration.rubric, "rubric:support+tone")
    assert [each.points for each in rubric.criteria] == pytest.approx([0.75, 0.25, -1.0, 3.0, -1.5])
    assert rubric.most_points == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "words"),
    [
        (
            '"rubric:support"',
            '"rubric:sport"',
            "segment[0].grader",
            13,
            "no rubric is called 'sport'; there are: support, tone",
        ),
        ('"rubric:support"', '"rubric:support+support"', "segment[0].grader", 13, "names a rubric twice"),
        ('"rubric:support"', '"rubric:"', "segment[0].grader", 13, "rubric:NAME"),
        ('name = "tone"', 'name = "support"', "rubric[1].name", 22, "two [[rubric]] tables"),
        ('name = "tone"', 'name = "a+b"', "rubric[1].name", 22, "must not hold '+'"),
        ("points = 3", "points = 0", "rubric[0].criteria[0].points", 17, "0 points change nothing"),
        ("points = 3 }", "points = 3, critical = true }", "rubric[0].criteria[0].critical", 17, "points below 0"),
        ('"is polite"', '"names the price"', "rubric[0].criteria[1].text", 18, "two criteria say"),
        ("points = 10", "points = -10", "rubric[1].criteria", 25, "points above 0"),
        ("points = -5", "points = 5", "rubric[1].critical", 24, "there is none"),
        ("points = 3", "point = 3", "rubric[0].criteria[0].point", 17, "did you mean 'points'"),
        ("weight = 3", "weight = 0", "rubric[1].weight", 23, "above 0"),
        ("weight = 3", "wait = 3", "rubric[1].wait", 23, "did you mean 'weight'"),
        ("points = 3", 'points = "3"', "rubric[0].criteria[0].points", 17, "a number"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, field: str, line: int, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(old, new)
    problem = caught.value.problems[0]
    assert (problem.field, problem.line) == (field, line)
    assert words in problem.message


def test_changes_are_named_by_the_criterion_and_touch_the_grader() -> None:
    paths = [path for path, _, _ in differences(load(), load("points = 3", "points = 2"))]
    assert paths == ["rubric[support].criteria[names the price].points"]
    assert touched_by(paths[0]) == "grader"


@pytest.mark.parametrize(("grader", "asks"), [("judge", True), ("rubric:a", True), ("exact", False), ("label", False)])
def test_which_graders_need_people(grader: str, asks: bool) -> None:
    assert asks_a_model(grader) is asks
