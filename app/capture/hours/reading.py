"""A file of hours, told apart by its header: our own CSV, or an export of a tracker."""

from collections.abc import Sequence

from app.capture.hours.days import DayReader
from app.capture.hours.fields import COLUMNS, REQUIRED, ReadEntry, ReadHours, read_entry, refused
from app.capture.hours.jira import is_jira, worklogs
from app.capture.hours.jira_json import json_worklogs
from app.capture.hours.kinds import KindRules
from app.capture.hours.tables import DELIMITERS, Table, decoded, plain_name
from app.capture.hours.timers import CLOCKIFY, TOGGL, is_clockify, is_toggl, timed_entries
from app.capture.hours.tracked import Terms, entries_of
from app.domain.hours import DayOrder
from app.errors import InvalidInput, Problem

OWN = "csv"
KNOWN = (
    f"known are our own CSV ({', '.join(COLUMNS)}), the detailed reports of Toggl Track and of Clockify, and worklogs of Jira "
    "(CSV with issue key, author, started and time spent; JSON)"
)


def read_hours(text: bytes, rules: KindRules, *, dates: DayOrder | None, timezone: str) -> ReadHours:
    """All entries of a file; `InvalidInput` names every line that is wrong.

    Args:
        text: The file.
        rules: Of which kind a tracker's entries are.
        dates: How days such as 02/03/2026 are written; `None` = they are refused.
        timezone: The pilot's, in which a moment with a zone has its day.
    """
    whole = decoded(text)
    terms = Terms(rules, DayReader(dates, timezone))
    if whole.lstrip()[:1] in ("{", "["):
        problems: list[Problem] = []
        return entries_of("jira", json_worklogs(whole, terms, problems), terms, problems)
    for delimiter in DELIMITERS:
        table = Table(whole, delimiter)
        names = {plain_name(name) for name in table.header}
        if is_clockify(names):
            return entries_of("clockify", timed_entries(table, CLOCKIFY, terms), terms, table.problems)
        if is_toggl(names):
            return entries_of("toggl", timed_entries(table, TOGGL, terms), terms, table.problems)
        if is_jira(names):
            return entries_of("jira", worklogs(table, terms), terms, table.problems)
    return _own(Table(whole), rules)


def _own(table: Table, rules: KindRules) -> ReadHours:
    """Our own format, which says the kind of every entry itself."""
    if rules.kind is not None or rules.rules:
        message = "our own format has a column for the kind: leave out kind and kind_of"
        raise InvalidInput(message, (Problem(message, field="kind"),))
    problems = _header_problems(table.header) if not table.problems else []
    if problems and not set(table.header) & set(COLUMNS):
        problems = [Problem(f"the header is of no known format; {KNOWN}", line=1)]
    entries: list[ReadEntry] = []
    for line, row in table.rows() if not problems else ():
        entry, wrong = read_entry(dict(zip(table.header, row, strict=True)), line)
        problems += wrong
        entries += [ReadEntry(entry)] if entry is not None else []
    problems += table.problems
    if problems:
        raise refused(sorted(problems, key=lambda problem: problem.line or 0))
    return ReadHours(OWN, entries)


def _header_problems(header: Sequence[str]) -> list[Problem]:
    unknown = [name for name in header if name not in COLUMNS]
    missing = sorted(REQUIRED - set(header))
    problems = [Problem(f"unknown column {name!r}; known: {', '.join(COLUMNS)}", field=name, line=1) for name in unknown]
    problems += [Problem(f"the column {name!r} is missing", field=name, line=1) for name in missing]
    if len(set(header)) != len(header):
        problems.append(Problem("a column is there twice", line=1))
    return problems
