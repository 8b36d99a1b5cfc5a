"""Reads what a judge says. An answer that leaves any doubt is unparsed: it is asked for again, never guessed."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.graders.canonical import refuse_constant
from app.graders.judge_prompt import FIRST, SECOND, TIE

PREFERENCES = frozenset({FIRST, SECOND, TIE})
_FENCES = ("```json", "```JSON", "```")
_THOUGHT, _THOUGHT_END = "<think>", "</think>"
# What is searched for a verdict: a longer answer is no verdict, and searching it takes time.
_MAX_SEARCHED = 20_000
# Nobody gives a reason of this length in the very words of a reply that he judges.
_REPEATED_CHARS = 40


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What a judge prefers, `first`, `second` or `tie`, and why."""

    preference: str
    reasoning: str


def parse_answer(content: str, shown: Collection[str] = ()) -> JudgeAnswer | None:
    """A judge's answer; `None` if it is not certain what it says.

    It is the JSON object that the whole content is, a code fence and a thought before it aside. Failing that, it is the
    only JSON object with a preference in the text, and only if the text ends with it: a judge that gives two verdicts has
    said nothing. An object that stands word for word in what the judge was shown is a quotation and no verdict.

    Args:
        content: What the judge says.
        shown: The texts that it was shown.
    """
    try:
        return _whole(content, shown)
    except ValueError:
        pass
    before, end, last = content.rpartition(_THOUGHT_END)
    try:
        answer = _whole(last, shown) if end else _last_resort(last, shown)
    except ValueError:
        answer = _last_resort(last, shown)
    return answer if answer is None or not end or _agree(answer, _spoken_before(before), shown) else None


def _whole(text: str, shown: Collection[str]) -> JudgeAnswer | None:
    """The answer that a text is; `ValueError` if it is no JSON."""
    source = _without_fence(text.strip())
    answer = _answer(_load(source))
    if answer is not None and len(answer.reasoning.strip()) >= _REPEATED_CHARS and _is_quoted(source, shown):
        return None
    return answer


def _load(source: str) -> Any:
    try:
        return json.loads(source, object_pairs_hook=_unique, parse_constant=refuse_constant)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def _without_fence(text: str) -> str:
    for fence in _FENCES:
        if text.startswith(fence) and text.endswith("```") and len(text) >= len(fence) + 3:
            return text[len(fence) : -3].strip()
    return text


def _answer(document: Any) -> JudgeAnswer | None:
    if not isinstance(document, dict):
        return None
    preference, reasoning = document.get("preference"), document.get("reasoning", "")
    if not isinstance(preference, str) or preference not in PREFERENCES:
        return None
    return JudgeAnswer(preference, reasoning if isinstance(reasoning, str) else "")


def _spoken_before(text: str) -> str:
    """What stands before the last end of a thought and may be no thought: a judge can quote such an end."""
    if text.lstrip().startswith(_THOUGHT):
        text = text.partition(_THOUGHT_END)[2]
    return text[-_MAX_SEARCHED:]


def _agree(answer: JudgeAnswer, text: str, shown: Collection[str]) -> bool:
    """Whether the verdicts in a text, if it holds any of its own, are the answer's."""
    if '"preference"' not in text:
        return True
    verdicts = (document for document, start, end in _objects(text) if not _is_quoted(text[start:end], shown))
    return all(document["preference"] == answer.preference for document in verdicts if "preference" in document)


def _last_resort(text: str, shown: Collection[str]) -> JudgeAnswer | None:
    if len(text) > _MAX_SEARCHED:
        return None
    verdicts = [
        (document, end)
        for document, start, end in _objects(text)
        if "preference" in document and not _is_quoted(text[start:end], shown)
    ]
    if len(verdicts) != 1 or text[verdicts[0][1] :].strip(" \t\r\n`"):
        return None
    return _answer(verdicts[0][0])


def _objects(text: str) -> Iterator[tuple[Json, int, int]]:
    """Each outermost JSON object in a text, where it begins and where it ends."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=refuse_constant)
    at = text.find("{")
    while at >= 0:
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield document, at, end
        at = text.find("{", end)


def _is_quoted(source: str, shown: Collection[str]) -> bool:
    return any(source in text for text in shown)


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """An object; a key that comes twice says two things."""
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return document
