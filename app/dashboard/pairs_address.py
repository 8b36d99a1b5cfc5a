"""A list of pairs as an address: every filter is in it, so that it can be sent to a colleague."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from app.domain.pair_query import Cursor, PairOutcome, PairQuery, PairSort, TextPlace
from app.errors import InvalidInput, Problem

LONGEST_TEXT = 200
LARGEST = 2**31 - 1
MOST_DAYS = 1000
LARGEST_ID = 2**63 - 1
# Names in the address, and where they stand in a query.
NAMES = {
    "candidate": "candidate", "segment": "segment", "decided": "decided_by", "outcome": "outcome", "turn": "turn", "day": "day",
    "least": "least_chars", "most": "most_chars", "text": "text", "in": "text_in", "exchange": "exchange", "sort": "sort",
    "seed": "seed",
}  # fmt: skip
_WORDS = ("candidate", "segment", "decided", "text", "exchange")
_NUMBERS = ("turn", "day", "least", "most", "seed")
Chosen = TypeVar("Chosen", bound=StrEnum)


def read_query(given: Mapping[str, str]) -> PairQuery:
    """What an address asks for; what is empty asks for nothing.

    Raises:
        InvalidInput: A value is none of those that are allowed; it is named, and so are they.
    """
    words = {NAMES[name]: _word(name, given.get(name, "")) for name in _WORDS}
    numbers = {NAMES[name]: _number(name, given.get(name, "")) for name in _NUMBERS}
    seed = numbers.pop("seed")
    return PairQuery(
        **words,  # type: ignore[arg-type]
        **numbers,  # type: ignore[arg-type]
        seed=seed or 0,
        outcome=_chosen(PairOutcome, "outcome", given.get("outcome", "")),
        text_in=_chosen(TextPlace, "in", given.get("in", "")) or TextPlace.ANYWHERE,
        sort=_chosen(PairSort, "sort", given.get("sort", "")) or PairSort.NEWEST,
    )


def write_query(query: PairQuery, **more: str | int | None) -> str:
    """The part of an address behind `?` that asks for it; "" = for all. `more` are fields beside it; `None` = left out."""
    plain = PairQuery()
    fields = {name: getattr(query, field) for name, field in NAMES.items() if getattr(query, field) != getattr(plain, field)}
    if query.sort is PairSort.RANDOM:
        fields["seed"] = query.seed
    return urlencode(fields | {name: value for name, value in more.items() if value is not None})


def write_cursor(cursor: Cursor) -> str:
    """A place in a list, for an address."""
    place = cursor.place.isoformat() if isinstance(cursor.place, datetime) else repr(cursor.place)
    return f"{place}~{cursor.exchange_id}~{cursor.arm_id}"


def read_cursor(text: str, sort: PairSort) -> Cursor | None:
    """Back from that; `None` of nothing.

    Raises:
        InvalidInput: It is no place of a list in this order.
    """
    if not text:
        return None
    try:
        place, exchange, arm = text.split("~")
        read = Cursor(_place(place, sort), int(exchange), int(arm))
    except ValueError:
        read = None
    if read is None or not _is_place(read):
        message = f"after: {text[:80]!r} is no place in a list sorted by {sort.value}; follow a link of the list instead"
        raise InvalidInput(message, (Problem(message, field="after"),))
    return read


def _place(text: str, sort: PairSort) -> datetime | float | int:
    if sort is PairSort.NEWEST:
        return datetime.fromisoformat(text)
    return float(text) if sort in (PairSort.WORST, PairSort.BEST) else int(text)


def _is_place(cursor: Cursor) -> bool:
    place = cursor.place
    is_known = place.tzinfo is not None if isinstance(place, datetime) else abs(place) <= LARGEST_ID
    return is_known and 0 <= cursor.exchange_id <= LARGEST_ID and 0 <= cursor.arm_id <= LARGEST_ID


def _word(name: str, text: str) -> str:
    if len(text) > LONGEST_TEXT or "\0" in text:
        message = f"{name}: at most {LONGEST_TEXT} characters without NUL"
        raise InvalidInput(message, (Problem(message, field=name),))
    return text if name == "text" and text.strip() else text.strip()


def _number(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    try:
        value = int(text)
    except ValueError:
        value = -1
    least, most = 1 if name in ("turn", "day") else 0, MOST_DAYS if name == "day" else LARGEST
    if not least <= value <= most:
        message = f"{name}: {text[:40]!r} is not a whole number from {least} to {most}"
        raise InvalidInput(message, (Problem(message, field=name),))
    return value


def _chosen(kind: type[Chosen], name: str, text: str) -> Chosen | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        message = f"{name}: {text[:40]!r} is none of {', '.join(kind)}"
        raise InvalidInput(message, (Problem(message, field=name),)) from None
