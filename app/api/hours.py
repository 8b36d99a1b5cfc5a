"""Engineering hours."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Labeller, Operator, ServicesDep, Viewer
from app.api.hours_bodies import (
    HoursBody,
    HoursChanges,
    HoursHistoryBody,
    HoursImportBody,
    HoursList,
    HoursVersionBody,
    NewHours,
)
from app.api.paths import Id
from app.capture.hours.fields import COLUMNS
from app.capture.hours.reading import OWN
from app.domain.hours import DayOrder, HoursKind
from app.pipeline.hours import correct_hours, hours_history, log_hours, remove_hours
from app.pipeline.hours_import import HoursImport, hours_file, import_hours
from app.pipeline.hours_totals import totals_of
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.session import session_scope

router = APIRouter(prefix="/pilots/{name}/hours", tags=["hours"])
CSV = text_body(
    "text/csv",
    f"A header and one line an entry; columns: {', '.join(COLUMNS)}; the last two may be left out. "
    "Or an export of Toggl Track, Clockify or Jira, told apart by its header.",
)
CONTENT = {"text/csv": {"schema": {"type": "string"}}}
REASON = Query(max_length=1000, description="Why; kept in the entry's history.")


@router.post("", status_code=201)
def add_hours(services: ServicesDep, who: Labeller, name: str, new: NewHours) -> HoursBody:
    """Logs hours of one person on one day."""
    raw = {key: str(value) for key, value in new.model_dump(mode="json").items()}
    with session_scope(services.session_factory) as session:
        return HoursBody.of(log_hours(session, name, raw, who.name))


@router.get("")
def read_hours(services: ServicesDep, _: Viewer, name: str) -> HoursList:
    """All hours of a pilot that count, by day, and their sums by kind, person and week."""
    with session_scope(services.session_factory) as session:
        return HoursList.of(*totals_of(session, get_pilot(session, name)))


@router.post("/import", openapi_extra=CSV, response_model_exclude_unset=True)
def import_hours_file(
    services: ServicesDep,
    who: Operator,
    name: str,
    text: RawBody,
    *,
    kind: Annotated[HoursKind | None, Query(description="Of all of a tracker's entries that no rule names.")] = None,
    kind_of: Annotated[
        list[str] | None, Query(description="`LABEL=KIND`: of a tracker's entries with that tag, task, project or issue.")
    ] = None,
    dates: Annotated[DayOrder | None, Query(description="How a tracker's file writes days such as 02/03/2026.")] = None,
) -> HoursImportBody:
    """Logs all lines of a file, or none and names every line that is wrong; the same file again adds nothing."""
    with session_scope(services.session_factory) as session:
        return _imported(import_hours(session, name, text, who.name, kind=kind, kind_of=kind_of or (), dates=dates))


@router.get("/export", response_class=Response, responses={200: {"content": CONTENT}})
def export_hours_file(services: ServicesDep, _: Viewer, name: str) -> Response:
    """All hours that count as CSV, in the format that can be imported."""
    with session_scope(services.session_factory) as session:
        text = hours_file(list_hours(session, get_pilot(session, name).id))
    headers = {"Content-Disposition": 'attachment; filename="hours.csv"', "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/csv", headers=headers)


@router.patch("/{entry_id}")
def correct_hours_entry(services: ServicesDep, who: Labeller, name: str, entry_id: Id, changes: HoursChanges) -> HoursBody:
    """Puts a corrected entry, with a number of its own, in place of one; the old one stays in the history.

    Operators correct every entry, labellers those that they logged.
    """
    with session_scope(services.session_factory) as session:
        return HoursBody.of(correct_hours(session, name, entry_id, changes.texts(), who, reason=changes.reason))


@router.delete("/{entry_id}", status_code=204, response_class=Response)
def remove_hours_entry(
    services: ServicesDep, who: Labeller, name: str, entry_id: Id, reason: Annotated[str, REASON] = ""
) -> Response:
    """Marks an entry as removed: it counts no more and stays in the history."""
    with session_scope(services.session_factory) as session:
        remove_hours(session, name, entry_id, who, reason=reason)
    return Response(status_code=204)


@router.get("/{entry_id}/history")
def read_hours_history(services: ServicesDep, _: Viewer, name: str, entry_id: Id) -> HoursHistoryBody:
    """All versions of an entry, oldest first; asked for by the number of any of them."""
    with session_scope(services.session_factory) as session:
        found = hours_history(session, name, entry_id)
    return HoursHistoryBody(versions=[HoursVersionBody.of_version(version) for version in found])


def _imported(done: HoursImport) -> HoursImportBody:
    body = HoursImportBody(lines=done.lines, new=done.new, unchanged=done.unchanged)
    if done.source == OWN:
        return body
    return HoursImportBody(
        **body.model_dump(include={"lines", "new", "unchanged"}),
        source=done.source,
        corrected=done.corrected,
        too_short=done.too_short,
        one_off_hours=float(done.one_off_hours),
        recurring_hours=float(done.recurring_hours),
        hours_by_kind={kind: float(hours) for kind, hours in done.hours_by_kind.items()},
    )
