"""Puts placeholders in the place of what the rules find, in texts and in JSON.

A placeholder is `[KIND:1f3a]`: four digits of a keyed hash of the value, so that the same value looks the same in the request
and in every reply to it, two values look different, and nobody without the key can try values out.
"""

import hmac
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from app.capture.masking.addresses import find_addresses
from app.capture.masking.cards import KIND as CARD
from app.capture.masking.cards import LEAST_DIGITS, find_cards, is_card
from app.capture.masking.credentials import find_credentials
from app.capture.masking.emails import find_emails
from app.capture.masking.files import KIND as FILE
from app.capture.masking.files import find_files
from app.capture.masking.ibans import find_ibans
from app.capture.masking.jwts import find_jwts
from app.capture.masking.phones import find_phones
from app.capture.masking.private_keys import find_private_keys
from app.capture.masking.spans import Rule, Span
from app.capture.masking.tokens import find_tokens

OWN_RULES: tuple[Rule, ...] = (
    find_files, find_private_keys, find_jwts, find_tokens, find_credentials, find_emails, find_ibans, find_cards,
    find_addresses, find_phones,
)  # fmt: skip
# Nobody needs a key to judge an answer, and servers repeat the one that they refuse.
KEY_RULES: tuple[Rule, ...] = (find_private_keys, find_jwts, find_tokens, find_credentials)
PLACEHOLDER = re.compile(r"\[(?:[A-Z][A-Z0-9_]{0,29}:[0-9a-f]{4}|FILE)\]")
HASH_BYTES = 2
# A placeholder changes what stands beside it, and so what is found there: until nothing more is.
ROUNDS = 6
DEEPEST_TEXT, DEEPEST_VALUE = 8, 200
_PLAIN_KEY = re.compile(r"[a-z_]{1,40}")
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*')
_COLON = re.compile(r"[ \t\r\n]*:")


class Masker:
    """Masks texts.

    Args:
        key: Keys the hashes of placeholders.
        rules: Find values; the longest find wins where they overlap.
    """

    def __init__(self, key: bytes, rules: Sequence[Rule] = OWN_RULES) -> None:
        self._key = key
        self._rules = tuple(rules)

    def placeholder(self, kind: str, value: str) -> str:
        """What stands in a value's place."""
        if kind == FILE:
            return f"[{FILE}]"
        said = hmac.digest(self._key, f"{kind}\n{value}".encode("utf-8", "surrogatepass"), "sha256")
        return f"[{kind}:{said[:HASH_BYTES].hex()}]"

    def text(self, text: str, label: str = "", *, depth: int = 0) -> str:
        """A text without what the rules find; one that is JSON stays JSON.

        Args:
            text: Whatever it is.
            label: The name that it has, such as a key in JSON: it may say what the text is.
            depth: How deep in JSON inside of JSON it stands.
        """
        if depth < DEEPEST_TEXT and _may_be_json(text):
            return self._json_text(text, depth + 1)
        for _ in range(ROUNDS):
            masked = self._once(text, label)
            if masked == text:
                break
            text = masked
        return text

    def value(self, value: Any, label: str = "", *, depth: int = 0) -> Any:
        """A JSON value, masked in its texts, in keys, and in whole numbers that are a card's."""
        if isinstance(value, str):
            return self.text(value, label)
        if depth > DEEPEST_VALUE:
            return f"[{FILE}]"
        if isinstance(value, dict):
            return {self.key(key): self.value(inner, key, depth=depth + 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, label, depth=depth + 1) for inner in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return self.number(str(value)) or value
        return value

    def key(self, key: str) -> str:
        """A key of JSON, masked like a text."""
        return key if _PLAIN_KEY.fullmatch(key) else self.text(key)

    def number(self, digits: str) -> str | None:
        """The placeholder of a number that is a card's; `None` for all others."""
        return self.placeholder(CARD, digits) if len(digits) >= LEAST_DIGITS and digits.isdigit() and is_card(digits) else None

    def _once(self, text: str, label: str) -> str:
        found = [span for rule in self._rules for span in rule(text, label)]
        if not found:
            return text
        there = [Span(each.start(), each.end(), "", "") for each in PLACEHOLDER.finditer(text)]
        parts, place = [], 0
        for span in chosen(found, there):
            parts += [text[place : span.start], self.placeholder(span.kind, span.value)]
            place = span.end
        return "".join([*parts, text[place:]])

    def _json_text(self, text: str, depth: int) -> str:
        """Only the literals change, so that the text keeps its form."""
        parts: list[str] = []
        place, label = 0, ""
        for literal in _LITERAL.finditer(text):
            parts.append(text[place : literal.start()])
            place = literal.end()
            written = literal[0]
            if not written.startswith('"'):
                number = self.number(written)
                parts.append(f'"{number}"' if number else written)
                continue
            said = orjson.loads(written)
            is_key = _COLON.match(text, place) is not None
            masked = self.key(said) if is_key else self.text(said, label, depth=depth)
            label = said if is_key else label
            parts.append(written if masked == said else orjson.dumps(masked).decode())
        return "".join([*parts, text[place:]])


def chosen(found: Iterable[Span], there: Iterable[Span]) -> list[Span]:
    """The spans that are masked: none touches a placeholder, of overlapping ones the longest, in order."""
    taken: list[Span] = list(there)
    chosen: list[Span] = []
    for span in sorted(found, key=lambda each: (each.start - each.end, each.start)):
        place = bisect_left(taken, span)
        is_free = place == 0 or taken[place - 1].end <= span.start
        if is_free and (place == len(taken) or span.end <= taken[place].start):
            taken.insert(place, span)
            chosen.append(span)
    return sorted(chosen)


def _may_be_json(text: str) -> bool:
    if text[:1] not in ("{", "[", '"', " ", "\n", "\t", "\r") or text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True
