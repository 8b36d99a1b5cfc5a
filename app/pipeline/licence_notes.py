"""What the catalogue knows of a candidate's licence, said when the pilot is created: a note, never an error."""

from pathlib import Path

from app.costs.catalogue.entries import Catalogue, catalogue
from app.domain.catalogue import CatalogueModel
from app.domain.configuration import CandidateTable, PilotConfiguration
from app.errors import InvalidInput
from app.pipeline.licences import licence_kind

KINDS = {
    "permissive": "permissive",
    "community": "a community licence with terms",
    "revenue_threshold": "free below a threshold of revenue",
    "non_commercial": "not for commercial use",
}


def licence_notes(configuration: PilotConfiguration, own: Path | None) -> tuple[str, ...]:
    """A note for each candidate whose licence is not what the catalogue says of exactly this model.

    Args:
        configuration: The pilot's.
        own: The user's own catalogue file; one that is wrong is said, and the built-in one is asked.
    """
    try:
        known, notes = catalogue(own), list[str]()
    except InvalidInput as error:
        known, notes = catalogue(), [f"{error.message}; the built-in catalogue is used"]
    notes += (note for note in (_note(candidate, known) for candidate in configuration.candidate) if note)
    return tuple(notes)


def _note(candidate: CandidateTable, known: Catalogue) -> str | None:
    model = known.model(candidate.model)
    if model is None:
        return None
    said = _said(model, known)
    if candidate.license is None:
        return f"candidate {candidate.name}: no licence is given; the catalogue says {said}"
    if licence_kind(candidate.license) == model.licence_kind:
        return None
    return (
        f"candidate {candidate.name}: license = {candidate.license!r}, but the catalogue says {said}. "
        "Read the licence of the weights that you serve, and correct pilot.toml or the catalogue"
    )


def _said(model: CatalogueModel, known: Catalogue) -> str:
    where = f"{known.title_of(model.source)}, {model.as_of}"
    return f"{model.licence} ({KINDS[model.licence_kind]}) for {model.name} ({where})"
