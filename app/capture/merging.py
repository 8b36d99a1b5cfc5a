"""Two lines with the same id: what the second adds to the first, or where they contradict each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.capture.document import Document, canonical, preference_key
from app.domain.exchange import Json

_SAME_ALWAYS = ("arrived_at", "request")
_REPLY_ITSELF = ("failure", "content", "tool_calls")
_PREFERENCE_ITSELF = ("value", "ungraded", "skipped")


@dataclass(frozen=True, slots=True)
class Merged:
    """The union of two documents; `conflicts` names the fields that contradict each other."""

    document: Document
    has_additions: bool
    conflicts: tuple[str, ...]


def merge_documents(base: Document, other: Document) -> Merged:
    """Adds what `other` has and `base` has not: an arm's reply, a preference, an optional key."""
    conflicts = list(_conflicts(base, other))
    if conflicts:
        return Merged(base, has_additions=False, conflicts=tuple(conflicts))
    union = base | {key: value for key, value in other.items() if key not in base}
    union["replies"] = _union(base["replies"], other["replies"])
    preferences = _union(_by_key(base), _by_key(other))
    if preferences:
        union["preferences"] = [preferences[key] for key in sorted(preferences)]
    return Merged(union, has_additions=canonical(union) != canonical(base), conflicts=())


def _union(base: dict[Any, Json], other: dict[Any, Json]) -> dict[Any, Json]:
    return base | {key: base.get(key, {}) | value for key, value in other.items()}


def _by_key(document: Document) -> dict[tuple[str, ...], Json]:
    return {preference_key(given): given for given in document.get("preferences", ())}


def _conflicts(base: Document, other: Document) -> Iterator[str]:
    nested = ("replies", "preferences")
    yield from _contradictions(_without(base, nested), _without(other, nested), _SAME_ALWAYS, "")
    for arm, reply in other["replies"].items():
        if arm in base["replies"]:
            yield from _contradictions(base["replies"][arm], reply, _REPLY_ITSELF, f"replies.{arm}.")
    there = _by_key(base)
    for key, given in _by_key(other).items():
        if key in there:
            yield from _contradictions(there[key], given, _PREFERENCE_ITSELF, "preferences.")


def _without(document: Document, keys: tuple[str, ...]) -> Document:
    return {key: value for key, value in document.items() if key not in keys}


def _contradictions(base: Json, other: Json, itself: tuple[str, ...], prefix: str) -> Iterator[str]:
    """Keys that differ: those of the thing itself whenever they differ, the others if both have them."""
    for key in {**base, **other}:
        both = key in base and key in other
        if (both or key in itself) and canonical(base.get(key)) != canonical(other.get(key)):
            yield f"{prefix}{key}"
