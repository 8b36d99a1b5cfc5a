"""The simulated judge answers a rubric's questions in the form that the product reads."""

import pytest

from app.domain.exchange import Reply
from app.domain.rubric_table import Criterion, Rubric
from app.graders.rubric import criteria_met
from app.graders.rubric_answer import parse_rubric_answer
from app.graders.rubric_prompt import ScoredReply, rubric_messages
from app.simulator.completions import Answer
from app.simulator.judge import SimulatedJudge

RUBRIC = Rubric(
    "rubric:demo",
    (
        Criterion("says 'thirty days'", 2.0, False),
        Criterion("mentions refunds of tickets", 1.0, False),
        Criterion('says "never"', -2.0, True),
    ),
)


@pytest.mark.parametrize(
    ("reply", "misread_rate", "met"),
    [
        ("Refunds: Thirty days.", 0.0, [1.0, 0.0, 0.0]),
        ("We never give refunds for tickets.", 0.0, [0.0, 1.0, 1.0]),
        ("We never give refunds for tickets.", 1.0, [1.0, 0.0, 0.0]),
        ("", 0.0, [0.0, 0.0, 0.0]),
    ],
)
def test_it_finds_what_a_criterion_quotes(reply: str, misread_rate: float, met: list[float]) -> None:
    scored = ScoredReply({"messages": [{"role": "user", "content": "Can I have my money back?"}]}, Reply(reply))
    judge = SimulatedJudge("judge", misread_rate=misread_rate, unparsed_rate=0.0)
    said = judge.answer({"model": "judge", "messages": rubric_messages(RUBRIC, scored)})
    assert isinstance(said, Answer)
    answer = parse_rubric_answer(said.content or "", RUBRIC)
    assert answer is not None
    assert [each.met for each in answer] == met
    assert misread_rate or all(each.is_quoted for each in criteria_met(RUBRIC, answer, scored))
