"""What differs between two texts, word by word."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import NamedTuple

from typing_extensions import override

# Comparing takes the square of it: so many words on each side are compared within some 50 ms.
MOST_WORDS = 2_000
# Words that repeat themselves take the third power: a model that got stuck must not keep a page for minutes.
MOST_STEPS = 3_000_000
_WORD = re.compile(r"\s*\S+|\s+$")


class Run(NamedTuple):
    """Words that stand together; `differs` = only this text has them."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class WordDiff:
    """Both texts in runs.

    Attributes:
        left: Of the first text.
        right: Of the second one.
        is_too_long: A text has more than `MOST_WORDS` words beyond what both begin and end with, or repeats itself too
            often to be compared: nothing is marked.
        is_equal: Both are the same text.
    """

    left: tuple[Run, ...]
    right: tuple[Run, ...]
    is_too_long: bool = False
    is_equal: bool = False


class _TooManySteps(Exception):
    """The texts repeat themselves too often."""


class _Bounded(SequenceMatcher[str]):
    """Gives up after `MOST_STEPS`: a look at a stretch takes one step for each place of each of its words in the other text."""

    def __init__(self, one: list[str], other: list[str]) -> None:
        super().__init__(None, one, other, autojunk=False)
        places = Counter(other)
        self._until = [0, *accumulate(places[word] for word in one)]
        self._steps = 0

    @override
    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        self._steps += self._until[len(self._until) - 1 if ahi is None else ahi] - self._until[alo]
        if self._steps > MOST_STEPS:
            raise _TooManySteps
        return super().find_longest_match(alo, ahi, blo, bhi)


def word_diff(left: str, right: str) -> WordDiff:
    """The words of each text that the other one does not have there."""
    if left == right:
        return WordDiff((Run(left, False),), (Run(right, False),), is_equal=True)
    one, other = _WORD.findall(left), _WORD.findall(right)
    head = _common(one, other)
    tail = _common(one[head:][::-1], other[head:][::-1])
    inner_one, inner_other = one[head : len(one) - tail], other[head : len(other) - tail]
    if max(len(inner_one), len(inner_other)) > MOST_WORDS:
        return WordDiff((Run(left, False),), (Run(right, False),), is_too_long=True)
    matcher = _Bounded([word.strip() for word in inner_one], [word.strip() for word in inner_other])
    try:
        steps = [(tag != "equal", a, b, c, d) for tag, a, b, c, d in matcher.get_opcodes()]
    except _TooManySteps:
        return WordDiff((Run(left, False),), (Run(right, False),), is_too_long=True)
    return WordDiff(
        _runs(one, head, tail, [(differs, a, b) for differs, a, b, _, _ in steps]),
        _runs(other, head, tail, [(differs, c, d) for differs, _, _, c, d in steps]),
    )


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a.strip() != b.strip()), min(len(one), len(other)))


def _runs(words: Sequence[str], head: int, tail: int, steps: Sequence[tuple[bool, int, int]]) -> tuple[Run, ...]:
    marked = [
        (False, 0, head),
        *((differs, a + head, b + head) for differs, a, b in steps),
        (False, len(words) - tail, len(words)),
    ]
    return tuple(_joined((differs, "".join(words[a:b])) for differs, a, b in marked if b > a))


def _joined(parts: Iterator[tuple[bool, str]] | Sequence[tuple[bool, str]]) -> Iterator[Run]:
    """Neighbours of a kind as one run; white space before a marked word stays unmarked."""
    kept: list[tuple[bool, str]] = []
    for differs, text in parts:
        plain = text.lstrip()
        space = text[: len(text) - len(plain)] if differs else ""
        for each in ((False, space), (differs, plain if differs else text)):
            if each[1] and kept and kept[-1][0] == each[0]:
                kept[-1] = (each[0], kept[-1][1] + each[1])
            elif each[1]:
                kept.append(each)
    return (Run(text, differs) for differs, text in kept)
