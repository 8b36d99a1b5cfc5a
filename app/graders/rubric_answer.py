"""Reads what a judge says of a rubric's criteria. An answer that leaves any doubt is unparsed, as of the pairwise judge."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.domain.rubric_table import Rubric
from app.graders.canonical import fold
from app.graders.spoken_json import last_object, objects_with, spoken_besides, spoken_json

_WRAPPER = "criteria"


@dataclass(frozen=True, slots=True)
class CriterionAnswer:
    """How far the judge says that a criterion is met, and the words that it quotes for it."""

    met: float
    evidence: str


RubricAnswer = tuple[CriterionAnswer, ...]


def parse_rubric_answer(content: str, rubric: Rubric, shown: Collection[str] = ()) -> RubricAnswer | None:
    """A judge's answer, one element a criterion in the rubric's order; `None` if it is not certain what it says.

    It is the JSON that the whole content is, a code fence and a thought before it aside. Failing that, it is the only JSON
    object with criteria in the text, and only if the text ends with it; one that stands word for word in what the judge was
    shown is a quotation. Each criterion has to be named exactly once, by its number or its own words, with a number from 0
    to 1.

    Args:
        content: What the judge says.
        rubric: What it was asked about.
        shown: The texts that it was shown.
    """
    for before, document in spoken_json(content):
        answer = _answer(document, rubric)
        return answer if answer is None or _agree(answer, before, rubric, shown) else None
    found = last_object(content, _WRAPPER, shown)
    answer = _answer(found[1], rubric) if found is not None else None
    return answer if answer is None or found is None or _agree(answer, found[0], rubric, shown) else None


def _agree(answer: RubricAnswer, before: str, rubric: Rubric, shown: Collection[str]) -> bool:
    """Whether the answers before this one, if there are any that are no thought, say the same of each criterion."""
    others = objects_with(spoken_besides(before), _WRAPPER, shown)
    said = [_answer(document, rubric) for document, _ in others] if others is not None else [None]
    return all(each is not None and [one.met for one in each] == [one.met for one in answer] for each in said)


def _answer(document: Any, rubric: Rubric) -> RubricAnswer | None:
    listed = document.get(_WRAPPER) if isinstance(document, dict) else document
    if not isinstance(listed, list) or len(listed) != len(rubric.criteria):
        return None
    places = _places(rubric)
    found: dict[int, CriterionAnswer] = {}
    for each in listed:
        answer = _criterion(each)
        place = _place(each, places) if answer is not None else None
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
