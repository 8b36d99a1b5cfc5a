"""Reports: what is known now, frozen, and what a reader is shown of one."""

from datetime import datetime, timedelta

import parallel_pilot
from app.costs.month_draws import SEED
from app.domain.access import Principal
from app.domain.pilot import Pilot
from app.domain.report import Provenance, ReportKind
from app.pipeline.freshness import program_hash
from app.pipeline.scorecard import compute_scorecard
from app.reports.build import build_document
from app.reports.document import Document
from app.reports.view import ReportView
from app.store.audit import record
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.reports import count_examples, examples_of, get_report, insert_report
from app.store.session import SessionFactory, session_scope


def make_report(
    session_factory: SessionFactory,
    pilot_name: str,
    now: datetime,
    *,
    by: str = "stack",
    kind: ReportKind = ReportKind.ON_DEMAND,
    period: str = "",
) -> int:
    """Computes the scorecard up to the last closed day and stores the report made from it; gives its number.

    What is stored is the whole document: showing it later asks nothing of the pilot, so an old report never changes.
    """
    scorecard = compute_scorecard(session_factory, pilot_name, now=now)
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, pilot_name)
        document = build_document(scorecard, pilot.configuration, list_hours(session, pilot.id), now)
        content = document.model_dump(mode="json")
        origin = _provenance(pilot, now, by, kind, period)
        made = insert_report(session, pilot.id, made_at=now, data_hash=document.data_hash, document=content, provenance=origin)
        record(session, by, "report.make", pilot.id, report=made, data_hash=document.data_hash)
    return made


def _provenance(pilot: Pilot, now: datetime, by: str, kind: ReportKind, period: str) -> Provenance:
    return Provenance(
        kind=kind,
        period=period,
        code_version=parallel_pilot.__version__,
        program_hash=program_hash(),
        seeds={"money": SEED},
        expires_at=now + timedelta(days=pilot.configuration.report.valid_days),
        by=by,
    )


def view_report(session_factory: SessionFactory, report_id: int, reader: Principal) -> ReportView:
    """A stored report as one reader may see it; `NotFound` if there is none."""
    with session_factory() as session:
        stored = get_report(session, report_id)
        may_read = reader.may_read_payloads
        examples = examples_of(session, report_id) if may_read else []
        withheld = not may_read and count_examples(session, report_id) > 0
    return ReportView(
        document=Document.model_validate(stored.document),
        report_id=report_id,
        provenance=stored.provenance,
        examples=examples,
        examples_withheld=withheld,
    )
