"""International bank account numbers: country, its length, and the remainder of 97 (ISO 13616)."""

import re
from collections.abc import Iterator

from app.capture.masking.spans import Span

KIND = "IBAN"
# The registry of SWIFT, release 99.
_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK FK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ XK LT LU MN", 21: "HR LV LI CH",
    22: "BH BG CR GE DE IE ME RS GB VA", 23: "TL GI IQ IL OM SO AE", 24: "AD CZ MD PK RO SA SK ES SE TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MR MC SM", 28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
LENGTH_OF = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}
_START = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[ ]?\d{2}(?=[ \u00a0-]?[A-Za-z0-9])")
_SIGN = re.compile(r"[ \u00a0-]?[A-Za-z0-9]")
_GOES_ON = re.compile(r"[A-Za-z0-9]")


def find_ibans(text: str, _: str = "") -> Iterator[Span]:
    """Account numbers, in one piece or in groups."""
    for start in _START.finditer(text):
        length = LENGTH_OF.get(start[0][:2].upper())
        end = _end(text, start.start(), length) if length else None
        if end is None:
            continue
        number = re.sub(r"[^A-Za-z0-9]", "", text[start.start() : end]).upper()
        if has_remainder_one(number):
            yield Span(start.start(), end, KIND, number)


def has_remainder_one(number: str) -> bool:
    """Whether the check digits are right: country and check digits last, letters as 10 to 35, modulo 97."""
    turned = number[4:] + number[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _end(text: str, start: int, length: int) -> int | None:
    """Where a number of so many letters and digits ends; `None` if the text goes on without a break."""
    place = start
    for _ in range(length):
        sign = _SIGN.match(text, place)
        if sign is None:
            return None
        place = sign.end()
    return None if _GOES_ON.match(text, place) else place
