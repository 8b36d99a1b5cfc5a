"""What a report says of the places, the lengths and the cuts of what the judge was shown."""

from typing import Any

from app.domain.estimate_models import EstimateModel
from app.domain.judge_figures import AnswersModel, JudgeFigures
from app.reports.context import Subject
from app.reports.document import Paragraph, Table
from app.reports.judge_orders import asked_words, order_blocks
from tests.unit.reports.examples import a_full_configuration, hybrid

JUDGE = {"base_url": "http://127.0.0.1:9000/v1", "model": "some/judge-70b", "family": "other"}


def share(value: float, n: int) -> EstimateModel:
    return EstimateModel(value=value, low=value - 0.05, high=value + 0.05, n=n)


FOUND = JudgeFigures(
    position_consistency_random=share(0.83, 120),
    first_shown_random=share(0.61, 230),
    judged_pairs=1500,
    cut_pairs=7,
    answers=[
        AnswersModel(shown_first="incumbent", length="short", answers=900, ungraded=0, ungraded_rate=share(0.05, 900)),
        AnswersModel(
            shown_first="candidate", length="long", answers=200, ungraded=20, reasons={"unparsed": 20},
            ungraded_rate=share(0.1, 200),
        ),
    ],
)  # fmt: skip


def a_subject(found: JudgeFigures, **judge: Any) -> Subject:
    card = hybrid().candidates["qwen"].model_copy(update={"judge_figures": found})
    return Subject("qwen", 1, card, hybrid(), a_full_configuration(judge=JUDGE | judge))


def said(found: JudgeFigures, **judge: Any) -> str:
    blocks = list(order_blocks(a_subject(found, **judge)))
    assert all(isinstance(block, Paragraph | Table) for block in blocks)
    return "\n".join(block.model_dump_json() for block in blocks)


def test_the_random_sample_the_cuts_and_the_missing_grades_are_said_with_what_they_rest_on() -> None:
    text = said(FOUND)
    for words in ("83.0%", "120 pairs", "61.0%", "230 answers", "a random tenth of the pairs", "Of 7 of 1,500 judged pairs"):
        assert words in text
    for words in ("after 100,000 characters", "beyond 200,000", "the candidate's", "5,000 and more", "could not be read: 20"):
        assert words in text
    assert "all pairs, asked in both orders" in said(FOUND, second_order="always")


def test_what_did_not_happen_is_not_said() -> None:
    assert said(JudgeFigures()) == ""
    text = said(FOUND.model_copy(update={"cut_pairs": 0, "answers": FOUND.answers[:1]}))
    assert "did not see" not in text
    assert "no grade" not in text
    imported = list(order_blocks(a_subject(FOUND, base_url="", rater="gpt-4")))
    assert [block.caption for block in imported if isinstance(block, Table)] == ["Where the judge gave no grade"]


def test_the_report_says_in_which_orders_the_judge_was_asked() -> None:
    for order, words in (("decisive", "in one order and, where it chose a side"), ("always", "about each pair in both orders")):
        judge = a_full_configuration(judge=JUDGE | {"second_order": order}).judge
        assert judge is not None
        assert words in asked_words(judge)
