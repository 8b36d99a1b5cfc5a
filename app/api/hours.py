"""Engineering hours."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, field_validator

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Labeller, Operator, ServicesDep, Viewer
from app.domain.hours import HoursEntry, HoursKind
from app.pipeline.hours import COLUMNS, import_hours, log_hours
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.session import session_scope

router = APIRouter(prefix="/pilots/{name}/hours", tags=["hours"])
CSV = text_body("text/csv", f"A header and one line an entry; columns: {', '.join(COLUMNS)}; the last two may be left out.")


class NewHours(BaseModel):
    """Hours that a person worked; `recurring` = of a kind that comes again, extrapolated to a month."""

    model_config = ConfigDict(extra="forbid")

    who: str
    worked_on: date
    hours: float | str
    kind: HoursKind
    recurring: bool = False
    note: str = ""

    @field_validator("hours", mode="before")
    @classmethod
    def _a_number(cls, value: Any) -> Any:
        if isinstance(value, bool):
            msg = "must be a number"
            raise ValueError(msg)  # noqa: TRY004 - pydantic's way
        return value


class HoursBody(BaseModel):
    """A stored entry."""

    id: int
    who: str
    worked_on: date
    hours: float
    kind: str
    recurring: bool
    note: str


class HoursList(BaseModel):
    """All entries; `recurring_hours` are of a kind that comes again."""

    entries: list[HoursBody]
    one_off_hours: float
    recurring_hours: float


class HoursImportBody(BaseModel):
    """What an import did: lines that were stored already are `unchanged`."""

    lines: int
    new: int
    unchanged: int


@router.post("", status_code=201)
def add_hours(services: ServicesDep, who: Labeller, name: str, new: NewHours) -> HoursBody:
    """Logs hours of one person on one day."""
    raw = {key: str(value) for key, value in new.model_dump(mode="json").items()}
    with session_scope(services.session_factory) as session:
        return _body(log_hours(session, name, raw, who.name))


@router.get("")
def read_hours(services: ServicesDep, _: Viewer, name: str) -> HoursList:
    """All hours of a pilot, by day."""
    with session_scope(services.session_factory) as session:
        entries = list_hours(session, get_pilot(session, name).id)
    one_off = sum(entry.hours for entry in entries if not entry.is_recurring)
    recurring = sum(entry.hours for entry in entries if entry.is_recurring)
    return HoursList(
        entries=[_body(entry) for entry in entries], one_off_hours=float(one_off), recurring_hours=float(recurring)
    )


@router.post("/import", openapi_extra=CSV)
def import_hours_file(services: ServicesDep, who: Operator, name: str, text: RawBody) -> HoursImportBody:
    """Logs all lines of a CSV file, or none and names every line that is wrong; the same file again adds nothing."""
    with session_scope(services.session_factory) as session:
        done = import_hours(session, name, text, who.name)
    return HoursImportBody(lines=done.lines, new=done.new, unchanged=done.unchanged)


def _body(entry: HoursEntry) -> HoursBody:
    return HoursBody(
        id=entry.id,
        who=entry.who,
        worked_on=entry.worked_on,
        hours=float(entry.hours),
        kind=entry.kind,
        recurring=entry.is_recurring,
        note=entry.note,
    )
