"""Regular expressions that cannot run away: whoever writes one, and whatever text it meets.

Python's engine backtracks. What it may try from one place of a text is at most the product of the choices that the pattern
leaves open, so every repeat needs an upper bound, none may stand inside another one, and the product is limited.
"""

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

MAX_CHOICES = 1000
MAX_WIDTH = 1000
# The standard library's own reading of a pattern; it has no public name.
_PARSER = import_module("re._parser")
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
# Where in a group's value its inside stands, and its alternatives.
_INNER: dict[str, Callable[[Any], Any]] = {
    "SUBPATTERN": lambda value: value[3],
    "ASSERT": lambda value: value[1],
    "ASSERT_NOT": lambda value: value[1],
    "ATOMIC_GROUP": lambda value: value,
}
_BRANCHES: dict[str, Callable[[Any], Any]] = {
    "BRANCH": lambda value: value[1],
    "GROUPREF_EXISTS": lambda value: [branch for branch in value[1:] if branch],
}
_ENDLESS = int(import_module("re._constants").MAXREPEAT)


class UnboundedPattern(ValueError):
    """Why a pattern is refused."""


def bounded_pattern(text: str) -> str:
    """The pattern, if it is one and bounded.

    Raises:
        UnboundedPattern: It is no regular expression, matches the empty text or could take long.
    """
    try:
        tree = _PARSER.parse(text)
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        message = f"must be a regular expression: {error}"
        raise UnboundedPattern(message) from None
    choices = _choices(tree)
    if compiled.match("") or tree.getwidth()[0] == 0:
        message = "must not match the empty text"
        raise UnboundedPattern(message)
    if choices > MAX_CHOICES or tree.getwidth()[1] > MAX_WIDTH:
        message = (
            f"leaves too much open: matches of at most {MAX_WIDTH} characters, {MAX_CHOICES} ways to match; lower its bounds"
        )
        raise UnboundedPattern(message)
    return text


def _choices(items: Iterable[tuple[Any, Any]]) -> int:
    """In how many ways a sequence may be matched, at most."""
    product = 1
    for kind, value in items:
        product = min(product * _item(str(kind), value), MAX_CHOICES + 1)
    return product


def _item(kind: str, value: Any) -> int:
    if kind in _REPEATS:
        return _repeat(*value)
    if kind in _INNER:
        return _choices(_INNER[kind](value))
    if kind in _BRANCHES:
        return sum(_choices(branch) for branch in _BRANCHES[kind](value))
    return 1


def _repeat(least: int, most: int, inner: Any) -> int:
    if most >= _ENDLESS:
        message = "needs an upper bound for every repeat: write {1,40} instead of +, {0,40} instead of *"
        raise UnboundedPattern(message)
    if most > 1 and _choices(inner) > 1:
        message = "repeats something that itself matches in several ways: no repeat or alternative inside of a repeat"
        raise UnboundedPattern(message)
    return (most - least + 1) * _choices(inner)
