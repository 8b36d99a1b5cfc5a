"""Decisions: signed once, never changed."""

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from app.domain.report import Decision
from app.domain.words import Outcome
from app.store.reading_tables import DecisionRow


def insert_decision(session: Session, pilot_id: int, decision: Decision) -> Decision:
    """Stores a signature; gives it with its number."""
    row = DecisionRow(
        pilot_id=pilot_id,
        report_id=decision.report_id,
        candidate=decision.candidate,
        verdict=decision.verdict.value,
        outcome=decision.outcome.value,
        signed_name=decision.signed_name,
        signed_role=decision.signed_role,
        reason=decision.reason,
        expires_at=decision.expires_at,
        data_hash=decision.data_hash,
        record_hash=decision.record_hash,
        by=decision.by,
        signed_at=decision.signed_at,
    )
    session.add(row)
    session.flush()
    return _decision(row)


def hold_decisions(session: Session, pilot_id: int) -> None:
    """One signature of a pilot after the other until the transaction ends: each is chained to the one before."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('parallel-pilot-decisions'), :pilot)"), {"pilot": pilot_id % 2**31}
    )


def decisions_of(session: Session, pilot_id: int) -> list[Decision]:
    """All of a pilot, oldest first."""
    return _listed(session, select(DecisionRow).where(DecisionRow.pilot_id == pilot_id))


def decisions_on(session: Session, report_id: int) -> list[Decision]:
    """Those under one report, oldest first."""
    return _listed(session, select(DecisionRow).where(DecisionRow.report_id == report_id))


def _listed(session: Session, query: Select[DecisionRow]) -> list[Decision]:
    return [_decision(row) for row in session.scalars(query.order_by(DecisionRow.id))]


def _decision(row: DecisionRow) -> Decision:
    return Decision(
        id=row.id,
        report_id=row.report_id,
        candidate=row.candidate,
        verdict=Outcome(row.verdict),
        outcome=Outcome(row.outcome),
        signed_name=row.signed_name,
        signed_role=row.signed_role,
        reason=row.reason,
        expires_at=row.expires_at,
        data_hash=row.data_hash,
        record_hash=row.record_hash,
        by=row.by,
        signed_at=row.signed_at,
    )
