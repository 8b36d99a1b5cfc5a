"""Where a pilot stands: its newest stored scorecard, never computed while somebody waits for a page."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.domain.pilot import Pilot
from app.domain.scorecard import Scorecard
from app.pipeline.standing import newest_scorecard
from app.reports.context import Subject
from app.store.pilots import get_pilot
from app.store.session import SessionFactory


@dataclass(frozen=True, slots=True)
class Standing:
    """A pilot and what is known of it.

    Attributes:
        card: `None` until one was computed.
        card_id: The stored scorecard's number.
        computed_at: When it was.
    """

    pilot: Pilot
    card: Scorecard | None
    card_id: int | None
    computed_at: datetime | None

    @property
    def subjects(self) -> list[Subject]:
        """The candidates as reports speak of them; none without a scorecard."""
        if self.card is None:
            return []
        return [
            Subject(name, place, candidate, self.card, self.pilot.configuration)
            for place, (name, candidate) in enumerate(self.card.candidates.items(), start=1)
        ]


def standing_of(session_factory: SessionFactory, name: str) -> Standing:
    """Where a pilot stands; `NotFound` if there is no such pilot."""
    with session_factory() as session:
        pilot = get_pilot(session, name)
        found = newest_scorecard(session, pilot.id)
    if found is None:
        return Standing(pilot, None, None, None)
    return Standing(pilot, _read(found.id, found.content), found.id, found.computed_at)


@lru_cache(maxsize=32)
def _read(_: int, content: str) -> Scorecard:
    """Reading one takes longer than all else that a page does."""
    return Scorecard.model_validate_json(content)
