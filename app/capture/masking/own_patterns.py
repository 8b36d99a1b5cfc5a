"""The operator's own patterns; `app.domain.bounded_patterns` has seen to it that they cannot take long."""

import re
from collections.abc import Iterator

from app.capture.masking.spans import Rule, Span


def own_rule(name: str, pattern: str) -> Rule:
    """A rule that finds what a pattern matches."""
    kind, expression = name.upper(), re.compile(pattern)

    def find(text: str, _: str = "") -> Iterator[Span]:
        for found in expression.finditer(text):
            yield Span(found.start(), found.end(), kind, found[0])

    return find
