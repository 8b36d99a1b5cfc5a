"""What checks find in the replies of both arms, noted while pairs are settled (docs/graders.md)."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.domain.exchange import Failure, Json, Reply
from app.domain.findings import FINDINGS, Findings, NewFindings
from app.domain.grading import PairKey, PairRecord
from app.domain.pilot import Pilot
from app.graders.checks.catalogue import checks_of, look_at
from app.graders.checks.check import Check
from app.pipeline.hold import NO_HOLD, Hold
from app.pipeline.last_look import NOTHING_KNOWN, LastLook
from app.pipeline.settlement import as_shown
from app.store.findings import pairs_without_findings, save_findings, set_of, stored_findings
from app.store.grades import BEFORE_ALL, read_pairs
from app.store.session import SessionFactory, session_scope

PAIRS_A_TRANSACTION = 500


@dataclass(frozen=True, slots=True)
class _Side:
    """One reply of a pair: as far as its text is kept, and what was found while it was there."""

    arm_id: int
    reply: Reply | Failure | None
    checks: Json


def note_findings(session: Session, pilot: Pilot, records: Sequence[PairRecord]) -> None:
    """Looks at the replies of these pairs, once a reply and version of the checks, and writes down what was found."""
    checks = checks_of(pilot.configuration.check)
    labels = [check.label for check in checks]
    set_id = set_of(session, pilot.id, labels)
    stored = stored_findings(session, pilot.id, sorted({record.key.exchange_id for record in records}))
    rows: dict[tuple[int, int], NewFindings] = {}
    for record in records:
        for side in _sides(record, pilot):
            place = (record.key.exchange_id, side.arm_id)
            before, known = stored.get(place, (None, Findings()))
            if before != set_id and place not in rows:
                rows[place] = NewFindings(*place, _found(checks, record, side, known))
    save_findings(session, pilot.id, set_id, labels, list(rows.values()))


def find_in_settled(
    session_factory: SessionFactory,
    pilot: Pilot,
    *,
    seconds: float,
    hold: Hold = NO_HOLD,
    last_look: LastLook = NOTHING_KNOWN,
) -> bool:
    """Looks at replies of pairs that were settled before these checks were there; gives whether all are done in time.

    Args:
        session_factory: Makes transactions.
        pilot: Whose.
        seconds: When to stop.
        hold: Says when others go first.
        last_look: Where nothing was missing a short while ago, nothing is looked for.
    """
    deadline, after = time.monotonic() + seconds, BEFORE_ALL
    labels = [check.label for check in checks_of(pilot.configuration.check)]
    while time.monotonic() < deadline and not hold.look():
        with session_scope(session_factory) as session:
            set_id = set_of(session, pilot.id, labels)
            if last_look.is_recent(pilot.id, FINDINGS, set_id):
                return True
            keys = pairs_without_findings(session, pilot.id, set_id, after=after, limit=PAIRS_A_TRANSACTION)
            note_findings(session, pilot, read_pairs(session, pilot, keys, rater=None))
        if len(keys) < PAIRS_A_TRANSACTION:
            last_look.note(pilot.id, FINDINGS, set_id)
            return True
        after = PairKey(*keys[-1])
    return False


def _sides(record: PairRecord, pilot: Pilot) -> Iterator[_Side]:
    other = record.other
    if isinstance(other, Reply):
        other = replace(other, content=as_shown(pilot, record.key.arm_id, other).content)
    yield _Side(pilot.incumbent.id, record.incumbent, record.incumbent_checks)
    yield _Side(record.key.arm_id, other, record.other_checks)


def _found(checks: Sequence[Check], record: PairRecord, side: _Side, known: Findings) -> Findings:
    """What was found while the text was there, else what is found in the text that is kept, else what is known from before."""
    elsewhere = {check.label for check in checks if check.segment not in (None, record.segment)}
    noted = side.checks.get(FINDINGS)
    if noted is not None:
        found = Findings.of(noted)
    elif isinstance(side.reply, Reply) and record.request is not None:
        found = look_at([check for check in checks if check.label not in elsewhere], record.request, side.reply)
    else:
        found = known
    return Findings(found.checked - elsewhere, found.found - elsewhere)
