"""Pieces of an export, added up to one line per UTC day and model."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.capture.invoices.fields import MAX_MODEL, MOST_USD
from app.domain.invoices import MEASURES, TOKENS, InvoiceLine

SMALLEST_USD = Decimal("0.00000001")
MOST_SUMMED = 10**18
USUAL_TIERS = frozenset({"", "default", "standard", "false", "auto"})


@dataclass(frozen=True, slots=True)
class Piece:
    """What one row of an export says; rows of the same day and model add up.

    `kind` names what the dollars are for (input, cached input, output), `tier` a price class other than the usual one.
    """

    day: date
    model: str
    requests: int | None = None
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    usd: Decimal | None = None
    cache_write_tokens: int | None = None
    kind: str = ""
    tier: str = ""


def wrong_word(piece: Piece) -> tuple[str, str] | None:
    """The first of its words that nothing could show or store, by name and what is wrong; `None` = all are fine."""
    for name in ("model", "kind", "tier"):
        word = getattr(piece, name)
        if not word.isprintable() or len(word) > MAX_MODEL or (name == "model" and not word):
            return name, f"{name} must be printable and of at most {MAX_MODEL} characters, not {word[:60]!r}"
    return None


def too_large(line: InvoiceLine) -> str:
    """In words, where a sum is more than a month of the largest customer; "" = it is not."""
    counts = [name for name in TOKENS if (getattr(line, name) or 0) > MOST_SUMMED]
    if line.usd is not None and abs(line.usd) > MOST_USD:
        counts.append("usd")
    return f"{', '.join(counts)} of {line.model} on {line.day} add up to more than can be" if counts else ""


def added_up(pieces: Iterable[Piece]) -> tuple[InvoiceLine, ...]:
    """One line per day and model, whatever the letter case of its name, sorted; what no piece says stays unknown."""
    groups: dict[tuple[date, str], list[Piece]] = {}
    for piece in pieces:
        groups.setdefault((piece.day, piece.model.lower()), []).append(piece)
    return tuple(_line(day, group[0].model, group) for (day, _), group in sorted(groups.items()))


def _line(day: date, model: str, group: list[Piece]) -> InvoiceLine:
    found = {name: _sum(group, name) for name in MEASURES}
    if found["usd"] is not None:
        found["usd"] = found["usd"].quantize(SMALLEST_USD)
    return InvoiceLine(day=day, model=model, **found, facts=_facts(group))


def _sum(group: list[Piece], name: str) -> Any:
    known = [value for piece in group if (value := getattr(piece, name)) is not None]
    return sum(known) if known else None


def _facts(group: list[Piece]) -> dict[str, Any]:
    by_kind: dict[str, Decimal] = {}
    for piece in group:
        if piece.kind and piece.usd is not None:
            by_kind[piece.kind] = by_kind.get(piece.kind, Decimal(0)) + piece.usd
    tiers = sorted({piece.tier.strip().lower() for piece in group} - USUAL_TIERS)
    written = _sum(group, "cache_write_tokens")
    facts: dict[str, Any] = {"usd_by_kind": {kind: str(usd.quantize(SMALLEST_USD)) for kind, usd in sorted(by_kind.items())}}
    facts |= {"tiers": tiers, "cache_write_tokens": written}
    return {name: value for name, value in facts.items() if value}
