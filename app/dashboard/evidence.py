"""Pages of evidence: the sections of each candidate, or what is missing where nothing is computed yet."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from app.dashboard.standing import Standing
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.reports.context import Subject
from app.reports.document import Bullets, Paragraph, Section

Make = Callable[[Subject], Sequence[Section]]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What sections are made of; equal ones give equal sections."""

    card_id: int | None
    computed_at: datetime | None
    configuration: str
    standing: Standing = field(compare=False)


def evidence_of(standing: Standing, make: Make) -> list[Section]:
    """The sections of all candidates, under each one's name where there are several.

    Args:
        standing: The newest stored figures.
        make: The sections of one candidate; a function of a module, by which they are kept until the figures change.
    """
    if standing.card is None:
        return [nothing_yet(standing.pilot)]
    configuration = standing.pilot.configuration.model_dump_json()
    return list(_made(make, _Basis(standing.card_id, standing.computed_at, configuration, standing)))


@lru_cache(maxsize=32)
def _made(make: Make, basis: _Basis) -> tuple[Section, ...]:
    """Drawing charts takes longer than all else that these pages do."""
    subjects = basis.standing.subjects
    if len(subjects) == 1:
        return tuple(make(subjects[0]))
    return tuple(
        Section(slug=f"candidate-{each.arm}", title=f"{each.name} against {each.incumbent}", sections=tuple(make(each)))
        for each in subjects
    )


def nothing_yet(pilot: Pilot) -> Section:
    """Why there are no figures, and what to do next."""
    return Section(
        slug="nothing-yet",
        title="There are no figures yet",
        blocks=(
            Paragraph(text=_why(pilot)),
            Bullets(title="What to do next", items=tuple(_steps(pilot)), when_empty="Nothing: they come by themselves."),
        ),
    )


def _why(pilot: Pilot) -> str:
    if pilot.state is PilotState.DRAFT:
        return "The pilot is a draft. Figures count from its start on, because limits and kinds of work are fixed with it."
    if pilot.state is PilotState.STOPPED:
        return "The pilot was stopped before any figures were computed."
    return "Figures are computed in the background, a few minutes after the first answers are stored."


def _steps(pilot: Pilot) -> Iterator[str]:
    name = pilot.name
    if pilot.starts_at is None:
        yield f"Nothing is stored: send production's requests through the gateway, or import: pilot import {name} FILE."
    if pilot.state is PilotState.DRAFT:
        yield f"Start it: pilot start {name}."
    if pilot.state is PilotState.RUNNING and not pilot.mirror_on:
        yield f"Mirroring is switched off: pilot mirror on {name}."
    if pilot.state is PilotState.RUNNING:
        yield f"See what it waits for: pilot status {name}."
    if pilot.state is PilotState.STOPPED:
        yield f"Read its scorecard, which computes it: pilot scorecard {name}."
