"""Reads a bundle: its manifest first, then what it was made of; nothing is unpacked to a disk."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from app.pipeline.bundles.columns import read_columns
from app.pipeline.bundles.container import MANIFEST, Finding, check_container, check_files, open_container, read_file
from app.pipeline.bundles.evidence_files import read_evidence_files
from app.pipeline.bundles.exact import NotExact, decode
from app.pipeline.bundles.manifest import Manifest, read_manifest
from app.pipeline.bundles.writing import DOCUMENT, INPUTS, SCORECARD, Moment, Numbers
from app.pipeline.scorecard_inputs import Inputs, Stored
from app.reports.weekly_facts import Week


class NotABundle(ValueError):
    """A file that is no bundle at all, or none with everything in it; the text says why."""


class Damaged(ValueError):
    """A bundle that is not as its manifest says; `findings` name every place."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(f"{len(findings)} places of the bundle are not as they were written")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose every byte is as it was written."""

    manifest: Manifest
    container: zipfile.ZipFile

    def json(self, path: str) -> Any:
        """A JSON file of it."""
        return json.loads(read_file(self.container, path))


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A bundle to be read, once all of it has been checked.

    Raises:
        NotABundle: If the file cannot be read as one.
        Damaged: If any byte of it is not as it was written.
    """
    try:
        with path.open("rb") as stream:
            yield _checked(stream)
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise NotABundle(message) from error


def _checked(stream: BinaryIO) -> Opened:
    try:
        container = open_container(stream)
        manifest = read_manifest(read_file(container, MANIFEST))
    except (zipfile.BadZipFile, NotExact) as error:
        # What says how the rest must be is damaged itself: all that can be named is this.
        message = f"no bundle, or damaged where it says what is in it: {error}"
        raise NotABundle(message) from error
    findings = [*check_container(stream, container), *check_files(stream, container, list(manifest.files))]
    if findings:
        raise Damaged(findings)
    return Opened(manifest, container)


def read_stored(bundle: Opened) -> tuple[Stored, Moment, Week | None]:
    """What the scorecard was made of, as it was stored, the moment, and what a weekly report says besides.

    Raises:
        NotABundle: If parts of it are not there, or do not fit this program.
    """
    if bundle.manifest.part != "all":
        message = (
            f"it holds only the part {bundle.manifest.part!r}: figures are computed from a whole bundle (--format parquet)"
        )
        raise NotABundle(message)
    try:
        return _stored(bundle)
    except (NotExact, KeyError, TypeError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        message = f"this program cannot read what the bundle holds: {error}"
        raise NotABundle(message) from error


def _stored(bundle: Opened) -> tuple[Stored, Moment, Week | None]:
    document = bundle.json(INPUTS)
    inputs: Inputs = decode(document["inputs"], Inputs, "inputs")
    moment: Moment = decode(document["moment"], Moment, "moment")
    numbers: Numbers = decode(document["numbers"], Numbers, "numbers")
    paths = frozenset(each.path for each in bundle.manifest.files)
    columns = read_evidence_files(
        inputs.pilot,
        lambda path: read_columns(read_file(bundle.container, path), path),
        paths,
        numbers.finding_labels,
        numbers.rubrics,
    )
    stored = Stored(
        **{field.name: getattr(inputs, field.name) for field in fields(Inputs)},
        evidence=columns.evidence,
        findings=columns.findings,
        scores=columns.scores,
        cuts=columns.cuts,
        paid_grades=numbers.paid_grades,
        confusions=numbers.confusions,
        served=numbers.served,
    )
    week: Week | None = decode(document["week"], Week | None, "week")
    return stored, moment, week


def frozen_figures(bundle: Opened) -> tuple[Any, Any]:
    """The frozen scorecard and document; `NotABundle` if they are not there."""
    try:
        return bundle.json(SCORECARD), bundle.json(DOCUMENT)
    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
        message = f"this program cannot read what the bundle holds: {error}"
        raise NotABundle(message) from error
