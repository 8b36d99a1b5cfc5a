"""Reads the corpus: texts, and where in them a value is planted."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.unit.masking.made_secrets import made_secret

FILE = Path(__file__).with_name("corpus.toml")
CONTEXTS_A_VALUE = 3
_SECRET = re.compile(r"\{([a-z]+(?:\.[a-z]+)?)\}")
_MARKED = re.compile("«(.*?)»", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and the (start, end) of each value that is planted in it; none = only looks like one."""

    kind: str
    text: str
    planted: tuple[tuple[int, int], ...]


def cases() -> Iterator[Case]:
    """All of the corpus."""
    document = tomllib.loads(FILE.read_text())
    contexts = document.pop("contexts")
    for kind, table in document.items():
        for number, value in enumerate(table["values"]):
            for turn in range(CONTEXTS_A_VALUE):
                context = contexts[(number * CONTEXTS_A_VALUE + turn) % len(contexts)]
                yield _case(kind, context.replace("@@", f"«{value}»"))
        yield from (_case(kind, text) for text in table["planted"])
        yield from (_case(kind, text) for text in table["near_misses"])


def _case(kind: str, marked: str) -> Case:
    if kind == "KEY":
        marked = _SECRET.sub(lambda found: made_secret(found[1]), marked)
    parts, planted, place, length = [], [], 0, 0
    for found in _MARKED.finditer(marked):
        parts += [marked[place : found.start()], found[1]]
        start = length + found.start() - place
        planted.append((start, start + len(found[1])))
        length, place = start + len(found[1]), found.end()
    return Case(kind, "".join([*parts, marked[place:]]), tuple(planted))
