"""E-mail addresses: RFC 5321 and 6531 as far as people write them, with Unicode letters, subaddresses and `%40`."""

import re
from collections.abc import Iterator

from app.capture.masking.spans import Span

KIND = "EMAIL"
LOCAL_CHARS, DOMAIN_CHARS = 64, 253
_AT = re.compile(r"@|%40|&#64;|\uff20", re.IGNORECASE)
# Matched on the reversed text before the sign.
_LOCAL = re.compile(r"(?:[\w!#$&'*+/=?^`{|}~%-]|\.(?=[\w!#$&'*+/=?^`{|}~%-])){1,64}")
_QUOTED = re.compile(r'"[^"\\\r\n]{1,62}"')
_LABEL = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}"
_TOP = r"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,63}(?![A-Za-z0-9])|[^\W\d_A-Za-z]{2,63})"
_DOMAIN = re.compile(_LABEL + _TOP)
# Scripts without spaces between words: what stands before an address there is not part of it.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
# Signs that may stand in an address by the letter, and in a text are what the address stands in.
_NOT_FIRST = "/=?'`{|}&*#!$^~-%"
_NO_TOP = re.compile(
    r"png|jpe?g|gif|svg|webp|bmp|ico|css|m?js|[jt]sx|json|html?|xml|txt|log|ya?ml|exe|dll|pdf|csv|toml|lock", re.IGNORECASE
)
# Before the host of an address of the web stands a user, with a password that is another rule's.
_OF_WEB = re.compile(r"://(?:[^\s/@]{0,100}:)?\Z")
_REPOSITORIES = frozenset({"git", "hg", "svn"})


def find_emails(text: str, _: str = "") -> Iterator[Span]:
    """Addresses with a domain that has a top level; `user@host` is none."""
    after = 0
    for sign in _AT.finditer(text):
        domain = _DOMAIN.match(text, sign.end(), min(len(text), sign.end() + DOMAIN_CHARS))
        start = _start(text, sign.start(), after)
        if domain is None or start is None or _is_none(text, start, text[start : sign.start()], domain):
            continue
        after = domain.end()
        value = f"{text[start : sign.start()]}@{domain[0]}".casefold()
        yield Span(start, domain.end(), KIND, value.replace("%2b", "+"))


def _start(text: str, at: int, after: int) -> int | None:
    """Where the part before the sign begins; `None` if there is none."""
    before = text[max(after, at - LOCAL_CHARS) : at][::-1]
    quoted = _QUOTED.match(before)
    if quoted:
        return at - quoted.end()
    local = _LOCAL.match(before)
    if local is None:
        return None
    found = local[0][::-1].lstrip(_NOT_FIRST)
    for sign in "=&?/":  # in an address of the web they separate parameters
        found = found.rpartition(sign)[2]
    if found and found[-1].isascii():
        found = _UNSPACED.split(found)[-1]
    return at - len(found) if found else None


def _is_none(text: str, start: int, local: str, domain: re.Match[str]) -> bool:
    """Code and file names that only look like addresses."""
    rest = text[domain.end() : domain.end() + 1]
    return (
        _NO_TOP.fullmatch(domain[0].rpartition(".")[2]) is not None
        or rest == "("
        or (rest in (":", "/") and local in _REPOSITORIES)
        or not any(sign.isalnum() for sign in local)
        or (text[start - 1 : start] in (":", "/") and _OF_WEB.search(text, max(0, start - 104), start) is not None)
    )
