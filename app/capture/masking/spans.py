"""What a rule finds in a text."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias


class Span(NamedTuple):
    """A value in a text.

    Attributes:
        kind: What it is: the placeholder's word.
        value: The value in one form, however it is written: equal values get equal placeholders.
    """

    start: int
    end: int
    kind: str
    value: str


Rule: TypeAlias = Callable[[str, str], Iterable[Span]]
"""Finds values in a text; the second argument is the name that the text has, `""` if none."""
