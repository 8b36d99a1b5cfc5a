"""What model servers said that they serve, and the fingerprints of replies."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.domain.epochs import LISTED, ModelSighting
from app.store.sighting_tables import ModelSightingRow
from app.store.tables import ArmRow

# A server that gives each reply a fingerprint of its own says nothing by them.
MOST_FINGERPRINTS = 50
_FIELDS = ("at", "source", "base_url", "served", "root", "created", "max_model_len", "fingerprint", "failure")

FirstSeen = tuple[int, str, datetime]


def insert_sightings(session: Session, pilot_id: int, arm_ids: Mapping[str, int], sightings: Iterable[ModelSighting]) -> None:
    """Keeps what servers said; `arm_ids` by the arm's name."""
    session.add_all(
        ModelSightingRow(
            pilot_id=pilot_id,
            arm_id=arm_ids[sighting.arm],
            ids=list(sighting.ids),
            **{name: getattr(sighting, name) for name in _FIELDS},
        )
        for sighting in sightings
    )
    session.flush()


def sightings_of(session: Session, pilot_id: int) -> list[ModelSighting]:
    """All of a pilot, oldest first."""
    query = select(ModelSightingRow, ArmRow.name).join(ArmRow, ArmRow.id == ModelSightingRow.arm_id)
    query = query.where(ModelSightingRow.pilot_id == pilot_id).order_by(ModelSightingRow.at, ModelSightingRow.id)
    return [
        ModelSighting(arm=arm, ids=tuple(row.ids), **{name: getattr(row, name) for name in _FIELDS})
        for row, arm in session.execute(query)
    ]


def last_listed(session: Session, pilot_id: int) -> dict[str, datetime]:
    """When each arm's server was asked last, by the arm's name; one that never was is not there."""
    query = (
        select(ArmRow.name, func.max(ModelSightingRow.at))
        .join(ArmRow, ArmRow.id == ModelSightingRow.arm_id)
        .where(ModelSightingRow.pilot_id == pilot_id, ModelSightingRow.source == LISTED)
        .group_by(ArmRow.name)
    )
    return {row[0]: row[1] for row in session.execute(query)}


_FINGERPRINT = text("""
INSERT INTO model_sightings (pilot_id, arm_id, at, source, fingerprint)
SELECT :pilot_id, :arm_id, :at, 'reply', :fingerprint
WHERE NOT EXISTS (SELECT FROM model_sightings WHERE arm_id = :arm_id AND source = 'reply' AND fingerprint = :fingerprint)
  AND (SELECT count(*) FROM model_sightings WHERE arm_id = :arm_id AND source = 'reply') < :most
ON CONFLICT DO NOTHING
""")


def note_fingerprints(session: Session, pilot_id: int, seen: Sequence[FirstSeen]) -> None:
    """Keeps fingerprints that were not known, with the arrival of the first reply that bore them: (arm, fingerprint, at)."""
    first: dict[tuple[int, str], datetime] = {}
    for arm_id, fingerprint, at in seen:
        first[arm_id, fingerprint] = min(at, first.get((arm_id, fingerprint), at))
    rows = [
        {"pilot_id": pilot_id, "arm_id": arm_id, "fingerprint": fingerprint, "at": at, "most": MOST_FINGERPRINTS}
        for (arm_id, fingerprint), at in sorted(first.items())  # one order for all: no deadlocks
    ]
    if rows:
        session.execute(_FINGERPRINT, rows)
