"""Grading anew what another version of a grader has graded: old grades stay, nothing is paid for twice."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.grading import IMPORTED
from app.domain.pilot import Pilot
from app.domain.words import OTHER_SEGMENT
from app.errors import InvalidInput, Problem
from app.graders.catalogue import is_function, version_of
from app.pipeline.settlement import model_version
from app.store.pilots import get_pilot
from app.store.regrading import GradedVersion, graded_versions, reopen_stale


def current_versions(configuration: PilotConfiguration) -> dict[str, str | None]:
    """The present version of each grader of a pilot, by its name.

    `None`: nobody can be asked, or (a user's own function) only the worker that runs it knows.
    """
    names = {configuration.grader_of(segment.name) for segment in configuration.segment}
    names.add(configuration.grader_of(OTHER_SEGMENT))
    return {name: model_version(configuration, name) or version_of(name) for name in sorted(names)}


def versions_of(session: Session, pilot_name: str) -> list[tuple[GradedVersion, bool]]:
    """Every version that has graded pairs of a pilot, and whether its grades count: the present ones and imported ones do."""
    pilot = get_pilot(session, pilot_name)
    current = current_versions(pilot.configuration)
    return [
        (found, found.version in (current.get(found.grader), IMPORTED) or is_function(found.grader))
        for found in graded_versions(session, pilot.id)
    ]


def reopen_for(session: Session, pilot: Pilot, grader: str | None, version: str | None) -> None:
    """Pairs that the present version of a grader has not graded are pending again.

    Args:
        session: The transaction.
        pilot: Whose pairs.
        grader: Which; `None` = each.
        version: The version that is meant; `None` = the present one, whichever it is.

    Raises:
        InvalidInput: The pilot has no such grader, or its present version is another one.
    """
    current = current_versions(pilot.configuration)
    _refuse_unknown(session, pilot, current, grader, version)
    for name in [grader] if grader is not None else current:
        if current[name] is not None or is_function(name):
            segments, is_within = _segments(pilot.configuration, name)
            reopen_stale(
                session, pilot.id, grader=name, version=current[name], segments=segments, is_within=is_within
            )  # fmt: skip


def _refuse_unknown(
    session: Session, pilot: Pilot, current: Mapping[str, str | None], grader: str | None, version: str | None
) -> None:
    if grader is None and version is not None:
        _refuse("version", "a version is of one grader: name it too")
    if grader is not None and grader not in current:
        _refuse("grader", f"no segment of {pilot.name} is graded by {grader!r}; its graders are {', '.join(current)}")
    if grader is None or version is None or version == current[grader]:
        return
    if is_function(grader):
        _refuse("version", f"the version of {grader!r} is known only where it runs: leave it out")
    stored = [each for each in graded_versions(session, pilot.id) if (each.grader, each.version) == (grader, version)]
    kept = f"; {sum(each.pairs for each in stored):,} pairs were graded by it, and those grades stay" if stored else ""
    present = current[grader] or "none, for nobody can be asked"
    _refuse("version", f"the present version of {grader!r} is {present}, not {version!r}{kept}")


def _refuse(field: str, message: str) -> None:
    raise InvalidInput(message, (Problem(message, field=field, code="unknown_grader"),))


def _segments(configuration: PilotConfiguration, grader: str) -> tuple[list[str], bool]:
    """The segments of a grader, or all but these: `other` and unnamed ones go with the judge."""
    others = [segment.name for segment in configuration.segment if segment.grader != grader]
    own = [segment.name for segment in configuration.segment if segment.grader == grader]
    return (others, False) if configuration.grader_of(OTHER_SEGMENT) == grader else (own, True)
