"""JSON Web Tokens: told by a header that decodes to JSON (RFC 7519)."""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Iterator

import orjson

from app.capture.masking.spans import Span

KIND = "KEY"
# `eyJ` is how `{"` begins in base64.
_SHAPE = re.compile(r"(?<![0-9A-Za-z_-])(eyJ[A-Za-z0-9_-]{5,2000})\.[A-Za-z0-9_-]{2,16000}(?:\.[A-Za-z0-9_-]{0,16000}){0,3}")


def find_jwts(text: str, _: str = "") -> Iterator[Span]:
    """Signed, encrypted and unsigned tokens."""
    for found in _SHAPE.finditer(text) if "eyJ" in text else ():
        if _is_header(found[1]):
            yield Span(found.start(), found.end(), KIND, found[0])


def _is_header(part: str) -> bool:
    try:
        header = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (Error, ValueError):
        return False
    return isinstance(header, dict) and ("alg" in header or "typ" in header)
