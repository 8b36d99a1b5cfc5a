"""Whether a string looks made by a machine to be secret, rather than written by a person to be read."""

import math
import re
from collections import Counter

_PLACEHOLDER = re.compile(
    r"(?:your|my|the|some|an?)?[-_ ]?(?:api|secret|access|auth|private)?[-_ ]?(?:key|token|secret|password|passwd|pwd)?"
    r"[-_ ]?(?:here)?|x{3,}.*|\*{3,}.*|\.{3,}.*|<.*|\$\{?.*|\{.*|%\w+%|your.*|my[-_].*|example.*|placeholder.*|"
    r"change[-_]?me.*|redacted.*|dummy.*|todo.*|none|null|nil|true|false|undefined|required|optional|string|str|test|"
    r"sample|foo.*|bar",
    re.IGNORECASE,
)
_WORDS = re.compile(r"(?:[a-z]+|[A-Z][a-z]+|[A-Z]+)(?:[-_./ ](?:[a-z]+|[A-Z][a-z]+|[A-Z]+|\d{1,2}))*")
_CODE = re.compile(
    r"[A-Za-z_][\w.]*[(\[].*|(?:os|process|env|config|settings|self|this|args|kwargs|request|secrets|System|ENV)[.\[].*"
)
LEAST_PASSWORD, MOST_PASSWORD = 6, 200
_DOTTED, _WORD = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"), re.compile(r"[A-Za-z_]{3,}")
_VARIED = re.compile(r"[0-9]"), re.compile(r"[A-Za-z]"), re.compile(r"[^0-9A-Za-z]")


def bits_per_sign(text: str) -> float:
    """Shannon's entropy of the signs of a text."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def is_placeholder(text: str) -> bool:
    """Whether a value only says that one belongs there, or is code that fetches it."""
    if _PLACEHOLDER.fullmatch(text) or _CODE.fullmatch(text):
        return True
    return bool(_DOTTED.fullmatch(text)) and any(_WORD.fullmatch(part) for part in text.split("."))


def looks_random(text: str, *, least: int = 16, bits: float = 2.8) -> bool:
    """Whether a string is long and varied enough for a key: with digits, and not words that are joined."""
    digit, letter, _ = (kind.search(text) for kind in _VARIED)
    if len(text) < least or not (digit and letter) or is_placeholder(text) or _WORDS.fullmatch(text):
        return False
    return bits_per_sign(text) >= bits


def looks_like_password(text: str) -> bool:
    """Whether a value that is said to be a password could be one, rather than a word of the text."""
    if not LEAST_PASSWORD <= len(text) <= MOST_PASSWORD or is_placeholder(text):
        return False
    digit, letter, other = (kind.search(text) for kind in _VARIED)
    return bool(letter and (digit or (other and not _WORDS.fullmatch(text))))
