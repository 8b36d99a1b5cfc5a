"""Reports: what is known now, frozen."""

from datetime import datetime

from app.pipeline.scorecard import compute_scorecard
from app.reports.build import build_document
from app.store.audit import record
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.reports import insert_report
from app.store.session import SessionFactory, session_scope


def make_report(session_factory: SessionFactory, pilot_name: str, now: datetime, *, by: str = "stack") -> int:
    """Computes the scorecard up to the last closed day and stores the report made from it; gives its number.

    What is stored is the whole document: showing it later asks nothing of the pilot, so an old report never changes.
    """
    scorecard = compute_scorecard(session_factory, pilot_name, now=now)
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
        document = build_document(scorecard, pilot.configuration, list_hours(session, pilot.id), now)
        content = document.model_dump(mode="json")
        made = insert_report(session, pilot.id, made_at=now, data_hash=document.data_hash, document=content)
        record(session, by, "report.make", pilot.id, report=made, data_hash=document.data_hash)
    return made
