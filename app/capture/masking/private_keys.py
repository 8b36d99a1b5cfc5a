"""Private keys in PEM, whole or cut off, also with line breaks that are written as a backslash and a letter."""

import re
from collections.abc import Iterator

from app.capture.masking.spans import Span

KIND = "KEY"
_BEGIN = re.compile(r"-----BEGIN ((?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?)-----")
_LINES = re.compile(r"(?:\s|\\[nr]|[A-Za-z0-9+/=:,.\"' -]){0,16000}")


def find_private_keys(text: str, _: str = "") -> Iterator[Span]:
    """From the first line to the last, or as far as it looks like a key."""
    after = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < after:
            continue
        closing = f"-----END {begin[1]}-----"
        end = text.find(closing, begin.end(), begin.end() + 32_000)
        if end >= 0:
            after = end + len(closing)
        else:
            body = _LINES.match(text, begin.end())
            after = body.end() if body else begin.end()
        yield Span(begin.start(), after, KIND, text[begin.start() : after])
