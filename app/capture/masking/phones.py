"""Telephone numbers: international (E.164), and national ones by how they are written or by the words before them."""

import re
from collections.abc import Iterator

from app.capture.masking.phone_words import LOOK_BACK, says_other, says_phone
from app.capture.masking.spans import Span

KIND = "PHONE"
LEAST_DIGITS, MOST_DIGITS = 7, 15
LOOK_AHEAD = 12
# With the country's code, with and without gaps; without it, with the leading zero.
LEAST_WORLDWIDE, LEAST_WORLDWIDE_IN_ONE, LEAST_NATIONAL, MOST_NATIONAL = 8, 9, 9, 13
AMERICAN_DIGITS = 11
_SIGNS = r"\d ()./\-\u00a0\u202f\u2010\u2011"
_RUN = re.compile(rf"(?<![0-9A-Za-z_+])(?:[+\uff0b][ ]?\(?|\([+\uff0b]?)?\d(?:[{_SIGNS}]*\d)?")
_EXTENSION = re.compile(
    r"[ ]?(?:,[ ]?)?(?:ext(?:ension)?\.?|x|durchwahl|dw\.?|poste|anexo|ramal|int\.|#)[ :]{0,2}\d{1,6}(?!\d)", re.IGNORECASE
)
_PART_BEFORE, _PART_AFTER = re.compile(r"[0-9A-Za-z_%][-./_+&?@]$|\d:$|[$€£¥]$"), re.compile(r"[A-Za-z_@%]|[-/][A-Za-z0-9]")
_FRACTION = re.compile(r"[.,:]\d")
_UNIT = re.compile(
    r"[ ]?(?:[$€£¥₫₹%°]|(?:eur|usd|gbp|inr|idr|vnd|jpy|chf|km|kg|mb|gb|tb|ms|px|pt|points?|people|users|views|requests?|tokens|"
    r"rows|million|mio|mrd|billion)\b)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[./-](?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|[12]\d|3[01])[./-](?:19|20)?\d\d|"
    r"(?:0?[1-9]|1[0-2])/(?:19|20)\d\d|(?:19|20)\d\d-(?:19|20)\d\d)(?![./-]?\d)"
)
_DECIMAL = re.compile(r"(?:[+\uff0b][ ]?)?(?:\d*\.\d+|\d{1,3}(?:\.\d{3})+)")
_COUNTRY = re.compile(
    r"1|7|2[07]|2[1-689]\d|3[0-469]|3[578]\d|4[013-9]|42\d|5[1-8]|5[09]\d|6[0-6]|6[7-9]\d|8[1246]|8[0578]\d|9[0-58]|9[679]\d"
)
# As written, in full.
_NATIONAL = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:1[ .-]?)?\([2-9]\d\d\)[ .-]?\d{3}[ .-]?\d{4}",  # North America
        r"(?:1[.-])?[1-9]\d\d([.-])\d{3}\1\d{4}|(?:1 )?[2-9]\d\d[ /]\d{3}[ -]\d{4}",
        r"\((?!19|20)0?\d{2,5}\)[ /-]{0,3}\d{3,5}[ .-]?\d{3,5}(?:[ -]\d{2,4})?",  # an area code in parentheses
        r"8[ (-]{1,2}\d{3}[) -]{1,2}\d{3}[ -]\d{2}[ -]\d{2}",  # Russia
        r"[6-9]\d{4}[ -]\d{5}",  # India
        r"1[3-9]\d[ -]\d{4}[ -]\d{4}",  # China
        r"[1-9]\d 9\d{4}-\d{4}",  # Brazil
        r"01[567]\d{8,9}|07[1-9]\d{8}|0[67]\d{8}|04\d{8}|0[789]0\d{8}",  # mobiles in one piece: DE, UK, FR, AU, JP
    )
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?(?:(?:[ ]?[/-][ ]?|[ .\u00a0])\(?\d{2,8}\)?){1,5}")
_STRONG = re.compile(r"(?<![\d.-])(?:1[-. ])?(?:\(\d{3}\)[ ]?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d.-]*\d)")
_PLUS = re.compile(r"\(?[+\uff0b]")
_QUAD = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_GROUPS = re.compile(r"\d+")


def find_phones(text: str, label: str = "") -> Iterator[Span]:
    """Telephone numbers, with their extensions."""
    for run in _RUN.finditer(text):
        found = list(_numbers(text, run, label)) if len(run[0]) >= LEAST_DIGITS else []
        for start, end in found:
            extension = _EXTENSION.match(text, end)
            yield Span(start, extension.end() if extension else end, KIND, _one_form(text[start:end]))


def _numbers(text: str, run: re.Match[str], label: str) -> Iterator[tuple[int, int]]:
    """The whole run, or else the numbers in it that cannot be anything else."""
    written = run[0][1:] if run[0][0] == "(" and ")" not in run[0] else run[0]
    start = run.end() - len(written)
    before, after = _before(text, start, label), text[run.end() : run.end() + LOOK_AHEAD]
    if _is_part(before, written, after):
        return
    if is_phone(written, before, after):
        yield start, run.end()
    elif not says_other(before):
        yield from ((start + found.start(), start + found.end()) for found in _STRONG.finditer(written))


def is_phone(written: str, before: str, after: str) -> bool:
    """Whether a run of digits and signs is one telephone number.

    Args:
        written: As it stands in the text.
        before: What stands before it, with the name that the text has.
        after: What stands behind it.
    """
    digits = "".join(_GROUPS.findall(written))
    if not LEAST_DIGITS <= len(digits) <= MOST_DIGITS or written.count("(") != written.count(")"):
        return False
    if _DATE.search(written) or _QUAD.fullmatch(written) or "//" in written:
        return False
    if _PLUS.match(written):
        return _is_international(written, digits)
    if _UNIT.match(after):
        return False
    if says_phone(before):
        return not _DECIMAL.fullmatch(written)
    return not says_other(before) and _is_national(written, digits)


def _is_international(written: str, digits: str) -> bool:
    least = LEAST_WORLDWIDE if len(_GROUPS.findall(written)) > 1 else LEAST_WORLDWIDE_IN_ONE
    if len(digits) < least or not _COUNTRY.match(digits) or (digits[0] == "1" and len(digits) != AMERICAN_DIGITS):
        return False
    return not (_DECIMAL.fullmatch(written) and len(digits) < AMERICAN_DIGITS)


def _is_national(written: str, digits: str) -> bool:
    if written.startswith("00"):
        return _is_international(written[2:], digits[2:]) and len(digits) > AMERICAN_DIGITS
    if not LEAST_NATIONAL <= len(digits) <= MOST_NATIONAL:
        return False
    return any(pattern.fullmatch(written) for pattern in _NATIONAL) or bool(_TRUNK.fullmatch(written))


def _before(text: str, start: int, label: str) -> str:
    before = text[max(0, start - LOOK_BACK) : start]
    return f"{label}: {before}" if label and len(before) < LOOK_BACK else before


def _is_part(before: str, written: str, after: str) -> bool:
    """Whether the digits belong to something longer, such as a path, a key or a decimal number."""
    if _PART_BEFORE.search(before) or (_PART_AFTER.match(after) and not _EXTENSION.match(after)):
        return True
    is_plain = written.isdigit() or _DECIMAL.fullmatch(written) is not None
    return is_plain and _FRACTION.match(after) is not None


def _one_form(written: str) -> str:
    """The digits, so that the same number written otherwise is the same one."""
    digits = "".join(_GROUPS.findall(written))
    return digits[2:] if digits.startswith("00") else digits
