"""Files inside of a text: data URLs, and long base64 that stands alone. Nobody looks into them, so all of it goes."""

import re
from collections.abc import Iterator

from app.capture.masking.spans import Span

KIND = "FILE"
LEAST_BASE64 = 256
_DATA_URL = re.compile(
    r"data:[A-Za-z0-9.+-]{0,100}(?:/[A-Za-z0-9.+-]{1,100})?(?:;[A-Za-z0-9.=_-]{1,60}){0,5},(?:[A-Za-z0-9+/=_%-]{16,}+)"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{256,}={0,2}")
_VARIED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])")


def find_files(text: str, _: str = "") -> Iterator[Span]:
    """Data URLs wherever they stand; base64 only as a whole text."""
    if "data:" in text:
        for found in _DATA_URL.finditer(text):
            yield Span(found.start(), found.end(), KIND, "")
    if len(text) >= LEAST_BASE64 and _BASE64.fullmatch(text) and _VARIED.match(text):
        yield Span(0, len(text), KIND, "")
