"""Sections that are made once for the same stored figures: drawing a page's charts takes longer than all else that it does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from app.dashboard.evidence import evidence_of
from app.dashboard.standing import Standing
from app.domain.configuration import PilotConfiguration
from app.reports.context import Subject
from app.reports.document import Section

Make = Callable[[Subject], Sequence[Section]]


@dataclass(frozen=True, slots=True)
class _Figures:
    """What sections are made of: equal for the same stored scorecard and the same configuration."""

    card_id: int
    configuration: PilotConfiguration
    standing: Standing = field(compare=False)


def kept_sections(standing: Standing, make: Make) -> list[Section]:
    """What `evidence_of` gives; `make` is a function that lives as long as the process, not one made for a request."""
    if standing.card_id is None:
        return evidence_of(standing, make)
    return list(_made(_Figures(standing.card_id, standing.pilot.configuration, standing), make))


@lru_cache(maxsize=64)
def _made(figures: _Figures, make: Make) -> tuple[Section, ...]:
    return tuple(evidence_of(figures.standing, make))
