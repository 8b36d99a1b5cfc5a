"""The pairwise judge: which of two replies serves the user better (CONTRACTS section 6)."""

import hashlib

import orjson

from app.domain.judge_table import JudgeTable
from app.graders.judge_answer import JudgeAnswer, parse_answer
from app.graders.judge_prompt import (
    FIRST,
    INSTRUCTIONS,
    RESPONSE_SCHEMA,
    TEMPLATE_VERSION,
    TIE,
    Comparison,
    judge_messages,
    shown_texts,
)
from app.graders.judge_texts import Limits
from app.graders.question import Question
from app.providers.draft import repaired

NAME = "judge"
MAX_REASONING = 4000


def pairwise_question(comparison: Comparison) -> Question[JudgeAnswer]:
    """A comparison as the question that a judge is asked."""
    return Question(lambda: judge_messages(comparison), "preference", RESPONSE_SCHEMA, lambda text: _parsed(text, comparison))


def limits_of(table: JudgeTable) -> Limits:
    """How much of long texts a judge is shown."""
    return Limits(table.max_reply_chars, table.max_conversation_chars)


def cut_chars(comparison: Comparison) -> dict[str, int]:
    """How many characters of what sections are not shown, by the sections' titles."""
    return {title: shown.left_out for title, shown in shown_texts(comparison).items() if shown.left_out}


def judge_version(model: str, temperature: float | None, limits: Limits) -> str:
    """Names all that a grade depends on beside the pair: the prompt, the model, the temperature, where texts are cut."""
    cuts = [limits.reply_chars, limits.conversation_chars]
    said = orjson.dumps([TEMPLATE_VERSION, INSTRUCTIONS, model, temperature, *cuts])
    return hashlib.sha256(said).hexdigest()[:12]


def preference_value(preference: str, *, arm_is_first: bool) -> float:
    """A judge's answer as the preference for the arm: 1 = it won, 0 = the incumbent did, 0.5 = tie."""
    if preference == TIE:
        return 0.5
    return float((preference == FIRST) == arm_is_first)


def _parsed(text: str, comparison: Comparison) -> JudgeAnswer | None:
    answer = parse_answer(text, [shown.text for shown in shown_texts(comparison).values()])
    return JudgeAnswer(answer.preference, repaired(answer.reasoning)[:MAX_REASONING]) if answer is not None else None
