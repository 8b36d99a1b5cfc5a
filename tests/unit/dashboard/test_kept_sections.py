"""Sections are made once for the same figures, and anew for others."""

from datetime import UTC, datetime
from typing import Any

from app.dashboard.kept_sections import kept_sections
from app.dashboard.standing import Standing
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.reports.context import Subject
from app.reports.document import Section
from tests.builders import a_configuration
from tests.unit.reports.examples import SCORECARDS

AT = datetime(2026, 11, 30, tzinfo=UTC)
CARD = SCORECARDS["hybrid"]()


def standing(card_id: int | None, **tables: Any) -> Standing:
    pilot = Pilot(1, "support-bot", PilotState.RUNNING, a_configuration(**tables), (), AT, 0, False, False, True, AT, AT, None)
    return Standing(pilot, None if card_id is None else CARD, card_id, AT)


def test_the_same_figures_are_drawn_once_and_others_anew() -> None:
    made: list[str] = []

    def make(subject: Subject) -> tuple[Section, ...]:
        made.append(subject.name)
        return (Section(slug="one", title=f"{subject.name} {len(made)}"),)

    titles = [
        [section.title for section in kept_sections(each, make)]
        for each in (standing(1), standing(1), standing(2), standing(1, labels={"per_day": 3}), standing(1))
    ]
    assert titles == [["qwen 1"], ["qwen 1"], ["qwen 2"], ["qwen 3"], ["qwen 1"]]
    assert kept_sections(standing(None), make)[0].slug == "nothing-yet"
