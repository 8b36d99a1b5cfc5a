"""Scores of both arms in the scorecard and the report: sides, conversations, what differs, critical faults."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.domain.rubric_columns import ScoreColumns
from app.pipeline.rubric_figures import RubricFigures, rubric_figures
from app.reports.context import Subject
from app.reports.document import Bullets, Paragraph, Table
from app.reports.rubrics import rubric_sections
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, made
from tests.unit.reports.examples import hybrid

CRITERIA = [
    {"text": "answers", "points": 2},
    {"text": "is polite", "points": 2},
    {"text": "invents", "points": -4, "critical": True},
]
CONFIGURATION = a_configuration(
    judge={"base_url": "http://127.0.0.1:9000/v1", "model": "judge-1"},
    rubric=[{"name": "support", "criteria": CRITERIA}],
    segment=[{"name": "support", "match": {"header": "support"}, "grader": "rubric:support"}],
)
Met = tuple[float, float, float] | None


def columns(met: Sequence[Met], unquoted: int = 0) -> ScoreColumns:
    """Each row's answer; `None` = the judge gave none."""
    table = np.array([[np.nan] * 3 if row is None else row for row in met], dtype=np.float64)
    values = (2 * table[:, 0] + 2 * table[:, 1] - 4 * table[:, 2]) / 4
    return ScoreColumns(np.ones(len(met), dtype=bool), values, np.full(len(met), float(unquoted)), table)


def figures_of(rows: Sequence[Made], incumbent: Sequence[Met], candidate: Sequence[Met]) -> RubricFigures:
    all_of = made(rows)
    scores = {("rubric:support", "incumbent"): columns(incumbent), ("rubric:support", "qwen"): columns(candidate, 1)}
    return rubric_figures(CONFIGURATION, all_of.evidence, scores, ("incumbent", "qwen"), all_of.pairs, all_of.talks)


def rows(*talks: str, **more: object) -> list[Made]:
    return [Made(talk, segment="support", **more) for talk in talks]  # type: ignore[arg-type]


GOOD, RUDE, BAD = (1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def test_means_are_over_conversations_and_each_side_has_its_own() -> None:
    found = figures_of(rows("a", "a", "b"), [GOOD, GOOD, GOOD], [RUDE, RUDE, GOOD]).rubrics["rubric:support"]
    assert (found.segments, found.exchanges) == (["support"], 3)
    assert (found.incumbent_score.value, found.candidate_score.value, found.candidate_score.n) == (1.0, 0.75, 2)
    assert found.difference.value == pytest.approx(-0.25)
    assert found.criteria[0].text == "is polite"
    assert found.criteria[0].difference.value == pytest.approx(-0.5)
    assert (found.criteria[0].incumbent_rate.value, found.criteria[0].candidate_rate.value) == (1.0, 0.5)
    assert (found.incumbent_unquoted, found.candidate_unquoted) == (0, 3)


def test_a_mean_below_nothing_is_shown_as_nothing_and_the_difference_is_not_cut() -> None:
    found = figures_of(rows("a", "b"), [GOOD, GOOD], [(0.0, 0.0, 1.0)] * 2).rubrics["rubric:support"]
    assert (found.candidate_score.value, found.candidate_score.low) == (0.0, 0.0)
    assert found.difference.value == pytest.approx(-2.0)


def test_only_pairs_that_count_and_have_both_scores_are_compared() -> None:
    made_rows = [*rows("a", "b"), Made("c", segment="support", counted=False), Made("d"), *rows("e", judged=False)]
    found = figures_of(made_rows, [GOOD, None, BAD, BAD, BAD], [GOOD, BAD, BAD, BAD, BAD])
    rubric = found.rubrics["rubric:support"]
    assert (rubric.exchanges, rubric.incumbent_unscored, rubric.candidate_unscored) == (1, 1, 0)
    assert (found.critical.scored, found.critical.candidate_marked) == (1, 0)


def test_weights_count() -> None:
    weighted = [Made("a", segment="support", weight=3.0), Made("b", segment="support")]
    found = figures_of(weighted, [GOOD, GOOD], [GOOD, RUDE]).rubrics["rubric:support"]
    assert found.candidate_score.value == pytest.approx((3 * 1.0 + 0.5) / 4)


def test_critical_faults_are_counted_by_arm() -> None:
    critical = figures_of(rows("a", "b", "c"), [GOOD, GOOD, BAD], [BAD, GOOD, BAD]).critical
    assert (critical.scored, critical.candidate_marked, critical.incumbent_marked) == (3, 2, 1)
    assert critical.exchanges == ["e-0000", "e-0002"]
    assert critical.candidate_rate.value == pytest.approx(2 / 3)
    assert critical.incumbent_rate.value == pytest.approx(1 / 3)
    assert critical.candidate_rate.low is not None
    assert critical.incumbent_rate.low is not None
    assert critical.candidate_rate.low > critical.incumbent_rate.low


def test_without_scores_there_is_nothing_to_say() -> None:
    found = figures_of(rows("a"), [None], [None])
    assert found.rubrics["rubric:support"].exchanges == 0
    assert found.rubrics["rubric:support"].candidate_score.value is None
    assert found.critical.candidate_rate.value is None


def test_the_report_says_which_side_lacks_what() -> None:
    found = figures_of(rows("a", "b"), [GOOD, GOOD], [RUDE, BAD])
    card = hybrid()
    candidate = card.candidates["qwen"]
    critical = candidate.critical.model_copy(update={"by_rubric": found.critical})
    candidate = candidate.model_copy(update={"rubrics": found.rubrics, "critical": critical})
    assert rubric_sections(Subject("qwen", 1, card.candidates["qwen"], card, CONFIGURATION)) == ()
    (section,) = rubric_sections(Subject("qwen", 1, candidate, card, CONFIGURATION))
    texts = [block.text for block in section.blocks if isinstance(block, Paragraph)]
    assert "qwen gets 25.0%" in texts[0]
    assert "the incumbent 100.0%" in texts[0]
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    shown = {row[0].text: [cell.text.split(" ")[0] for cell in row[1:]] for row in table.rows}
    assert shown["is polite"] == ["2", "50.0%", "100.0%", "-50.0%"]
    assert "invents (critical)" in shown
    (listed,) = [block for block in section.blocks if isinstance(block, Bullets)]
    assert listed.items == ("e-0001",)
