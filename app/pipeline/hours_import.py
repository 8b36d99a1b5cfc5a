"""Importing hours from a file, ours or a tracker's, and writing them into one that can be imported again."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy.orm import Session

from app.capture.hours.fields import COLUMNS, ReadEntry, ReadHours
from app.capture.hours.kinds import KindRules
from app.capture.hours.reading import OWN, read_hours
from app.domain.hours import DayOrder, HoursEntry, HoursVersion
from app.pipeline.hours import texts_of
from app.store import hours as store
from app.store.audit import record
from app.store.pilots import get_pilot

CHANGED = "changed in the tracker"


@dataclass(frozen=True, slots=True)
class HoursImport:
    """What an import did: entries that are stored already, as often as the file has them, are `unchanged`.

    Attributes:
        lines: Entries of the file, those too short included.
        corrected: Changed in the tracker since the last import; what somebody corrected or removed here stays as it is.
        too_short: Below 18 seconds, which is 0.00 hours.
        hours_by_kind: Of the entries that are new or corrected.
    """

    source: str
    lines: int
    new: int
    unchanged: int
    corrected: int
    too_short: int
    one_off_hours: Decimal
    recurring_hours: Decimal
    hours_by_kind: dict[str, Decimal]


def import_hours(
    session: Session,
    pilot_name: str,
    text: bytes,
    by: str,
    *,
    kind: str | None = None,
    kind_of: Sequence[str] = (),
    dates: DayOrder | None = None,
) -> HoursImport:
    """Logs all lines of a file or none; the same file again adds nothing.

    Args:
        session: Of the transaction.
        pilot_name: The pilot's.
        text: Our own CSV or a tracker's export, told apart by its header.
        by: Who imports.
        kind: Of all of a tracker's entries that no rule names.
        kind_of: Rules `LABEL=KIND` for a tracker's entries; the first that meets is taken.
        dates: How days such as 02/03/2026 are written.

    Raises:
        InvalidInput: If any line is wrong; it names all of them.
    """
    pilot = get_pilot(session, pilot_name, for_update=True)
    found = read_hours(text, KindRules.of(kind_of, kind), dates=dates, timezone=pilot.configuration.pilot.timezone)
    # Our own file may be an export of what was logged by hand.
    stored = store.stored_versions(session, pilot.id, None if found.source == OWN else found.source)
    if found.source == OWN:
        new = _new_of_ours(session, pilot.id, found.entries, stored)
        changed: list[tuple[HoursVersion, HoursEntry]] = []
    else:
        new, changed = _new_of_tracker(found.entries, stored)
    numbers = [each.external_id for each in new]
    store.insert_hours(session, pilot.id, [each.entry for each in new], by=by, source=found.source, external_ids=numbers)
    for old, entry in changed:
        store.supersede(session, pilot.id, old, entry, by=by, reason=CHANGED, source=found.source)
    done = _done(found, [each.entry for each in new], [entry for _, entry in changed])
    facts = {"source": done.source, "lines": done.lines, "new": done.new, "corrected": done.corrected}
    record(session, by, "hours.import", pilot.id, **facts)
    return done


def hours_file(entries: Sequence[HoursEntry]) -> str:
    """Our own CSV of entries; imported again it adds nothing."""
    text = io.StringIO(newline="")
    lines = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    lines.writeheader()
    lines.writerows(texts_of(entry) for entry in entries)
    return text.getvalue()


def _new_of_ours(
    session: Session, pilot_id: int, entries: Sequence[ReadEntry], stored: Sequence[HoursVersion]
) -> list[ReadEntry]:
    """Lines that neither count now nor were corrected or removed."""
    there = Counter(replace(entry, id=0) for entry in store.list_hours(session, pilot_id))
    there += Counter(replace(version.entry, id=0) for version in stored if not version.counts)
    new = []
    for each in entries:
        if there[each.entry] > 0:
            there[each.entry] -= 1
        else:
            new.append(each)
    return new


def _new_of_tracker(
    entries: Sequence[ReadEntry], stored: Sequence[HoursVersion]
) -> tuple[list[ReadEntry], list[tuple[HoursVersion, HoursEntry]]]:
    """New entries, and those that the tracker has otherwise now and nobody touched here."""
    newest = {version.external_id: version for version in stored}  # the oldest come first
    new = [each for each in entries if each.external_id not in newest]
    changed = [
        (old, each.entry)
        for each in entries
        if (old := newest.get(each.external_id)) and old.counts and replace(old.entry, id=0) != each.entry
    ]
    return new, changed


def _done(found: ReadHours, new: Sequence[HoursEntry], corrected: Sequence[HoursEntry]) -> HoursImport:
    made = [*new, *corrected]
    by_kind: dict[str, Decimal] = {}
    for entry in made:
        by_kind[entry.kind] = by_kind.get(entry.kind, Decimal(0)) + entry.hours
    recurring = sum((entry.hours for entry in made if entry.is_recurring), Decimal(0))
    return HoursImport(
        source=found.source,
        lines=len(found.entries) + found.too_short,
        new=len(new),
        unchanged=len(found.entries) - len(made),
        corrected=len(corrected),
        too_short=found.too_short,
        one_off_hours=sum(by_kind.values(), Decimal(0)) - recurring,
        recurring_hours=recurring,
        hours_by_kind=by_kind,
    )
