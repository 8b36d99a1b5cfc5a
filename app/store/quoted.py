"""Words inside a pair's facts that may quote a reply: sealed where facts are stored, opened where somebody reads them."""

from collections.abc import Callable, Mapping
from typing import Any

from app.store.text_format import WORDS_MARK, TextCipher
from app.store.texts import SessionTexts

# What checks say of a reply: a schema's message holds the value that it refuses.
QUOTING = frozenset({"violations", "unusable", "message"})


def quotes(facts: Mapping[str, Any]) -> bool:
    """Whether any of it may quote."""
    return not QUOTING.isdisjoint(facts)


def sealed_facts(cipher: TextCipher | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they are stored; without a cipher (the pilot's texts were shredded) what may quote is left out."""
    if cipher is None:
        return {name: value for name, value in facts.items() if name not in QUOTING}
    return _changed(facts, lambda words: words if words.startswith(WORDS_MARK) else cipher.seal_words(words))


def opened_facts(texts: SessionTexts, pilot_id: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they were found; words that were shredded are empty."""
    return _changed(facts, lambda words: texts.open_words(pilot_id, words) or "")


def _changed(facts: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    return {name: _words(value, change) if name in QUOTING else value for name, value in facts.items()}


def _words(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_words(each, change) for each in value]
    if isinstance(value, dict):
        return {name: _words(each, change) for name, each in value.items()}
    return value
