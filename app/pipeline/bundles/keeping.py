"""Bundles of stored reports: kept with the report, or made at the first request while the evidence is still the same."""

import tempfile
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, cast
from zipfile import ZipFile

import orjson
from sqlalchemy.orm import Session

from app.domain.report import Decision, ReportKind, StoredReport
from app.domain.scorecard import Scorecard
from app.errors import Conflict
from app.pipeline.bundles.comparing import Difference, compare
from app.pipeline.bundles.container import MANIFEST, FileSum, Packing
from app.pipeline.bundles.exact import decode, encode
from app.pipeline.bundles.manifest import DECISIONS, json_bytes, library_versions, manifest_of, write_manifest
from app.pipeline.bundles.reproducing import computed
from app.pipeline.bundles.sheets import FOLDER as SHEETS
from app.pipeline.bundles.writing import README, Frozen, Moment, written
from app.pipeline.freshness import program_hash
from app.pipeline.scorecard_inputs import read_stored
from app.store.audit import record
from app.store.decisions import decisions_of
from app.store.pilots import get_pilot
from app.store.report_files import drop_older_files, has_file, hold_files, insert_file, read_file
from app.store.reports import get_report
from app.store.session import SessionFactory, one_snapshot, session_scope

BODY, SUMS = "bundle.zip", "bundle.json"
WHOLE, ONLY_SHEETS = "parquet", "csv"
# Of reports that are neither final nor signed, so many of a pilot's newest keep their data.
NEWEST_KEPT = 8
_NAMED = 3


@dataclass(frozen=True, slots=True)
class KeptSums:
    """What is kept beside a bundle's files: their sums, and the libraries that made them."""

    files: tuple[FileSum, ...]
    libraries: dict[str, str]


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle to be sent: a file without a name, which is gone when it is closed."""

    stream: BinaryIO
    bytes: int
    file_name: str
    content_hash: str


def keep_bundle(session: Session, report_id: int, body: BinaryIO, sums: list[FileSum]) -> None:
    """Stores the files of a report's bundle with the report."""
    insert_file(session, report_id, BODY, body)
    kept = KeptSums(tuple(sums), library_versions())
    insert_file(session, report_id, SUMS, BytesIO(json_bytes(encode(kept, KeptSums))))


def drop_older_bundles(session: Session, pilot_id: int) -> None:
    """Removes bundles that nobody is expected to ask for any more; they are made again while the evidence is the same."""
    for number in drop_older_files(session, pilot_id, (BODY, SUMS), keep=NEWEST_KEPT):
        record(session, "stack", "report.bundle.drop", pilot_id, report=number)


def export_bundle(session_factory: SessionFactory, report_id: int, *, part: str, by: str) -> Exported:
    """The data bundle of a report, to be sent.

    Args:
        session_factory: Where it is, or is made from.
        report_id: Whose.
        part: `parquet` = all of it, `csv` = the tables for spreadsheets alone.
        by: Who asks, for the audit log.

    Raises:
        NotFound: If there is no such report.
        Conflict: If it was not kept, and what is stored by now no longer gives the report's figures.
    """
    with session_factory() as session:
        report = get_report(session, report_id)
        is_kept = has_file(session, report_id, BODY)
    if not is_kept:
        _make(session_factory, report, by)
    said = b"".join(read_file(session_factory, report_id, SUMS))
    if not said:
        message = f"the data bundle of report {report_id} was removed at this moment: newer ones took its place"
        raise Conflict(message, report=report_id)
    kept: KeptSums = decode(orjson.loads(said), KeptSums)
    stream = cast(BinaryIO, tempfile.TemporaryFile(prefix="pilot-bundle-"))  # noqa: SIM115 - closed when it was sent
    try:
        for piece in read_file(session_factory, report_id, BODY):
            stream.write(piece)
        digest = _finish(session_factory, report, kept, stream) if part == WHOLE else _only_sheets(report, kept, stream)
        size = stream.seek(0, 2)
        stream.seek(0)
    except BaseException:
        stream.close()
        raise
    with session_scope(session_factory) as session:
        record(session, by, "report.bundle", get_pilot(session, report.pilot).id, report=report_id, part=part)
    return Exported(stream, size, f"{report.pilot}-report-{report_id}-{'data' if part == WHOLE else 'csv'}.zip", digest)


def _finish(session_factory: SessionFactory, report: StoredReport, kept: KeptSums, stream: BinaryIO) -> str:
    """Adds what is signed by now, and the manifest."""
    packing = Packing(stream)
    packing.add(DECISIONS, _decisions(session_factory, report))
    sums = [*kept.files, *packing.close()]
    return _end(report, kept, sums, stream, part="all")


