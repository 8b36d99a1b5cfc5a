"""Importing the vendor's exports into a pilot, and what several of them say together."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy.orm import Session

from app.capture.invoices.reading import read_invoice
from app.domain.invoices import ALL_MODELS, MEASURES, TOKENS, InvoiceLine, StoredInvoice
from app.domain.pilot import Pilot
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.reconciliation_sides import key_of
from app.store import invoices as store
from app.store.audit import record
from app.store.pilots import get_pilot

MAX_NAME = 200
FEW = 3
NamedLines: TypeAlias = tuple[str, Sequence[InvoiceLine]]
# By what models are the same, as in the reconciliation: two files that name one model differently would add up there.
KeyOf: TypeAlias = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class InvoiceImport:
    """What an import did; `replaced` = files of which some days and models no longer count."""

    invoice: StoredInvoice
    is_new: bool
    notes: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collision:
    """Two files that say the same thing of the same day and model."""

    day: date
    model: str
    file_name: str


def import_invoice(
    session: Session, pilot_name: str, content: bytes, *, file_name: str, replace_others: bool, by: str
) -> InvoiceImport:
    """Stores a whole export or nothing; the same file again is unchanged, unless it is to replace what came after it.

    Raises:
        InvalidInput: With every line that is wrong.
        Conflict: If another file that counts has the same days and models, unless they are to be replaced.
    """
    name = _file_name(file_name)
    invoice = read_invoice(content)
    pilot = get_pilot(session, pilot_name, for_update=True)
    same, digest = key_of(pilot.configuration.incumbent.base_url), hashlib.sha256(content).hexdigest()
    there = store.find_invoice(session, pilot.id, digest)
    if there is not None:
        later = sorted(
            {c.file_name for c in collisions_of(invoice.lines, store.lines_by_file(session, pilot.id, after=there.id), same)}
        )
        if not later or not replace_others:
            return InvoiceImport(there, is_new=False, notes=(*invoice.notes, *_superseded(later)))
        _void(session, pilot, there, by)
    collisions = list(collisions_of(invoice.lines, store.lines_by_file(session, pilot.id), same))
    if collisions and not replace_others:
        raise _conflict(collisions)
    stored = store.insert_invoice(session, pilot.id, invoice, file_name=name, digest=digest, by=by)
    replaced = tuple(sorted({each.file_name for each in collisions}))
    record(session, by, "invoice.import", pilot.id, invoice=stored.id, file=name, lines=stored.lines, replaces=list(replaced))
    return InvoiceImport(stored, is_new=True, notes=invoice.notes, replaced=replaced)


def remove_invoice(session: Session, pilot_name: str, invoice_id: int, by: str) -> StoredInvoice:
    """Voids a file: what it replaced counts again."""
    pilot = get_pilot(session, pilot_name, for_update=True)
    return _void(session, pilot, store.get_invoice(session, pilot.id, invoice_id), by)


def _void(session: Session, pilot: Pilot, before: StoredInvoice, by: str) -> StoredInvoice:
    after = store.void_invoice(session, pilot.id, before.id, by=by)
    if before.voided_at is None:
        record(session, by, "invoice.remove", pilot.id, invoice=before.id, file=after.file_name)
    return after


def _superseded(later: Sequence[str]) -> Iterator[str]:
    if later:
        yield f"for some of its days and models {', '.join(later)} counts instead; --replace makes this file count again"


def invoice_lines(session: Session, pilot: Pilot) -> tuple[InvoiceLine, ...]:
    """What all files that count say together."""
    return together(store.lines_by_file(session, pilot.id), key_of(pilot.configuration.incumbent.base_url))


def together(files: Sequence[NamedLines], same: KeyOf) -> tuple[InvoiceLine, ...]:
    """One line per day and model from files in the order of import.

    A usage export gives the tokens and a cost export the dollars of the same day and model. Where two files give the same, the
    later one counts: it was imported to replace the other. `same` says which names are one model.
    """
    taken: dict[tuple[str, date], dict[str, int]] = {}
    found: dict[tuple[date, str], InvoiceLine] = {}
    for number, (_, lines) in reversed(list(enumerate(files))):
        for line in _once(lines):
            name = same(line.model)
            others = {kind: _of_others(taken.get((kind, line.day), {}), number) for kind in _kinds(line)}
            kept = _without(line, [kind for kind, models in others.items() if _same(models, name) is not None])
            for kind in _kinds(kept):
                taken.setdefault((kind, line.day), {})[name] = number
            key = (line.day, line.model.lower())
            if _kinds(kept):
                found[key] = _joined(found[key], kept) if key in found else kept
    return tuple(line for _, line in sorted(found.items()))


def collisions_of(lines: Sequence[InvoiceLine], others: Sequence[NamedLines], same: KeyOf) -> Iterator[Collision]:
    """Which days and models another file has already; costs that are not split by model cover every model of their day."""
    there: dict[tuple[str, date], dict[str, str]] = {}
    for name, theirs in others:
        for line in theirs:
            for kind in _kinds(line):
                there.setdefault((kind, line.day), {})[same(line.model)] = name
    for line in lines:
        for kind in _kinds(line):
            model = _same(there.get((kind, line.day), {}), same(line.model))
            if model is not None:
                yield Collision(line.day, line.model, there[kind, line.day][model])
                break


def _kinds(line: InvoiceLine) -> tuple[str, ...]:
    return (("tokens",) if line.has_tokens else ()) + (("usd",) if line.usd is not None else ())


def _same(models: Mapping[str, object], name: str) -> str | None:
    """The model among them that covers this one."""
    if name in models:
        return name
    if ALL_MODELS in models:
        return ALL_MODELS
    return next(iter(models)) if name == ALL_MODELS and models else None


def _of_others(models: Mapping[str, int], number: int) -> dict[str, int]:
    return {model: owner for model, owner in models.items() if owner != number}


def _once(lines: Sequence[InvoiceLine]) -> Iterable[InvoiceLine]:
    """One line per day and name, whatever its letter case: lines of one file add up."""
    found: dict[tuple[date, str], InvoiceLine] = {}
    for line in lines:
        key = (line.day, line.model.lower())
        found[key] = _added(found[key], line) if key in found else line
    return found.values()


def _added(one: InvoiceLine, other: InvoiceLine) -> InvoiceLine:
    sums: dict[str, Any] = {}
    for name in MEASURES:
        known = [value for line in (one, other) if (value := getattr(line, name)) is not None]
        sums[name] = sum(known) if known else None
    tiers = sorted({tier for line in (one, other) for tier in line.facts.get("tiers", ())})
    return replace(one, **sums, facts=other.facts | one.facts | ({"tiers": tiers} if tiers else {}))


def _without(line: InvoiceLine, kinds: Sequence[str]) -> InvoiceLine:
    names = [name for kind in kinds for name in (TOKENS if kind == "tokens" else ("usd",))]
    unsaid: dict[str, Any] = dict.fromkeys(names)
    return replace(line, **unsaid)


def _joined(one: InvoiceLine, other: InvoiceLine) -> InvoiceLine:
    """What one of them does not say is taken from the other."""
    missing = {name: getattr(other, name) for name in (*TOKENS, "usd") if getattr(one, name) is None}
    return replace(one, **missing, facts=other.facts | one.facts)


def _conflict(collisions: Sequence[Collision]) -> Conflict:
    shown = "; ".join(f"{each.day} {each.model} is in {each.file_name}" for each in collisions[:FEW])
    more = f" and {len(collisions) - FEW:,} more" if len(collisions) > FEW else ""
    message = (
        f"other imported files have the same days and models: {shown}{more}; remove them (pilot invoice remove), "
        "or import with --replace and this file counts instead"
    )
    return Conflict(message, files=sorted({each.file_name for each in collisions}), collisions=len(collisions))


def _file_name(text: str) -> str:
    name = text.strip().replace("\\", "/").rpartition("/")[2]
    if not name or len(name) > MAX_NAME or not name.isprintable():
        message = f"file_name must be a name of 1 to {MAX_NAME} characters, not {text!r}"
        raise InvalidInput(message, (Problem(message, field="file_name"),))
    return name
