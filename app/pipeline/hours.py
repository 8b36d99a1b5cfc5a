"""Logging engineering hours, correcting and removing them; what was there before stays."""

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from app.capture.hours.fields import COLUMNS, MAX_NOTE, read_entry
from app.domain.access import Principal
from app.domain.hours import HoursEntry, HoursVersion
from app.domain.words import Role
from app.errors import Conflict, InvalidInput, NotPermitted, Problem
from app.store import hours as store
from app.store.audit import record
from app.store.pilots import get_pilot


def log_hours(session: Session, pilot_name: str, raw: Mapping[str, str], by: str) -> HoursEntry:
    """Logs hours; `InvalidInput` names every field that is wrong."""
    pilot = get_pilot(session, pilot_name)
    entry = _read(raw)
    (stored,) = store.insert_hours(session, pilot.id, [entry], by=by)
    record(session, by, "hours.add", pilot.id, hours=str(stored.hours), kind=stored.kind)
    return stored


def correct_hours(
    session: Session, pilot_name: str, number: int, changes: Mapping[str, str], who: Principal, *, reason: str = ""
) -> HoursEntry:
    """Puts a new entry in place of one; the old one stays as it was, with the reason.

    Args:
        session: Of the transaction.
        pilot_name: The pilot's.
        number: The entry that counts now.
        changes: Fields as texts; all others stay.
        who: Who corrects: an operator, or who logged the entry.
        reason: Why.

    Raises:
        Conflict: If it does not count any more: somebody was faster.
        InvalidInput: If a field is wrong, or nothing is changed.
    """
    pilot = get_pilot(session, pilot_name, for_update=True)  # in the order in which an import takes its locks
    old = _held(session, pilot.id, number, who)
    entry = _read({**texts_of(old.entry), **changes})
    if replace(entry, id=number) == old.entry:
        message = "nothing is changed: give a field with another value"
        raise InvalidInput(message, (Problem(message, code="unchanged"),))
    new = store.supersede(session, pilot.id, old, entry, by=who.name, reason=_reason(reason))
    changed = [field for field, text in texts_of(new).items() if text != texts_of(old.entry)[field]]
    record(session, who.name, "hours.correct", pilot.id, old=number, new=new.id, changed=changed, reason=reason.strip())
    return new


def remove_hours(session: Session, pilot_name: str, number: int, who: Principal, *, reason: str = "") -> None:
    """Marks an entry as removed: it counts no more and stays in its history. `Conflict` if it did not count any more."""
    pilot = get_pilot(session, pilot_name, for_update=True)  # in the order in which an import takes its locks
    old = _held(session, pilot.id, number, who)
    store.mark_removed(session, number, by=who.name, reason=_reason(reason))
    hours = str(old.entry.hours)
    record(session, who.name, "hours.remove", pilot.id, id=number, hours=hours, kind=old.entry.kind, reason=reason.strip())


def hours_history(session: Session, pilot_name: str, number: int) -> list[HoursVersion]:
    """All versions of an entry, oldest first."""
    return store.history_of(session, get_pilot(session, pilot_name).id, number)


def texts_of(entry: HoursEntry) -> dict[str, str]:
    """The fields of an entry as a file or a form has them."""
    return {
        "who": entry.who,
        "worked_on": entry.worked_on.isoformat(),
        "hours": f"{entry.hours:.2f}",
        "kind": entry.kind,
        "recurring": "true" if entry.is_recurring else "false",
        "note": entry.note,
    }


def may_change(version: HoursVersion, who: Principal) -> bool:
    """Whether somebody may correct or remove it: an operator every entry, a labeller those that they logged."""
    return who.may(Role.OPERATOR) or (who.may(Role.LABELLER) and version.logged_by == who.name)


def _held(session: Session, pilot_id: int, number: int, who: Principal) -> HoursVersion:
    """The entry, held to the end of the transaction; who comes second sees what the first did."""
    old = store.find_version(session, pilot_id, number, for_update=True)
    if not may_change(old, who):
        message = (
            f"{old.logged_by!r} logged these hours: to change them needs the role operator; {who.name!r} has {who.role.value}"
        )
        raise NotPermitted(message, needed=Role.OPERATOR.value, role=who.role.value)
    if old.superseded_by is not None:
        message = f"entry {number} was corrected already: {old.superseded_by} is in its place"
        raise Conflict(message, id=number, superseded_by=old.superseded_by)
    if old.removed_at is not None:
        message = f"entry {number} was removed by {old.removed_by}"
        raise Conflict(message, id=number, removed_by=old.removed_by)
    return old


def _read(raw: Mapping[str, str]) -> HoursEntry:
    entry, problems = read_entry({field: raw.get(field, "") for field in COLUMNS})
    if entry is None:
        message = "the hours are wrong: " + "; ".join(problem.message for problem in problems)
        raise InvalidInput(message, tuple(problems))
    return entry


def _reason(text: str) -> str:
    if len(text) > MAX_NOTE or "\x00" in text:
        message = f"reason must have at most {MAX_NOTE} characters"
        raise InvalidInput(message, (Problem(message, field="reason"),))
    return text.strip()