def _only_sheets(report: StoredReport, kept: KeptSums, stream: BinaryIO) -> str:
    """Leaves only the tables and what explains them."""
    with tempfile.TemporaryFile(prefix="pilot-bundle-") as whole:
        stream.seek(0)
        while piece := stream.read(1 << 20):
            whole.write(piece)
        stream.seek(0)
        stream.truncate()
        packing = Packing(stream)
        with ZipFile(whole) as opened:
            for each in kept.files:
                if each.path == README or each.path.startswith(f"{SHEETS}/"):
                    with opened.open(each.path) as source, packing.file(each.path) as target:
                        while piece := source.read(1 << 20):
                            target.write(piece)
        return _end(report, kept, packing.close(), stream, part=ONLY_SHEETS)


def _end(report: StoredReport, kept: KeptSums, sums: list[FileSum], stream: BinaryIO, *, part: str) -> str:
    manifest = manifest_of(report, sums, kept.libraries, part=part)
    packing = Packing(stream)
    packing.add(MANIFEST, write_manifest(manifest), packed=False)
    packing.close()
    return manifest.content_hash


def _decisions(session_factory: SessionFactory, report: StoredReport) -> bytes:
    """The pilot's chain up to the last signature under this report: of what is signed later, this bundle says nothing."""
    with session_factory() as session:
        chain = decisions_of(session, get_pilot(session, report.pilot).id)
    last = max((each.id for each in chain if each.report_id == report.id), default=0)
    return json_bytes(encode([each for each in chain if each.id <= last], list[Decision]))


def _make(session_factory: SessionFactory, report: StoredReport, by: str) -> None:
    """Makes the bundle of a report that was stored without one, if the evidence still says the same."""
    frozen = _still_the_same(session_factory, report)
    with written(frozen) as (body, sums), session_scope(session_factory) as session:
        hold_files(session, report.id)
        if not has_file(session, report.id, BODY):
            keep_bundle(session, report.id, body, sums)
            record(session, by, "report.bundle.make", frozen.stored.pilot.id, report=report.id)
            drop_older_bundles(session, frozen.stored.pilot.id)


def _still_the_same(session_factory: SessionFactory, report: StoredReport) -> Frozen:
    """What the report was made of, read again: all that is stored, else what had happened by the report's own moment."""
    if report.provenance.kind is ReportKind.WEEKLY:
        message = (
            f"report {report.id} no longer has its data bundle: of weekly reports a pilot's newest {NEWEST_KEPT} keep theirs"
        )
        raise Conflict(message, report=report.id)
    changed: list[str] = []
    for as_of in (None, report.made_at):
        with one_snapshot(session_factory) as reading:
            stored = read_stored(reading, report.pilot, as_of=as_of, now=report.made_at)
        reopened = tuple(report.document["scorecard"].get("days_reopened", ()))
        scorecard, document, _ = computed(stored, Moment(report.made_at, as_of, reopened, {}))
        found = compare(report.document, document, "report")
        if found.is_same:
            card = Scorecard.model_validate(report.document["scorecard"])
            return Frozen(stored, card, report.document, report.made_at, as_of)
        changed = changed or [*what_changed(report.document["scorecard"], scorecard), *map(_words, found.differences)]
    raise _changed(report, changed)


def _changed(report: StoredReport, changed: list[str]) -> Conflict:
    why = "what is stored is not what it was when the report was made"
    if report.provenance.program_hash != program_hash():
        why += ", or the program is another one"
    message = (
        f"report {report.id} has no data bundle, and none can be made any more: {why} ({'; '.join(changed[:_NAMED])}). "
        "Make a new report; weekly and final reports keep their data"
    )
    return Conflict(message, report=report.id, changed=changed)


def what_changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which counts of two scorecards differ, in words."""
    then, now = _counts(before), _counts(after)
    return [f"{what}: {then.get(what)} then, {now.get(what)} now" for what in then | now if then.get(what) != now.get(what)]


def _counts(card: dict[str, Any]) -> dict[str, Any]:
    coverage, registration = card.get("coverage", {}), card.get("registration", {})
    counts = {
        "production requests": coverage.get("production_requests"),
        "of them compared": coverage.get("by_reason", {}).get("captured"),
        "closed days": len(card.get("days_closed", ())),
        "changes of the configuration": len(registration.get("changes", ())),
    }
    for name, candidate in card.get("candidates", {}).items():
        quality, cost = candidate.get("quality", {}), candidate.get("cost", {})
        counts[f"graded pairs of {name}"] = quality.get("graded")
        counts[f"labels of {name}"] = quality.get("labels")
        counts[f"hours logged for {name}"] = cost.get("engineering_hours", {}).get("one_off")
    return counts


def _words(each: Difference) -> str:
    return f"{each.path}: {each.expected} then, {each.found} now"
