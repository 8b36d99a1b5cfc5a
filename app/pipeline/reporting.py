"""Reports: what is known now, frozen, and what a reader is shown of one."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

import structlog
from sqlalchemy.orm import Session

from app.domain.access import Principal
from app.domain.pilot import Pilot
from app.domain.report import PairExample, Provenance, ReportKind
from app.domain.scorecard import Scorecard
from app.errors import Conflict
from app.jobs import Job
from app.pipeline.bundles.container import FileSum
from app.pipeline.bundles.exact import NotExact
from app.pipeline.bundles.keeping import drop_older_bundles, keep_bundle
from app.pipeline.bundles.reproducing import document_of
from app.pipeline.bundles.writing import Frozen, written
from app.pipeline.evidence_pairs import choose_examples
from app.pipeline.freshness import program_hash
from app.pipeline.notifying_words import tell_of_report
from app.pipeline.pair_view import note_reading
from app.pipeline.provenance import SEEDS, code_version
from app.pipeline.scorecard import compute_scorecard, compute_with_evidence
from app.pipeline.scorecard_inputs import Stored
from app.pipeline.weekly_reading import read_week
from app.reports.document import Document
from app.reports.view import ReportView
from app.reports.weekly_facts import Week
from app.store.audit import record
from app.store.decisions import decisions_on
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.reports import count_examples, examples_of, get_report, insert_examples, insert_report
from app.store.session import Publish, SessionFactory, publish_after_commit, session_scope
from app.store.weekly_reports import once_a_week

KEY_BYTES = 32
log = structlog.get_logger(__name__)


def make_report(  # noqa: PLR0913 - all but the pilot and the moment are named
    session_factory: SessionFactory,
    pilot_name: str,
    now: datetime,
    *,
    by: str = "stack",
    kind: ReportKind = ReportKind.ON_DEMAND,
    period: str = "",
    publish: Publish | None = None,
    examples: bool = False,
    bundle: bool = False,
) -> int:
    """Computes the scorecard up to the last closed day and stores the report made from it; gives its number.

    What is stored is the whole document: showing it later asks nothing of the pilot, so an old report never changes. A weekly
    one says at its top what changed, and refuses a week that has its report (`Conflict`). A final one shows pairs with their
    masked texts, one on demand if `examples` asks for them, a weekly one never. One on demand keeps its data if `bundle` asks
    for it: on a live pilot they are others a moment later.
    """
    is_kept = bundle or kind is not ReportKind.ON_DEMAND
    card, stored = (
        compute_with_evidence(session_factory, pilot_name, now)
        if is_kept
        else (compute_scorecard(session_factory, pilot_name, now=now), None)
    )
    made = _made(session_factory, pilot_name, now, kind, card, stored)
    origin = _provenance(made.pilot, now, by, kind, period)
    shows_pairs = kind is ReportKind.FINAL or (examples and kind is ReportKind.ON_DEMAND)
    pairs = _pairs(session_factory, made) if shows_pairs else []
    with _bundle_of(made, now) as data, session_scope(session_factory, publish) as session:
        number = _store(session, made, now, origin)
        if data is not None:
            keep_bundle(session, number, *data)
            drop_older_bundles(session, made.pilot.id)
        insert_examples(session, number, pairs)
        if tell_of_report(session, made.pilot, number, kind, made.document) and publish is not None:
            publish_after_commit(session, Job.MESSAGES)
        record(session, by, "report.make", made.pilot.id, report=number, data_hash=made.document.data_hash)
    return number


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A report that is not stored yet; `stored` `None` = what it was made of is not kept."""

    pilot: Pilot
    card: Scorecard
    document: Document
    stored: Stored | None
    week: Week | None


def _made(
    session_factory: SessionFactory, pilot_name: str, now: datetime, kind: ReportKind, card: Scorecard, stored: Stored | None
) -> _Made:
    with session_factory() as session:
        pilot = stored.pilot if stored is not None else get_pilot(session, pilot_name)
        hours = stored.hours if stored is not None else list_hours(session, pilot.id)
        week = read_week(session, pilot, now) if kind is ReportKind.WEEKLY else None
    return _Made(pilot, card, document_of(card, pilot.configuration, hours, now, week), stored, week)


@contextmanager
def _bundle_of(made: _Made, now: datetime) -> Iterator[tuple[BinaryIO, list[FileSum]] | None]:
    """The files of its bundle, written before any transaction is opened; `None` = they are made when somebody asks."""
    if made.stored is None:
        yield None
        return
    frozen = Frozen(made.stored, made.card, made.document.model_dump(mode="json"), now, week=made.week)
    files: tuple[BinaryIO, list[FileSum]] | None = None
    with ExitStack() as stack:
        try:
            files = stack.enter_context(written(frozen))
        except (Conflict, NotExact) as error:  # too large, or nobody knows how to write it; the report is worth more
            log.exception("report_without_bundle", pilot=made.pilot.name, reason=str(error))
        yield files


def _pairs(session_factory: SessionFactory, made: _Made) -> list[PairExample]:
    """A key of its own for each report: equal values look alike within it, and nobody can try values out."""
    with session_factory() as session:
        return choose_examples(session, made.pilot, until=made.card.as_of, key=secrets.token_bytes(KEY_BYTES))


def _store(session: Session, made: _Made, now: datetime, origin: Provenance) -> int:
    content, digest = made.document.model_dump(mode="json"), made.document.data_hash
    with once_a_week(origin.period):
        return insert_report(session, made.pilot.id, made_at=now, data_hash=digest, document=content, provenance=origin)


def _provenance(pilot: Pilot, now: datetime, by: str, kind: ReportKind, period: str) -> Provenance:
    return Provenance(
        kind=kind,
        period=period,
        code_version=code_version(),
        program_hash=program_hash(),
        seeds=dict(SEEDS),
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
        decisions = decisions_on(session, report_id)
        pilot = get_pilot(session, stored.pilot)
    note_reading(session_factory, pilot, reader.name, [each.exchange for each in examples], page=f"report {report_id}")
    return ReportView(
        document=Document.model_validate(stored.document),
        report_id=report_id,
        provenance=stored.provenance,
        examples=examples,
        examples_withheld=withheld,
        decisions=decisions,
    )
