"""Payment cards: 13 to 19 digits of an issuer that exists, with Luhn's check digit (ISO/IEC 7812-1)."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from app.capture.masking.spans import Span

KIND = "CARD"
LEAST_DIGITS, MOST_DIGITS = 13, 19
# Long numbers in code that are right by chance, one in ten.
_SEED = re.compile(r"(?:seed|rng|random)\W{0,6}\Z", re.IGNORECASE)
_RUN = re.compile(r"(?<![0-9A-Za-z_])(?<!\d[.,])\d(?:[\d \u00a0\u202f.-]*\d)?(?![0-9A-Za-z_])")
_DIGITS = re.compile(r"\d+")
_GROUPED = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2), (4, 4, 4, 4, 1), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1)})
_COUNTS = {len(sizes) for sizes in _GROUPED}
GROUP_DIGITS, MOST_GROUPS = 4, 9
_ISSUERS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"6011|64[4-9]|65"), (16, 17, 18, 19)),  # Discover
    (re.compile(r"30[0-5]|3095|3[689]"), (14, 15, 16, 17, 18, 19)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 17, 18, 19)),  # JCB
    (re.compile(r"62|81"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), (13, 14, 15, 16, 17, 18, 19)),  # Maestro
    (re.compile(r"220[0-4]"), (16, 17, 18, 19)),  # Mir
    (re.compile(r"60|508|9792"), (16,)),  # RuPay, Troy
)


def find_cards(text: str, _: str = "") -> Iterator[Span]:
    """Card numbers, in one piece or in groups that are separated all alike."""
    for run in _RUN.finditer(text):
        if _SEED.search(text, max(0, run.start() - 12), run.start()):
            continue
        written = run[0]
        groups = list(_DIGITS.finditer(written))
        first = 0
        while first < len(groups):
            count = _card_at(written, groups, first)
            if count:
                start, end = groups[first].start(), groups[first + count - 1].end()
                number = "".join(group[0] for group in groups[first : first + count])
                yield Span(run.start() + start, run.start() + end, KIND, number)
            first += count or 1


def is_card(digits: str) -> bool:
    """Whether digits are a card's number."""
    is_issued = any(len(digits) in lengths and issuer.match(digits) for issuer, lengths in _ISSUERS)
    return is_issued and len(set(digits)) > 1 and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is Luhn's check digit of the others."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(int(digit) for digit in digits[-1::-2]) + sum(doubled)) % 10 == 0


def _card_at(text: str, groups: Sequence[re.Match[str]], first: int) -> int:
    """How many groups from the first one are a card's number; 0 = none are."""
    counts = {1} if len(groups[first][0]) >= LEAST_DIGITS else _COUNTS if len(groups[first][0]) == GROUP_DIGITS else set()
    if first == 0 and len(groups) <= MOST_GROUPS:
        counts = counts | {len(groups)}
    for count in sorted(counts, reverse=True):
        taken = groups[first : first + count]
        digits = "".join(group[0] for group in taken)
        if LEAST_DIGITS <= len(digits) <= MOST_DIGITS and is_card(digits) and _stands_alone(text, groups, first, taken):
            return len(taken)
    return 0


def _stands_alone(text: str, groups: Sequence[re.Match[str]], first: int, taken: Sequence[re.Match[str]]) -> bool:
    """Whether groups are written as one number: separated alike, and from other digits by a space only."""
    inside = {text[one.end() : other.start()] for one, other in pairwise(taken)}
    if len(inside) > 1 or any(len(separator) > 1 for separator in inside):
        return False
    count = len(taken)
    is_all = count == len(groups)
    sizes = tuple(len(group[0]) for group in taken)
    if count > 1 and sizes not in _GROUPED and not (is_all and min(sizes) > 1 and "." not in inside):
        return False
    before = text[groups[first - 1].end() : groups[first].start()] if first else " "
    last = first + count
    after = text[groups[last - 1].end() : groups[last].start()] if last < len(groups) else " "
    return {before[-1:], after[:1]} <= {" ", "\u00a0"}
