"""The pairwise judge: which of two replies serves the user better (CONTRACTS section 6)."""

import hashlib

import orjson

from app.graders.judge_answer import JudgeAnswer, parse_answer
from app.graders.judge_prompt import (
    FIRST,
    INSTRUCTIONS,
    RESPONSE_SCHEMA,
    TEMPLATE_VERSION,
    TIE,
    Comparison,
    judge_messages,
)
from app.graders.question import Question
from app.providers.draft import repaired

NAME = "judge"
MAX_REASONING = 4000


def pairwise_question(comparison: Comparison) -> Question[JudgeAnswer]:
    """A comparison as the question that a judge is asked."""
    return Question(lambda: judge_messages(comparison), "preference", RESPONSE_SCHEMA, _parsed)


def judge_version(model: str, temperature: float | None) -> str:
    """Names all that a grade depends on beside the pair: the prompt, the model, the temperature."""
    said = orjson.dumps([TEMPLATE_VERSION, INSTRUCTIONS, model, temperature])
    return hashlib.sha256(said).hexdigest()[:12]


def preference_value(preference: str, *, arm_is_first: bool) -> float:
    """A judge's answer as the preference for the arm: 1 = it won, 0 = the incumbent did, 0.5 = tie."""
    if preference == TIE:
        return 0.5
    return float((preference == FIRST) == arm_is_first)


def _parsed(text: str) -> JudgeAnswer | None:
    answer = parse_answer(text)
    return JudgeAnswer(answer.preference, repaired(answer.reasoning)[:MAX_REASONING]) if answer is not None else None
