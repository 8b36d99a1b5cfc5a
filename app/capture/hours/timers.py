"""Detailed reports of Toggl Track and Clockify as CSV: one line is one timer, in the local time of who exported it.

Source: support.toggl.com, "Editing and uploading a CSV file"; clockify.me/help, "Exporting reports" and "Duration format".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal

from app.capture.hours.days import read_time
from app.capture.hours.durations import SECONDS, read_duration, span_of
from app.capture.hours.tables import Table
from app.capture.hours.tracked import Place, Terms, Tracked

Columns = Mapping[str, Sequence[str]]

# By what each column is; the first name that the header has is taken.
_SHARED: Columns = {
    "who": ("user", "member"), "email": ("email",), "client": ("client",), "project": ("project",), "task": ("task",),
    "note": ("description",), "tags": ("tags", "tag"), "day": ("start date",), "began": ("start time",),
    "end_day": ("end date", "stop date"), "ended": ("end time", "stop time"),
}  # fmt: skip
TOGGL: Columns = {**_SHARED, "duration": ("duration",)}
CLOCKIFY: Columns = {
    **_SHARED, "duration": ("duration (h)", "time (h)"), "decimal": ("duration (decimal)", "time (decimal)"),
}  # fmt: skip


def is_clockify(names: set[str]) -> bool:
    """Whether a header is that of a detailed report of Clockify."""
    return "start date" in names and any(name in names for key in ("duration", "decimal") for name in CLOCKIFY[key])


def is_toggl(names: set[str]) -> bool:
    """Whether a header is that of a detailed report of Toggl Track; its summary reports have no start date."""
    return "start date" in names and bool(names & {"duration", "end time", "stop time"}) and not is_clockify(names)


def timed_entries(table: Table, columns: Columns, terms: Terms) -> Iterator[Tracked]:
    """Every timer of a detailed report; the line of totals at the end of a Clockify export is none."""
    places = table.columns()
    at = {key: next((places[name][0] for name in names if name in places), None) for key, names in columns.items()}
    for line, row in table.rows():
        cells = {key: row[place].strip() if place is not None else "" for key, place in at.items()}
        if row[0].strip().casefold() == "total" and not cells["day"]:
            continue
        yield _timer(Row(Place(line), cells, {key: table.header[p] for key, p in at.items() if p is not None}), terms)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line by what they are, and what their columns are called in the file."""

    place: Place
    cells: Mapping[str, str]
    names: Mapping[str, str]

    def name(self, key: str) -> str:
        """What the column is called."""
        return self.names.get(key, key)


def _timer(row: Row, terms: Terms) -> Tracked:
    cells = row.cells
    day = row.place.read(row.name("day"), terms.days.day, cells["day"])
    began = _time(row, "began")
    hours = _hours(row, terms, day, began)
    labels = {
        "tags": [tag.strip() for tag in cells["tags"].split(",")],
        "task": [cells["task"]],
        "project": [cells["project"]],
        "client": [cells["client"]],
    }
    return Tracked(
        row.place,
        who=cells["who"] or cells["email"],
        day=day,
        began=began,
        hours=hours,
        labels=labels,
        note=cells["note"] or cells["task"] or cells["project"],
        is_timed=True,
        hours_column=row.name("duration"),
        who_column=row.name("who"),
    )


def _hours(row: Row, terms: Terms, day: date | None, began: time | None) -> Decimal | None:
    end_day = row.place.read(row.name("end_day"), terms.days.day, row.cells["end_day"]) if row.cells["end_day"] else None
    ended = _time(row, "ended")
    if row.place.problems or day is None:
        return None
    span = row.place.read(row.name("ended"), span_of, day, began, end_day, ended)
    for key in ("duration", "decimal"):
        if row.cells.get(key):
            return row.place.read(row.name(key), read_duration, row.cells[key], span)
    if span is None and not row.place.problems:
        row.place.wrong(row.name("duration"), "there is neither a duration nor an end: was the timer still running?")
    return _in_hours(span) if span is not None else None


def _in_hours(span: timedelta) -> Decimal:
    return Decimal(round(span.total_seconds())) / SECONDS


def _time(row: Row, key: str) -> time | None:
    text = row.cells[key]
    return row.place.read(row.name(key), read_time, text) if text else None
