"""Secrets by what stands before them: headers, addresses with a password, and assignments such as `api_key = …`."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from app.capture.masking.entropy import is_placeholder, looks_like_password, looks_random
from app.capture.masking.spans import Span

KIND = "KEY"
_BEARER = re.compile(r"\b(bearer|token|apikey|basic)[ \t]{1,4}([A-Za-z0-9._~+/=-]{8,8000})", re.IGNORECASE)
_COOKIE = re.compile(r"\bcookie2?[\"']?[ \t]*[:=][ \t]*[\"']?([^\r\n\"']{8,4000})", re.IGNORECASE)
_PAIR = re.compile(r"[\w.-]=[^\s;]{4}")
_USER = re.compile(r"(?<=://)([^\s/@:\"'<>`\[\]]{0,100}):([^\s/@\"'<>`\[\]]{1,200})@(?=[\w\[.-])")
_CURL_USER = re.compile(r"(?<=-u[ =])[\"']?([^\s:\"']{1,64}:([^\s\"']{4,200}))")
_NAME = (
    r"(?:(?:api|access|auth|secret|private|signing|encryption|master|account|storage|deploy|licen[sc]e|subscription|session|"
    r"refresh|id|shared[-_. ]?access|bot|webhook|client|consumer|bearer|security|csrf|xsrf)[-_. ]?(?:access[-_. ]?)?"
    r"(?:key|token|secret|signature)(?:[-_. ]?id)?|connection[-_. ]?string|secret|token|credentials?|authorization|"
    r"(?:j|php)?sess(?:ion)?id|(?<![A-Za-z])sig(?:nature)?)"
)
_SAID_TO_OPEN = (
    r"(?:password|passwd|passwort|kennwort|passphrase|(?<![A-Za-z])(?:pwd|pass)|mot de passe|contrase[ñn]a|senha|парол[ья]|"
    r"密码|密碼|パスワード)"
)
_SIGN = r"(?: provided| given| supplied)?[\"'`\]]{0,2}[ \t]{0,4}(?::=|=>|[:=\uff1a]|\bis\b|\blautet\b|\bes\b|\best\b)[ \t]{0,4}"
_QUOTED = r"\"([^\"\r\n]{4,4000})\"|'([^'\r\n]{4,4000})'|`([^`\r\n]{4,4000})`"
_ASSIGNED = re.compile(
    rf"{_NAME}(?:_[a-z0-9]{{1,20}}){{0,3}}{_SIGN}(?:{_QUOTED}|([^\s\"'`,;<>()\[\]{{}}&|]{{4,4000}}))", re.IGNORECASE
)
_PASSWORD = re.compile(rf"{_SAID_TO_OPEN}{_SIGN}(?:{_QUOTED}|([^\s\"'`,;<>\[\]]{{4,200}}))", re.IGNORECASE)
_SECRET_LABEL, _PASSWORD_LABEL = (
    re.compile(rf"{_NAME}(?:_[a-z0-9]{{1,20}}){{0,3}}\Z", re.IGNORECASE),
    re.compile(rf"{_SAID_TO_OPEN}\Z", re.IGNORECASE),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LAST = ".:!?)]}"
LEAST_SECRET = 12
# The group of a value without quotes.
BARE = 4


def find_credentials(text: str, label: str = "") -> Iterator[Span]:
    """Values that are said to be secret, and look like it."""
    if label:
        yield from _labelled(text, label)
    yield from _headers(text)
    yield from _users(text)
    for found in _ASSIGNED.finditer(text):
        yield from _assigned(found, is_password=False)
    for found in _PASSWORD.finditer(text):
        yield from _assigned(found, is_password=True)


def _labelled(text: str, label: str) -> Iterator[Span]:
    """A whole text whose name says that it is a secret."""
    name = _CAMEL.sub("_", label)
    is_secret = _SECRET_LABEL.search(name) and looks_random(text, least=LEAST_SECRET)
    if " " not in text and (is_secret or (_PASSWORD_LABEL.search(name) and looks_like_password(text))):
        yield Span(0, len(text), KIND, text)


def _users(text: str) -> Iterator[Span]:
    """User and password, in an address of the web and as an argument of a command."""
    if "://" in text:
        for found in _USER.finditer(text):
            if not is_placeholder(found[2]):
                yield Span(found.start(), found.end() - 1, KIND, found[0])
    for found in _CURL_USER.finditer(text):
        if looks_like_password(found[2]):
            yield Span(found.start(1), found.end(1), KIND, found[1])


def _headers(text: str) -> Iterator[Span]:
    for found in _BEARER.finditer(text):
        is_basic = found[1].lower() == "basic"
        if _is_basic(found[2]) if is_basic else looks_random(found[2].rstrip(_LAST)):
            end = found.start(2) + len(found[2].rstrip(_LAST))
            yield Span(found.start(2), end, KIND, text[found.start(2) : end])
    for found in _COOKIE.finditer(text):
        if _PAIR.search(found[1]):
            yield Span(found.start(1), found.start(1) + len(found[1].rstrip()), KIND, found[1].rstrip())


def _is_basic(text: str) -> bool:
    try:
        return b":" in b64decode(text, validate=True)
    except (Error, ValueError):
        return False


def _assigned(found: re.Match[str], *, is_password: bool) -> Iterator[Span]:
    number = found.lastindex or BARE
    value = found[number] if number < BARE else found[number].rstrip(_LAST)
    if is_placeholder(value.rstrip(_LAST)):
        return
    if looks_like_password(value) and " " not in value if is_password else looks_random(value, least=LEAST_SECRET):
        start = found.start(number)
        yield Span(start, start + len(value), KIND, value)
