"""Check `repetition`: a reply that runs in a loop, as models do that have lost their thread.

Three signs, each of them strict, since tables, lists and refrains repeat themselves too: the reply's end is one short piece
again and again; a phrase follows itself many times; or one long line makes up much of the text. Pieces without a letter
(numbers, rules of dashes) never count. The latter two are looked for in prose only, not in code, JSON and tables.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from app.domain.exchange import Json, Reply
from app.graders.checks.asked import has_content
from app.graders.checks.prose import is_json, without_code

NAME, VERSION = "repetition", "1"
# Of a longer reply its beginning and its end are looked at.
MAX_CHARS = 20_000
TAIL_CHARS, TAIL_PERIOD, END_CHARS = 600, 120, 20
LEAST_TIMES, LEAST_WORDS, LONGEST_PHRASE = 5, 40, 40
LINE_CHARS, LINE_TIMES, LINE_SHARE = 20, 8, 1 / 3
_LETTER = re.compile(r"[^\W\d_]")
_TABLE_LINE = re.compile(r"^\s{0,20}[|+]")


def applies(request: Json, reply: Reply) -> bool:  # noqa: ARG001 - every check is asked the same way
    """To replies that say something."""
    return has_content(reply)


def find(request: Json, reply: Reply) -> str | None:  # noqa: ARG001
    """What is said again and again."""
    content = reply.content or ""
    piece = looping_end(content)
    if piece is None and not is_json(content):
        lines = without_code(content[:MAX_CHARS]).splitlines()
        prose = "\n".join(line for line in lines if not _TABLE_LINE.match(line))
        piece = repeated_phrase(prose.split()) or repeated_line(prose)
    return None if piece is None else f"again and again: {' '.join(piece.split())[:80]}"


def looping_end(content: str) -> str | None:
    """The short piece that the last 600 characters consist of."""
    tail = content[-4 * TAIL_CHARS :].rstrip()[-TAIL_CHARS:]
    if len(tail) < TAIL_CHARS:
        return None
    # The last characters stand once more a period before: most texts are done with here.
    before = tail.rfind(tail[-END_CHARS:], 0, -1)
    nearest = TAIL_CHARS - END_CHARS - before
    if before < 0 or nearest > TAIL_PERIOD:
        return None
    period = next((n for n in range(nearest, TAIL_PERIOD + 1) if tail[n:] == tail[:-n]), None)
    return tail[-period:] if period is not None and _LETTER.search(tail[-period:]) else None


def repeated_phrase(words: Sequence[str]) -> str | None:
    """A phrase of up to 40 words that follows itself at least five times, over at least 40 words."""
    if len(words) < LEAST_WORDS or not _may_loop(words):
        return None
    names: dict[str, int] = {}
    numbers = np.array([names.setdefault(word, len(names)) for word in words])
    for period in range(1, min(LONGEST_PHRASE, len(words) // LEAST_TIMES) + 1):
        end, run = _longest_run(numbers[period:] == numbers[:-period])
        phrase = " ".join(words[end : end + period])
        if run >= max((LEAST_TIMES - 1) * period, LEAST_WORDS - period) and _LETTER.search(phrase):
            return phrase
    return None


def repeated_line(prose: str) -> str | None:
    """A line of some length that comes at least eight times and makes up a third of all lines."""
    lines = [line.strip() for line in prose.splitlines() if line.strip()]
    long = Counter(line for line in lines if len(line) >= LINE_CHARS and _LETTER.search(line))
    line, times = max(long.items(), key=lambda item: item[1], default=("", 0))
    return line if times >= LINE_TIMES and times >= LINE_SHARE * len(lines) else None


def _may_loop(words: Sequence[str]) -> bool:
    """Whether as many groups of three words come again as in the shortest loop: most texts are done with here."""
    groups = len(words) - 2
    return groups - len(set(zip(words, words[1:], words[2:], strict=False))) >= LEAST_WORDS - 2 - LEAST_WORDS // LEAST_TIMES


def _longest_run(same: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Where the longest run of trues ends (the first place after it), and its length."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return int(ends[longest]), int(ends[longest] - starts[longest])
