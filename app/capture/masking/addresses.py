"""Addresses of the Internet: IPv4 and IPv6, told from versions, section numbers, prices, times and code."""

import ipaddress
import re
from collections.abc import Iterator

from app.capture.masking.spans import Span

KIND = "IP"
LOOK_BACK = 24
HIGHEST_OCTET, HIGHEST_SECTION = 255, 30
PRIVATE_OCTET = 10
COLONS_OF_V6 = 7
_OCTET = r"(?:0|[1-9]\d{0,2})"
_V4 = re.compile(rf"(?<![0-9A-Za-z.])(?:{_OCTET}\.){{3}}{_OCTET}(?![0-9A-Za-z]|\.\d)")
_V6 = re.compile(
    r"(?<![0-9A-Za-z_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?![0-9A-Za-z:]|\.\d)"
)
_VERSION_BEFORE = re.compile(
    r"(?:version_{0,2}[\"']?[ ]?[:=]{1,2}[ ]?[\"']?|"
    r"\b(?:v|ver|vers|version|versionsnummer|release(?: id)?|rev|revision|build|firmware|fw|driver|sdk|patch|"
    r"(?:up|down)graded? to|updated? to|section|sec|chapter|clause|article|paragraph|figure|fig|step|abschnitt|kapitel|ziffer|"
    r"absatz|artikel|nr\.|no\.|oid|ios|chrome|python|java|dotnet)[.:=]?[ \t]*[\"'(]?|§+[ ]*|~>[ ]?|[~^])$",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"(\w*)[\"']?[ ]?[=<>~!]=[ ]?[\"']?$")
_NAMES_HOST = re.compile(r"(?:\w*_)?ip|\w*(?:addr|host|src|dst|server|gateway|client|remote|peer)\w*", re.IGNORECASE)
_PRODUCT = re.compile(r"\w/$")
_PORT = re.compile(r":\d")
_PRERELEASE = re.compile(
    r"-(?:alpha|beta|rc|dev|pre|snapshot|release|final|ga|nightly|post|hotfix|build|\d+ubuntu)", re.IGNORECASE
)
_PACKAGE = re.compile(r"\w[-_]$")
_ARCHIVE = re.compile(r"\.[A-Za-z]{1,5}\d?(?!\w)")
_HEADING = re.compile(r"(?:\A|\n)[ \t]*(#+[ \t]+)?$")
_TITLE = re.compile(r"\.?[ \t]+[^\W\d_a-z]")
_PRICE_BEFORE, _PRICE = (
    re.compile(r"[$€£¥][ ]?$|(?:EUR|USD|IDR|VND|Rp\.?)[ ]?$"),
    re.compile(r"[ ]?(?:[$€£¥₫]|(?:EUR|USD|IDR|VND)\b)"),
)
_SLICE = re.compile(r"[\w)\]]\[$")
# Unicast that is handed out, link local, unique local, multicast; and IPv4 inside of IPv6.
_V6_NETWORKS = tuple(
    ipaddress.ip_network(each) for each in ("2000::/3", "fe80::/10", "fc00::/7", "ff00::/8", "::ffff:0:0/96", "64:ff9b::/96")
)
_V6_BEGINNING = re.compile(r"[0-9a-f]{4}:|::ffff:|64:ff9b:", re.IGNORECASE)
_LOOPBACK = ipaddress.ip_address("::1")


def find_addresses(text: str, _: str = "") -> Iterator[Span]:
    """Addresses of either version."""
    for found in _V4.finditer(text):
        octets = [int(part) for part in found[0].split(".")]
        if max(octets) <= HIGHEST_OCTET and not _is_none(text, found, octets):
            yield Span(found.start(), found.end(), KIND, found[0])
    if "::" in text or text.count(":") >= COLONS_OF_V6:
        for found in _V6.finditer(text):
            address = _v6(found[0])
            if address is not None and not _SLICE.search(text, max(0, found.start() - 2), found.start()):
                yield Span(found.start(), found.end(), KIND, address)


def _is_none(text: str, found: re.Match[str], octets: list[int]) -> bool:
    """Whether four numbers are a version, a section's number or a price."""
    before, end = text[max(0, found.start() - LOOK_BACK) : found.start()], found.end()
    compared = _COMPARED.search(before)
    return bool(
        _VERSION_BEFORE.search(before)
        or (compared and not _NAMES_HOST.fullmatch(compared[1]))
        or (_PRODUCT.search(before) and not _PORT.match(text, end))
        or _PRERELEASE.match(text, end)
        or (_PACKAGE.search(before) and _ARCHIVE.match(text, end))
        or _PRICE_BEFORE.search(before)
        or _PRICE.match(text, end)
        or _is_section(before, text, end, octets)
    )


def _is_section(before: str, text: str, end: int, octets: list[int]) -> bool:
    """A number at the beginning of a line, with a title behind it."""
    heading = _HEADING.search(before)
    if heading is None:
        return False
    if heading[1]:
        return True
    return (
        max(octets) < HIGHEST_SECTION and octets[0] != PRIVATE_OCTET and len(set(octets)) > 1 and bool(_TITLE.match(text, end))
    )


def _v6(written: str) -> str | None:
    """An address in one form; `a::b` is a name in code, so the first part must be one that is handed out, in full."""
    try:
        address = ipaddress.IPv6Address(written)
    except ValueError:
        return None
    if address == _LOOPBACK:
        return str(address)
    is_used = any(address in network for network in _V6_NETWORKS)
    return str(address) if is_used and _V6_BEGINNING.match(written) else None
