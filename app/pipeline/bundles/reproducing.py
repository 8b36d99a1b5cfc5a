"""Computes a bundle's scorecard and report again and compares them with the frozen ones, figure by figure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.domain.configuration import PilotConfiguration
from app.domain.hours import HoursEntry
from app.domain.scorecard import Scorecard
from app.pipeline.bundles.comparing import Comparison, compare
from app.pipeline.bundles.manifest import Manifest, library_versions
from app.pipeline.bundles.reading import frozen_figures, opened, read_stored
from app.pipeline.bundles.writing import Moment
from app.pipeline.freshness import program_hash
from app.pipeline.last_digits import with_stored_digits
from app.pipeline.scorecard import make_scorecard
from app.pipeline.scorecard_inputs import Stored
from app.reports.build import build_document, scorecard_json
from app.reports.document import Document
from app.reports.weekly import with_week
from app.reports.weekly_facts import Week


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What came of it.

    Attributes:
        manifest: Of the bundle.
        parts: `scorecard` and `document`, each compared with the frozen one.
        other_days: Closed days whose evidence has another hash than was noted; days that people labelled have names left out.
        is_same_program: The program that made the bundle is this one.
        libraries: Those whose version is another one: the bundle's and this machine's.
    """

    manifest: Manifest
    parts: dict[str, Comparison]
    other_days: tuple[int, ...]
    is_same_program: bool
    libraries: dict[str, tuple[str, str]]

    @property
    def is_same(self) -> bool:
        """Whether every figure is the same."""
        return not self.other_days and all(part.is_same for part in self.parts.values())


def reproduce(path: Path) -> Reproduced:
    """Checks a bundle, computes everything again and compares.

    Raises:
        NotABundle: If it cannot be read as one.
        Damaged: If any byte of it is not as it was written.
    """
    with opened(path) as bundle:
        stored, moment, week = read_stored(bundle)
        scorecard, document = frozen_figures(bundle)
        manifest = bundle.manifest
    figures, written, hashes = computed(stored, moment, week=week, known_hashes=moment.day_hashes)
    return Reproduced(
        manifest=manifest,
        parts={"scorecard": compare(scorecard, figures, "scorecard"), "document": compare(document, written, "document")},
        other_days=_other_days(stored, moment, hashes),
        is_same_program=manifest.report.get("program_hash") == program_hash(),
        libraries=_other_libraries(manifest.libraries),
    )


def computed(
    stored: Stored, moment: Moment, *, week: Week | None = None, known_hashes: Mapping[int, str] | None = None
) -> tuple[Any, Any, Mapping[int, str]]:
    """The scorecard and the document as JSON holds them, and the hash of each closed day's evidence.

    Args:
        stored: What was read from the store, or from a bundle.
        moment: When the report was made.
        week: What a weekly one says besides.
        known_hashes: Of each closed day, where the evidence has numbers instead of people's names.
    """
    made, hashes, _ = make_scorecard(stored, as_of=moment.as_of, now=moment.now, known_hashes=known_hashes)
    made = made.model_copy(update={"days_reopened": list(moment.days_reopened)})
    card = with_stored_digits(made)
    document = document_of(card, stored.pilot.configuration, stored.hours, moment.now, week)
    return _as_json(scorecard_json(card)), _as_json(document.model_dump(mode="json")), hashes


def document_of(
    card: Scorecard, configuration: PilotConfiguration, hours: Sequence[HoursEntry], now: datetime, week: Week | None
) -> Document:
    """The whole report: the same function makes it at first and again."""
    document = build_document(card, configuration, hours, now)
    return with_week(document, card, configuration, week) if week is not None else document


def _as_json(document: Any) -> Any:
    return json.loads(json.dumps(document))


def _other_days(stored: Stored, moment: Moment, hashes: Mapping[int, str]) -> tuple[int, ...]:
    """Days that nobody labelled must hash to what was noted; the others were hashed with names that are not here."""
    if stored.pilot.starts_at is None:
        return ()
    evidence = stored.evidence
    labelled = {
        day
        for arm in evidence.arms.values()
        for day in _days_of(stored, arm.labels.rows.tolist())
    }  # fmt: skip
    control = evidence.live.control if evidence.live is not None else None
    labelled |= _days_of(stored, control.labels.rows.tolist()) if control is not None else set()
    differing = {day for day in hashes.keys() | moment.day_hashes.keys() if hashes.get(day) != moment.day_hashes.get(day)}
    return tuple(sorted(differing - labelled))


def _days_of(stored: Stored, rows: list[int]) -> set[int]:
    arrived, starts = stored.evidence.exchanges.arrived_us, stored.pilot.starts_at
    if starts is None or not rows:
        return set()
    begin = int(starts.timestamp() * 1_000_000)
    return {int((arrived[row] - begin) // 86_400_000_000) + 1 for row in rows}


def _other_libraries(then: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    here = library_versions()
    names = sorted(then.keys() | here.keys())
    return {name: (then.get(name, ""), here.get(name, "")) for name in names if then.get(name) != here.get(name)}
