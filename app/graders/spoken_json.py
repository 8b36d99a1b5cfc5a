"""JSON in what a model says: the whole of it, what follows its thought, or one object among words."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from app.domain.exchange import Json
from app.graders.canonical import refuse_constant

_FENCES = ("```json", "```JSON", "```")
THOUGHT, THOUGHT_END = "<think>", "</think>"
# A model that quotes more ends of thoughts than this says nothing that one could be certain of.
_MAX_THOUGHTS = 20
# What is searched for an object: a longer text is no answer, and searching it takes time; so does it with more beginnings.
_MAX_SEARCHED, _MAX_BEGINNINGS = 100_000, 20


def spoken_json(content: str) -> Iterator[tuple[str, Any]]:
    """What may be the answer, and what stands before it: all that is said, then what follows each end of a thought."""
    for before, text in after_thoughts(content):
        try:
            yield before, load_strictly(without_fence(text.strip()))
        except ValueError:
            continue


def last_object(content: str, key: str, shown: Collection[str]) -> tuple[str, Json] | None:
    """The only object that begins with that key, if the text ends with it, and what stands before the thought's end.

    Args:
        content: What a model says; an object that stands word for word in what it was shown is a quotation.
        key: The first of the object's keys.
        shown: The texts that it was shown.
    """
    before, _, last = content.rpartition(THOUGHT_END)
    found = None if len(last) > _MAX_SEARCHED else objects_with(last, key, shown)
    if not found or last[found[0][1] :].strip(" \t\r\n`"):  # before a second one there is something
        return None
    return before, found[0][0]


def objects_with(text: str, key: str, shown: Collection[str]) -> list[tuple[Json, int]] | None:
    """Each object in a text that begins with that key and is no quotation, and where it ends; `None` = there are too many."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=refuse_constant)
    found: list[tuple[Json, int]] = []
    end, named = 0, f'"{key}"'
    for _ in range(_MAX_BEGINNINGS):
        at = text.find(named, end)
        start = text.rfind("{", end, at) if at >= 0 else -1
        if at < 0:
            return found
        end = at + len(named)
        if start < 0 or text[start + 1 : at].strip():
            continue
        try:
            document, stop = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        end = stop
        if not any(text[start:stop] in each for each in shown):
            found.append((document, stop))
    return None


def spoken_besides(before: str) -> str:
    """What stands before an answer and may be no thought: a model can quote the end of one.

    What stands between the beginning of a thought and its first end is one for certain, and may say anything.
    """
    text = before.partition(THOUGHT_END)[2] if before.lstrip().startswith(THOUGHT) else before
    return text[-_MAX_SEARCHED:]


def after_thoughts(content: str) -> Iterator[tuple[str, str]]:
    """What may be the answer, and what stands before it: all, then what follows each end of a thought."""
    yield "", content
    at = content.find(THOUGHT_END)
    for _ in range(_MAX_THOUGHTS):
        if at < 0:
            return
        yield content[:at], content[at + len(THOUGHT_END) :]
        at = content.find(THOUGHT_END, at + 1)


def without_fence(text: str) -> str:
    """A text without the code fence that stands around all of it."""
    for fence in _FENCES:
        if text.startswith(fence) and text.endswith("```") and len(text) >= len(fence) + 3:
            return text[len(fence) : -3].strip()
    return text


def load_strictly(source: str) -> Any:
    """JSON as RFC 8259 has it, no key twice in an object; `ValueError` if it is none."""
    try:
        return json.loads(source, object_pairs_hook=_unique, parse_constant=refuse_constant)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    """An object; a key that comes twice says two things."""
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return document
