"""Jira's worklogs: as CSV with one worklog a line (Tempo and others), as Jira's own CSV of issues, as JSON of its REST API.

Source: developer.atlassian.com, "Issue worklogs" of the REST API v2 and v3; the columns `Log Work` of Jira's CSV of all fields
(`comment;started;author;seconds`); Tempo Timesheets, export of worklogs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal

from app.capture.hours.durations import read_duration, read_seconds, read_spent
from app.capture.hours.tables import Table
from app.capture.hours.tracked import Place, Terms, Tracked

LOG_WORK = "log work"
COLUMNS: Mapping[str, Sequence[str]] = {
    "issue": ("issue key", "issuekey", "work item key", "key", "issue"),
    "who": ("full name", "author", "author display name", "worklog author", "user", "display name", "username", "user name"),
    "day": ("started", "work date", "start date", "worklog started", "worklog date", "date started", "started at", "date"),
    "note": ("comment", "work description", "worklog comment", "worklog description", "description"),
    "number": ("worklog id", "worklogid", "tempo worklog id"),
    "summary": ("issue summary", "summary"),
}
SPENT: Mapping[str, Callable[[str], Decimal]] = {
    "time spent (seconds)": read_seconds, "time spent seconds": read_seconds, "timespentseconds": read_seconds,
    "time spent (s)": read_seconds, "seconds": read_seconds,
    "hours": read_duration, "logged hours": read_duration, "time spent (h)": read_duration,
    "time spent (hours)": read_duration, "worked hours": read_duration, "logged": read_duration,
    "time spent": read_spent, "timespent": read_spent,
}  # fmt: skip
LABELS: Mapping[str, Sequence[str]] = {
    "labels": ("labels", "label", "tags", "issue labels"),
    "activity": ("activity name", "activity", "work type", "account name"),
    "components": ("components", "component", "component/s", "all components"),
    "issue type": ("issue type", "issuetype", "work item type"),
    "epic": ("epic", "epic link", "epic name", "parent summary"),
    "project": ("project", "project key", "project name"),
}


def is_jira(names: set[str]) -> bool:
    """Whether a header is that of worklogs, or of issues with their worklogs."""
    if not names & set(COLUMNS["issue"]):
        return False
    return LOG_WORK in names or bool(names & SPENT.keys() and names & set(COLUMNS["who"]) and names & set(COLUMNS["day"]))


def worklogs(table: Table, terms: Terms) -> Iterator[Tracked]:
    """Every worklog of a CSV file."""
    places = table.columns()
    at = {key: next((places[name][0] for name in names if name in places), None) for key, names in COLUMNS.items()}
    labelled = {key: [place for name in names for place in places.get(name, [])] for key, names in LABELS.items()}
    spent = next((name for name in SPENT if name in places), "")
    for line, row in table.rows():
        cells = {key: row[place].strip() if place is not None else "" for key, place in at.items()}
        labels = _labels(cells, {key: [row[place] for place in there] for key, there in labelled.items()})
        if LOG_WORK in places:
            logged = [row[place] for place in places[LOG_WORK] if row[place].strip()]
            yield from (_logged(Place(line), cells["issue"], labels, text, terms) for text in logged)
            continue
        place = Place(line)
        names = {key: table.header[column] for key, column in at.items() if column is not None}
        day, began = _moment(place, names["day"], terms, cells["day"])
        hours_name = table.header[places[spent][0]]
        yield Tracked(
            place,
            who=cells["who"],
            day=day,
            began=began,
            hours=place.read(hours_name, SPENT[spent], row[places[spent][0]]),
            labels=labels,
            note=note_of(cells["issue"], cells["note"] or cells["summary"]),
            number=cells["number"],
            hours_column=hours_name,
            who_column=names["who"],
        )


def note_of(issue: str, comment: str) -> str:
    """What it was about: the issue, then what was said."""
    return f"{issue}: {comment}" if issue and comment else issue or comment


def _labels(cells: Mapping[str, str], found: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    """Each level's labels; Jira separates several in a cell by commas, or by spaces in `Labels`."""
    split = {key: [part.strip() for cell in texts for part in cell.split(",")] for key, texts in found.items()}
    split["labels"] = [word for label in split["labels"] for word in [label, *label.split()]]
    return {**split, "issue": [cells["issue"]]}


def _logged(place: Place, issue: str, labels: Mapping[str, Sequence[str]], text: str, terms: Terms) -> Tracked:
    """One cell of `Log Work`: comment, start, author and seconds; the comment may have semicolons."""
    parts = text.rsplit(";", 3)
    comment, started, who, seconds = parts if len(parts) == 4 else ("", "", "", "")  # noqa: PLR2004 - see above
    if not seconds:
        place.wrong("Log Work", f"Log Work must be comment;started;author;seconds, not {text[:60]!r}")
        return Tracked(place, "unknown", None, None, None, labels, "")
    day, began = _moment(place, "Log Work", terms, started)
    hours = place.read("Log Work", read_seconds, seconds)
    return Tracked(
        place, who.strip(), day, began, hours, labels, note_of(issue, comment), hours_column="Log Work", who_column="Log Work"
    )


def _moment(place: Place, name: str, terms: Terms, text: str) -> tuple[date | None, time | None]:
    found = place.read(name, terms.days.moment, text)
    return found if found is not None else (None, None)
