"""Shredding a pilot's texts: its data keys are removed for good, then what is left is cleared away (docs/encryption.md)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.erasure import ErasureKind, subject_digest
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.erasing import remove_in_batches
from app.pipeline.importing import abandon_import
from app.store.audit import record
from app.store.data_keys import shred_keys
from app.store.erasing import blank_problems, blank_remarks
from app.store.erasures import write_receipt
from app.store.imports import open_imports
from app.store.pilots import get_pilot, get_pilot_by_id
from app.store.session import SessionFactory, session_scope
from app.store.shredding import pilots_to_clear, unmarked_exchanges
from app.store.texts import shredded, texts_of

TURN_SECONDS = 20.0
EXCHANGES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Shredded:
    """What is true of a pilot's texts now.

    Attributes:
        at: Since when they cannot be read.
        data_keys: How many were removed now; 0 = they were removed before.
        cleared: Exchanges whose texts, which nobody can read, were removed in this turn.
        is_cleared: Whether that was all; the rest goes on being removed in the background.
    """

    at: datetime
    data_keys: int
    cleared: int
    is_cleared: bool


def shred_pilot(
    factory: SessionFactory, name: str, by: str, *, confirmed: str, key: bytes, seconds: float = TURN_SECONDS
) -> Shredded:
    """Makes all texts of a stopped pilot unreadable for good; asked again it goes on clearing away what is left.

    Args:
        factory: Of the process.
        name: The pilot's.
        by: Who asks.
        confirmed: The name once more.
        key: The installation's key of digests.
        seconds: After them the clearing ends for this turn.

    Raises:
        InvalidInput: The name was not repeated.
        Conflict: The pilot is not stopped.
    """
    if confirmed != name:
        message = f"repeat the pilot's name to shred its texts: {name!r}"
        raise InvalidInput(message, (Problem(message, field="name"),))
    with session_scope(factory) as session:
        pilot = _stopped(session, name)
        at, removed = shred_keys(session, pilot.id)
        if pilot.shredded_at is None:
            digest = subject_digest(key, pilot.id, ErasureKind.PILOT, pilot.name)
            counts = {"data_keys": removed, "import_problems": blank_problems(session, pilot.id)}
            write_receipt(
                session, pilot.id, ErasureKind.PILOT, subject_digest=digest, by=by, counts=counts, key=key, erased_at=at
            )  # fmt: skip
            record(session, by, "pilot.shred", pilot.id, pilot=name, data_keys=removed)
        texts = texts_of(session).texts
    texts.forget()
    _end_imports(factory, pilot.id, by)
    cleared, is_cleared = _clear(factory, pilot.id, at, seconds)
    return Shredded(at, removed, cleared["exchanges"], is_cleared)


def _end_imports(factory: SessionFactory, pilot_id: int, by: str) -> None:
    """Uploads that were begun go, with their lines and what was said of wrong ones, which may quote them."""
    with session_scope(factory) as session:
        for number in open_imports(session, pilot_id):
            abandon_import(session, number, by)
        blank_problems(session, pilot_id)


def clear_shredded(factory: SessionFactory, *, seconds: float) -> int:
    """Goes on removing what is left of shredded pilots' texts; how many exchanges."""
    with factory() as session:
        pilots = [get_pilot_by_id(session, number) for number in pilots_to_clear(session)]
    return sum(
        _clear(factory, pilot.id, pilot.shredded_at, seconds)[0]["exchanges"]
        for pilot in pilots
        if pilot.shredded_at is not None
    )


def refuse_shredded(pilot: Pilot) -> None:
    """`TextsShredded` where work would need texts that are gone for good."""
    if pilot.shredded_at is not None:
        raise shredded(pilot.shredded_at)


def _stopped(session: Session, name: str) -> Pilot:
    pilot = get_pilot(session, name, for_update=True)
    if pilot.state is not PilotState.STOPPED:
        message = f"the pilot {name!r} is a {pilot.state.value} one: its texts can be shredded once it is stopped"
        raise Conflict(message, pilot=name, state=pilot.state.value)
    return pilot


def _clear(factory: SessionFactory, pilot_id: int, at: datetime, seconds: float) -> tuple[Counter[str], bool]:
    """Removes what nobody can read any more, and words that were never sealed: labels' remarks, findings."""
    removed, is_done = remove_in_batches(factory, pilot_id, _unmarked(factory, pilot_id), at, seconds=seconds)
    if is_done and removed["exchanges"]:
        with session_scope(factory) as session:
            blank_remarks(session, pilot_id)
    return removed, is_done


def _unmarked(factory: SessionFactory, pilot_id: int) -> Iterator[Sequence[int]]:
    after = 0
    while True:
        with factory() as session:
            found = unmarked_exchanges(session, pilot_id, after, EXCHANGES_AT_ONCE)
        if not found:
            return
        yield found
        after = found[-1]
