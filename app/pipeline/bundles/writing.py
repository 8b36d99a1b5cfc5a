"""Writes a bundle's files: what the report was made of, the report itself, and tables for spreadsheets."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, cast

from app.domain.notify_table import without_secret
from app.domain.scorecard import Scorecard
from app.domain.serving import ServingSeen
from app.pipeline.bundles.columns import write_columns
from app.pipeline.bundles.container import FileSum, Packing
from app.pipeline.bundles.evidence_files import evidence_files, with_nameless_raters
from app.pipeline.bundles.exact import encode
from app.pipeline.bundles.manifest import json_bytes
from app.pipeline.bundles.readme import readme
from app.pipeline.bundles.sheets import sheets_of, write_sheet
from app.pipeline.closing import content_hashes, select_evidence
from app.pipeline.scorecard_inputs import Inputs, Stored
from app.reports.weekly_facts import Week
from app.store.confusions import LabelCount

INPUTS, SCORECARD, DOCUMENT = "inputs.json", "scorecard.json", "document.json"
_LAST_LETTER = "\U0010ffff"
CONFIGURATION, REGISTRATION, README = "configuration.json", "registration.json", "README.md"


@dataclass(frozen=True, slots=True)
class Moment:
    """What a scorecard rests on beside what is stored.

    Attributes:
        now: When the report was made.
        as_of: Only what had happened by then; `None` = all that was stored.
        days_reopened: Days that were closed again, as the store noted them.
        day_hashes: The content hash of each closed day, made with people's names.
    """

    now: datetime
    as_of: datetime | None
    days_reopened: tuple[int, ...]
    day_hashes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What of `Stored` is neither an input nor a column."""

    paid_grades: int
    confusions: tuple[LabelCount, ...]
    served: Mapping[str, ServingSeen]
    finding_labels: Mapping[str, Mapping[int, tuple[str, ...]]]
    rubrics: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """A report and all that it was made of."""

    stored: Stored
    card: Scorecard
    document: Mapping[str, Any]
    now: datetime
    as_of: datetime | None = None
    week: Week | None = None


@contextmanager
def written(frozen: Frozen) -> Iterator[tuple[BinaryIO, list[FileSum]]]:
    """The files of a bundle in a temporary zip, without manifest and decisions, and their sums."""
    with tempfile.TemporaryFile(prefix="pilot-bundle-") as body:
        stream = cast(BinaryIO, body)
        sums = write_files(frozen, stream)
        stream.seek(0)
        yield stream, sums


def write_files(frozen: Frozen, target: BinaryIO) -> list[FileSum]:
    """Writes everything that is frozen with the report; people who labelled are numbers."""
    stored, card = frozen.stored, frozen.card
    selection = select_evidence(stored.pilot, stored.evidence, now=frozen.now, as_of=frozen.as_of, ledger=stored.ledger)
    moment = Moment(frozen.now, frozen.as_of, tuple(card.days_reopened), content_hashes(stored.evidence, selection))
    stored = without_secrets(replace(stored, evidence=with_nameless_raters(stored.evidence)))
    packing = Packing(target)
    packing.add(README, readme(stored, card, frozen.now).encode())
    for path, document in _documents(stored, frozen, moment):
        packing.add(path, json_bytes(document, is_sorted=path != INPUTS))
    for path, columns in evidence_files(stored):
        with tempfile.TemporaryFile(prefix="pilot-bundle-") as file:
            write_columns(columns, cast(BinaryIO, file))
            _copy(cast(BinaryIO, file), packing, path)
    for sheet in sheets_of(stored, selection, card):
        with packing.file(sheet.path) as stream:
            write_sheet(sheet, stream)
    return packing.close()


def _copy(file: BinaryIO, packing: Packing, path: str) -> None:
    file.seek(0)
    with packing.file(path, packed=False) as stream:
        while piece := file.read(1 << 20):
            stream.write(piece)


def without_secrets(stored: Stored) -> Stored:
    """The same with the host alone of where messages go, now and as registered: no figure rests on it."""
    pilot, registration = stored.pilot, stored.registration
    notify = pilot.configuration.notify
    told = notify.model_copy(update={"webhook_url": without_secret(notify.webhook_url)})
    configuration = pilot.configuration.model_copy(update={"notify": told})
    if registration is not None and registration.document["configuration"].get("notify"):
        then = registration.document["configuration"]
        shown = then["notify"] | {"webhook_url": without_secret(then["notify"].get("webhook_url"))}
        document = registration.document | {"configuration": then | {"notify": shown}}
        registration = replace(registration, document=document)
    return replace(stored, pilot=replace(pilot, configuration=configuration), registration=registration)


def told_labels(counts: Iterable[LabelCount], card: Scorecard) -> tuple[LabelCount, ...]:
    """The same with numbers for labels that the scorecard does not tell: those can be sentences of replies.

    They stay different from each other, and behind all others in the order of names, so that the same tables come of them.
    """
    segments = (segment for candidate in card.candidates.values() for segment in candidate.segments.values())
    tables = (segment.confusion.counts for segment in segments if segment.confusion is not None)
    told = {label for table in tables for row, columns in table.items() for label in (row, *columns)}
    counts = tuple(counts)
    found = {label for each in counts for label in (each.incumbent_label, each.arm_label) if label is not None}
    names = {label: f"{_LAST_LETTER}{number}" for number, label in enumerate(sorted(found - told), start=1)}
    return tuple(
        each._replace(
            incumbent_label=names.get(each.incumbent_label, each.incumbent_label),
            arm_label=names.get(each.arm_label, each.arm_label) if each.arm_label is not None else None,
        )
        for each in counts
    )


def _documents(stored: Stored, frozen: Frozen, moment: Moment) -> Iterator[tuple[str, Any]]:
    yield SCORECARD, frozen.document["scorecard"]
    yield DOCUMENT, frozen.document
    yield CONFIGURATION, stored.pilot.configuration.model_dump(mode="json")
    if stored.registration is not None:
        yield REGISTRATION, {"hash": stored.registration.hash, "document": stored.registration.document}
    numbers = Numbers(
        paid_grades=stored.paid_grades,
        confusions=told_labels(stored.confusions, frozen.card),
        served=stored.served,
        finding_labels={name: found.labels for name, found in stored.findings.items()},
        rubrics=tuple(stored.scores),
    )
    yield (
        INPUTS,
        {
            "version": 1,
            "moment": encode(moment, Moment, "moment"),
            "inputs": encode(stored, Inputs, "inputs"),
            "numbers": encode(numbers, Numbers, "numbers"),
            "week": encode(frozen.week, Week | None, "week"),
        },
    )
