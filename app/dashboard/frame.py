"""The frame of a pilot's pages: navigation, where the figures are from, and the sections of a report as a page."""

from collections.abc import Sequence
from typing import Any

from starlette.responses import HTMLResponse

from app.dashboard.places import groups_for, pilot_address
from app.dashboard.responses import page
from app.dashboard.standing import Standing
from app.dashboard.visitors import Door, Visitor
from app.domain.pilot import Pilot
from app.reports import figures
from app.reports.document import Section


def pilot_page(
    template: str, door: Door, visitor: Visitor, pilot: Pilot, place: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A page of a pilot from a template that extends `pilot_base.html`.

    Args:
        template: Its name.
        door: Knows the token of forms.
        visitor: Who looks; decides what the navigation shows.
        pilot: Whose page.
        place: Which of its pages, by its path in `places.GROUPS`.
        status: Of the response.
        values: What the template is given besides.
    """
    frame = {
        "pilot": pilot,
        "pilot_name": pilot.name,
        "place": place,
        "groups": groups_for(visitor.principal),
        "pilot_address": pilot_address,
    }
    return page(template, status, **(door.frame(visitor) | frame | values))


def section_page(
    door: Door, visitor: Visitor, standing: Standing, place: str, title: str, sections: Sequence[Section], **values: Any
) -> HTMLResponse:
    """A page that shows sections of a report, made of the newest stored figures, with interactive charts."""
    return pilot_page(
        "sections.html",
        door,
        visitor,
        standing.pilot,
        place,
        title=title,
        sections=sections,
        basis=basis_words(standing),
        **values,
    )


def basis_words(standing: Standing) -> str:
    """From when the figures of a page are."""
    card, timezone = standing.card, standing.pilot.configuration.pilot.timezone
    if card is None or standing.computed_at is None:
        return ""
    computed = figures.moment(standing.computed_at, timezone)
    if card.as_of is None:
        return f"No day is closed yet. Computed {computed}."
    return f"Closed days up to day {card.day}, data up to {figures.local_time(card.as_of, timezone)}. Computed {computed}."
