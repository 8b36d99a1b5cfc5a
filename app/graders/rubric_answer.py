"""Reads what a judge says of a rubric's criteria. An answer that leaves any doubt is unparsed, as of the pairwise judge."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.domain.rubric_table import Rubric
from app.graders.canonical import fold, refuse_constant, strict_json

_FENCES = ("```json", "```JSON", "```")
_THOUGHT_END = "</think>"
# What is searched for an answer: a longer text is none, and searching it takes time.
_MAX_SEARCHED = 100_000
_WRAPPER = "criteria"


@dataclass(frozen=True, slots=True)
class CriterionAnswer:
    """How far the judge says that a criterion is met, and the words that it quotes for it."""

    met: float
    evidence: str


RubricAnswer = tuple[CriterionAnswer, ...]


def parse_rubric_answer(content: str, rubric: Rubric) -> RubricAnswer | None:
    """A judge's answer, one element a criterion in the rubric's order; `None` if it is not certain what it says.

    It is the JSON that the whole content is, a code fence and a thought before it aside. Failing that, it is the only JSON
    object with criteria in the text, and only if the text ends with it. Each criterion has to be named exactly once, by
    its number or its own words, with a number from 0 to 1.
    """
    for text in (content, content.rpartition(_THOUGHT_END)[2]):
        try:
            return _answer(_load(_without_fence(text.strip())), rubric)
        except ValueError:
            continue
    return _last_resort(content.rpartition(_THOUGHT_END)[2], rubric)


def _answer(document: Any, rubric: Rubric) -> RubricAnswer | None:
    listed = document.get(_WRAPPER) if isinstance(document, dict) else document
    if not isinstance(listed, list) or len(listed) != len(rubric.criteria):
        return None
    places = _places(rubric)
    found: dict[int, CriterionAnswer] = {}
    for each in listed:
        answer, place = _criterion(each), _place(each, places)
        if answer is None or place is None or place in found:
            return None
        found[place] = answer
    return tuple(found[place] for place in range(len(rubric.criteria)))


def _criterion(each: Any) -> CriterionAnswer | None:
    if not isinstance(each, dict):
        return None
    met, evidence = each.get("met"), each.get("evidence")
    if not isinstance(met, int | float) or not 0 <= met <= 1:  # `true` and `false` leave no doubt
        return None
    return CriterionAnswer(float(met), evidence) if isinstance(evidence, str) else CriterionAnswer(float(met), "")


def _places(rubric: Rubric) -> dict[str, int]:
    """Each criterion's place by its number and by its words; words that are also a number mean the number."""
    by_words = {fold(criterion.text): place for place, criterion in enumerate(rubric.criteria)}
    return by_words | {str(place + 1): place for place in range(len(rubric.criteria))}


def _place(each: Json, places: dict[str, int]) -> int | None:
    named = each.get("criterion")
    if isinstance(named, bool) or not isinstance(named, int | str):
        return None
    said = fold(str(named))
    return places.get(said, places.get(said.removesuffix(".")))


def _without_fence(text: str) -> str:
    for fence in _FENCES:
        if text.startswith(fence) and text.endswith("```") and len(text) >= len(fence) + 3:
            return text[len(fence) : -3].strip()
    return text


def _load(text: str) -> Any:
    strict_json(text)  # refuses NaN and the like
    return json.loads(text, object_pairs_hook=_unique)


def _last_resort(text: str, rubric: Rubric) -> RubricAnswer | None:
    if len(text) > _MAX_SEARCHED:
        return None
    answers = [(document, end) for document, end in _objects(text) if _WRAPPER in document]
    if len(answers) != 1 or text[answers[0][1] :].strip(" \t\r\n`"):
        return None
    return _answer(answers[0][0], rubric)


def _objects(text: str) -> Iterator[tuple[Json, int]]:
    """Every outermost JSON object in a text, and where it ends."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=refuse_constant)
    at = text.find("{")
    while at >= 0:
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield document, end
        at = text.find("{", end)


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """An object; a key that comes twice says two things."""
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return document
