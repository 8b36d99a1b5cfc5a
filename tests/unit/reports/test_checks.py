"""The report's table of what rules find in the replies."""

from functools import cache

from app.domain.checks_model import CheckModel, ChecksModel, SegmentChecks
from app.domain.estimate_models import EstimateModel
from app.domain.scorecard import Scorecard
from app.graders.checks.catalogue import BUILT_IN
from app.reports.checks import RULES, TITLE, rule_words
from app.reports.document import Document
from app.reports.markdown import render_markdown
from tests.unit.reports.examples import a_document, hybrid
from tests.unit.reports.test_verdict_words import blocks_of, of, table_of, words_of


def share(value: float, half: float = 0.01) -> EstimateModel:
    return EstimateModel(value=value, low=value - half, high=value + half, n=900, method="wilson")


def a_rule(name: str, incumbent: int, candidate: int, *, half: float = 0.01) -> CheckModel:
    both = min(incumbent, candidate) // 2
    return CheckModel(
        name=name, exchanges=1000, incumbent_applied=1000, candidate_applied=990, incumbent_found=incumbent,
        candidate_found=candidate, both_found=both, incumbent_only=incumbent - both, candidate_only=candidate - both,
        incumbent_rate=share(incumbent / 1000), candidate_rate=share(candidate / 1000),
        difference=share((candidate - incumbent) / 1000, half),
    )  # fmt: skip


@cache
def the_document() -> Document:
    scorecard: Scorecard = hybrid()
    card = scorecard.candidates["qwen"].model_copy(update={"checks": CHECKS})
    return of(scorecard.model_copy(update={"candidates": {"qwen": card}}))


REFUSES, LOOPS, QUIET, OWN = (
    a_rule("refusal", 4, 60),
    a_rule("repetition", 30, 10),
    a_rule("empty", 0, 0),
    a_rule("own:thanks", 3, 2),
)
CHECKS = ChecksModel(
    exchanges=1200,
    looked_at=1000,
    rules=[REFUSES, LOOPS, OWN, QUIET],
    length_ratio=EstimateModel(value=1.25, low=1.1, high=1.4, n=800),
    segments={"mail": SegmentChecks(rules=[REFUSES, a_rule("repetition", 5, 6)]), "other": SegmentChecks(rules=[LOOPS, QUIET])},
)


def test_both_arms_stand_side_by_side_and_neither_is_taken_for_the_other() -> None:
    rows = table_of(the_document(), "checks-1", TITLE)
    assert rows[0] == [
        "Begins by refusing", "6.00% (5.00 to 7.00%)", "0.40% (-0.60 to 1.40%)", "5.60% (4.60 to 6.60%)", "58", "2", "1,000",
    ]  # fmt: skip
    assert [row[0] for row in rows] == ["Begins by refusing", "Runs in a loop", "Own rule: thanks"]
    assert rows[1][3:6] == ["-2.00% (-3.00 to -1.00%)", "5", "25"]


def test_what_was_found_nowhere_is_said_in_one_sentence_and_what_was_not_looked_at_too() -> None:
    words = words_of(the_document(), "checks-1")
    assert "found in no reply of either: Says nothing." in words
    assert "200 of 1,200 exchanges that both answered were not looked at" in words
    assert "the candidate writes 1.25 (1.10 to 1.40) times as many characters as the incumbent, n = 800 conversations" in words


def test_by_kind_of_work_only_what_is_clear_is_shown() -> None:
    rows = table_of(the_document(), "checks-1", "The same by kind of work, where the interval of the difference leaves out 0")
    assert [row[:2] for row in rows] == [["mail", "Begins by refusing"], ["other", "Runs in a loop"]]


def test_where_nothing_was_looked_at_there_is_no_section() -> None:
    assert blocks_of(a_document("hybrid"), "checks-1") == []
    assert TITLE not in render_markdown(a_document("hybrid"))
    assert TITLE in render_markdown(the_document())


def test_every_built_in_rule_has_words_of_its_own() -> None:
    assert {check.name for check in BUILT_IN} == set(RULES)
    assert rule_words("own:no_discounts") == "Own rule: no_discounts"
