"""Reads what a judge says. An answer that leaves any doubt is unparsed: it is asked for again, never guessed."""

import json
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.graders.canonical import refuse_constant, strict_json
from app.graders.judge_prompt import FIRST, SECOND, TIE

PREFERENCES = frozenset({FIRST, SECOND, TIE})
_FENCES = ("```json", "```JSON", "```")
_THOUGHT_END = "</think>"
# What is searched for a verdict: a longer answer is no verdict, and searching it takes time.
_MAX_SEARCHED = 20_000


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What a judge prefers, `first`, `second` or `tie`, and why."""

    preference: str
    reasoning: str


def parse_answer(content: str) -> JudgeAnswer | None:
    """A judge's answer; `None` if it is not certain what it says.

    It is the JSON object that the whole content is, a code fence and a thought before it aside. Failing that, it is the
    only JSON object with a preference in the text, and only if the text ends with it: a judge that quotes a verdict found
    in a reply, or gives two, has said nothing.
    """
    for text in (content, content.rpartition(_THOUGHT_END)[2]):
        try:
            return _answer(_load(_without_fence(text.strip())))
        except ValueError:
            continue
    return _last_resort(content.rpartition(_THOUGHT_END)[2])


def _without_fence(text: str) -> str:
    for fence in _FENCES:
        if text.startswith(fence) and text.endswith("```") and len(text) >= len(fence) + 3:
            return text[len(fence) : -3].strip()
    return text


def _load(text: str) -> Any:
    strict_json(text)  # refuses NaN and the like
    return json.loads(text, object_pairs_hook=_unique)


def _answer(document: Any) -> JudgeAnswer | None:
    if not isinstance(document, dict):
        return None
    preference, reasoning = document.get("preference"), document.get("reasoning", "")
    if not isinstance(preference, str) or preference not in PREFERENCES:
        return None
    return JudgeAnswer(preference, reasoning if isinstance(reasoning, str) else "")


def _last_resort(text: str) -> JudgeAnswer | None:
    if len(text) > _MAX_SEARCHED:
        return None
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=refuse_constant)
    found: list[tuple[Json, int]] = []
    at = text.find("{")
    while at >= 0:
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            found.append((document, end))
        at = text.find("{", end)
    verdicts = [(document, end) for document, end in found if "preference" in document]
    if len(verdicts) != 1 or text[verdicts[0][1] :].strip(" \t\r\n`"):
        return None
    return _answer(verdicts[0][0])


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """An object; a key that comes twice says two things."""
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return document
