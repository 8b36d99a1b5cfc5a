"""Reads what a judge says. An answer that leaves any doubt is unparsed: it is asked for again, never guessed."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.exchange import Json
from app.graders.judge_prompt import FIRST, SECOND, TIE
from app.graders.spoken_json import THOUGHT, THOUGHT_END, after_thoughts, load_strictly, without_fence

PREFERENCES = frozenset({FIRST, SECOND, TIE})
# What is searched for a verdict: a longer answer is no verdict, and searching it takes time.
_MAX_SEARCHED = 20_000
# An object without another one inside, but in its texts; never gone back over, so that no text takes long.
_FLAT = re.compile(r'\{(?:[^{}"]++|"(?:[^"\\]++|\\.)*+")*+\}')
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
    said nothing. An object that stands word for word in what the judge was shown is a quotation and no verdict; only where
    it is all that the judge says, with a short reason, it may be the judge's own.

    Args:
        content: What the judge says.
        shown: The texts that it was shown.
    """
    for before, text in after_thoughts(content):
        try:
            answer = _whole(text, shown, _REPEATED_CHARS if text is content else 0)
        except ValueError:
            continue
        return answer if answer is None or _agree(answer, before, shown) else None
    before, end, last = content.rpartition(THOUGHT_END)
    answer = _last_resort(last, shown)
    return answer if answer is None or not end or _agree(answer, before, shown) else None


def _whole(text: str, shown: Collection[str], repeated_chars: int) -> JudgeAnswer | None:
    """The answer that a text is, unless it repeats what was shown, with at least that long a reason.

    Raises:
        ValueError: If it is no JSON.
    """
    source = without_fence(text.strip())
    answer = _answer(load_strictly(source))
    if answer is not None and len(answer.reasoning.strip()) >= repeated_chars and _is_quoted(source, shown):
        return None
    return answer


def _answer(document: Any) -> JudgeAnswer | None:
    if not isinstance(document, dict):
        return None
    preference, reasoning = document.get("preference"), document.get("reasoning", "")
    if not isinstance(preference, str) or preference not in PREFERENCES:
        return None
    return JudgeAnswer(preference, reasoning if isinstance(reasoning, str) else "")


def _agree(answer: JudgeAnswer, before: str, shown: Collection[str]) -> bool:
    """Whether the verdicts before an answer, if there are any, say the same: a judge can quote the end of a thought.

    What stands between the beginning of a thought and its first end is one for certain, and may say anything.
    """
    text = before.partition(THOUGHT_END)[2] if before.lstrip().startswith(THOUGHT) else before
    text = text[-_MAX_SEARCHED:]
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
    """Each JSON object in a text that holds no other one, where it begins and where it ends."""
    found = _FLAT.search(text)
    while found is not None:
        at = found.end()
        try:
            yield load_strictly(found[0]), found.start(), at
        except ValueError:
            at = found.start() + 1
        found = _FLAT.search(text, at)


def _is_quoted(source: str, shown: Collection[str]) -> bool:
    return any(source in text for text in shown)
