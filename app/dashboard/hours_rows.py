"""One entry of hours in place: its row after a change, or with what was wrong, and the sums that changed with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.hours_views import EntryView, facts_of, sums_of
from app.dashboard.places import pilot_address
from app.dashboard.responses import page
from app.dashboard.visitors import Door, Visitor
from app.domain.hours import KINDS
from app.pipeline.hours import may_change
from app.pipeline.hours_totals import totals_of
from app.store.hours import find_version
from app.store.pilots import get_pilot
from app.store.session import session_scope


def is_in_place(request: Request) -> bool:
    """Whether the page asks for a part of itself."""
    return request.headers.get("hx-request") == "true"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one entry.

    Attributes:
        entry: The one that counts now, or that was not changed; `None` = it is gone.
        said: What was done.
        typed: What its form was sent with, and refused: the form stays open.
        problems: What was wrong with it.
        after: Pages of entries before this one's.
        status: Of the response.
    """

    entry: int | None
    said: str = ""
    typed: Mapping[str, str] | None = None
    problems: Sequence[str] = ()
    after: int = 0
    status: int = 200


def changed_row(door: Door, visitor: Visitor, name: str, change: Change) -> Response:
    """The row of an entry; where nothing was wrong also the sums and what to say."""
    with session_scope(door.session_factory) as session:
        pilot = get_pilot(session, name)
        _, totals = totals_of(session, pilot)
        version = find_version(session, pilot.id, change.entry) if change.entry is not None else None
    row = None if version is None else EntryView.of(version, change.typed, may=may_change(version, visitor.principal))
    return page(
        "hours_changed.html",
        change.status,
        entry=row,
        facts=facts_of(totals, pilot.configuration),
        sums=sums_of(totals),
        count=totals.every.entries,
        problems=change.problems,
        said=change.said,
        after=change.after,
        kinds=KINDS,
        address=pilot_address(name, "hours"),
        is_fragment=True,
        **door.frame(visitor),
    )
