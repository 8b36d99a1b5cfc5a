"""Jira's worklogs as its REST API gives them: of one issue, of a search for issues, or a list of either."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from app.capture.hours.durations import SECONDS
from app.capture.hours.fields import refused
from app.capture.hours.jira import note_of
from app.capture.hours.tracked import Place, Terms, Tracked
from app.errors import Problem

Labels = Mapping[str, Sequence[str]]
DEEPEST = 40


def json_worklogs(text: str, terms: Terms, problems: list[Problem]) -> Iterator[Tracked]:
    """Every worklog of a JSON file."""
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refused([Problem(f"this is not JSON: {error.msg}", line=error.lineno)]) from None
    pages = Pages()
    found = list(_worklogs(whole, "", "", {}, Reading(problems, pages)))
    problems += pages.problems()
    if not found and not problems:
        message = "there are no worklogs: give Jira's JSON with `worklogs`, or its issues with `fields.worklog`"
        raise refused([Problem(message, field="worklogs", line=1)])
    for path, worklog, issue, labels in found:
        yield _tracked(Place(path=path), worklog, issue, labels, terms)


@dataclass(slots=True)
class Pages:
    """Jira gives long lists in parts: some of an issue's worklogs must not be taken for all."""

    totals: dict[str, int] = field(default_factory=dict)
    given: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)

    def note(self, page: dict[str, Any], path: str, key: str) -> None:
        """Counts one part."""
        total, given = page.get("total"), page["worklogs"]
        if not isinstance(total, int) or not isinstance(given, list):
            return
        issue = key or next((str(worklog.get("issueId", "")) for worklog in given if isinstance(worklog, dict)), "")
        self.totals[issue] = max(total, self.totals.get(issue, 0))
        self.given[issue] += len(given)
        self.places.setdefault(issue, f"{path}.worklogs".lstrip("."))

    def problems(self) -> list[Problem]:
        """Issues of which a part is missing."""
        return [
            Problem(
                f"only {self.given[issue]} of {total} worklogs{f' of {issue}' if issue else ''} are there: ask Jira for all",
                field=self.places[issue],
            )
            for issue, total in self.totals.items()
            if total > self.given[issue]
        ]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is noted on the way through a file."""

    problems: list[Problem]
    pages: Pages


def _worklogs(
    there: Any, path: str, issue: str, labels: Labels, reading: Reading
) -> Iterator[tuple[str, dict[str, Any], str, Labels]]:
    """Path, worklog, and what is known of its issue."""
    is_deep = path.count("[") + path.count(".") > DEEPEST
    if isinstance(there, list) and not is_deep:
        for at, part in enumerate(there):
            yield from _worklogs(part, f"{path}[{at}]", issue, labels, reading)
    elif not isinstance(there, dict) or is_deep:
        reading.problems.append(Problem(f"{path[:80] or 'the file'} must be an object", field=path[:80] or None))
    elif "timeSpentSeconds" in there or "timeSpent" in there:
        yield path, there, _text(there.get("issueKey")) or issue, labels
    elif "worklogs" in there:
        key = _key(there) or issue
        reading.pages.note(there, path, key)
        yield from _worklogs(there["worklogs"], f"{path}.worklogs".lstrip("."), key, labels, reading)
    elif "issues" in there:
        yield from _worklogs(there["issues"], f"{path}.issues".lstrip("."), issue, labels, reading)
    else:
        yield from _of_issue(there, path, reading)


def _of_issue(there: dict[str, Any], path: str, reading: Reading) -> Iterator[tuple[str, dict[str, Any], str, Labels]]:
    """An issue as a search gives it: it may have no worklog."""
    fields = there.get("fields")
    if not isinstance(fields, dict):
        reading.problems.append(Problem(f"{path or 'the file'} has neither worklogs nor issues", field=path or None))
    elif isinstance(fields.get("worklog"), dict):
        place = f"{path}.fields.worklog".lstrip(".")
        yield from _worklogs(fields["worklog"], place, _key(there), _labels(fields), reading)


def _tracked(place: Place, worklog: dict[str, Any], issue: str, labels: Labels, terms: Terms) -> Tracked:
    author = worklog.get("author")
    author = author if isinstance(author, dict) else {}
    names = (_text(author.get(key)) for key in ("displayName", "emailAddress", "name", "accountId"))
    moment = place.read("started", terms.days.moment, _text(worklog.get("started")))
    day, began = moment if moment is not None else (None, None)
    return Tracked(
        place,
        who=next((name for name in names if name), ""),
        day=day,
        began=began,
        hours=_hours(place, worklog.get("timeSpentSeconds")),
        labels={**labels, "issue": [issue], "project": [issue.partition("-")[0]]},
        note=note_of(issue, _comment(worklog.get("comment"), 0).strip()),
        number=str(worklog["id"]) if isinstance(worklog.get("id"), int | str) else "",
        hours_column="timeSpentSeconds",
        who_column="author.displayName",
    )


def _hours(place: Place, seconds: Any) -> Decimal | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
        place.wrong("timeSpentSeconds", f"timeSpentSeconds must be whole seconds, not {str(seconds)[:40]!r}")
        return None
    return Decimal(seconds) / SECONDS


def _labels(fields: dict[str, Any]) -> Labels:
    components = fields.get("components")
    return {
        "labels": [label for label in fields.get("labels") or [] if isinstance(label, str)],
        "components": [_name(part) for part in components] if isinstance(components, list) else [],
        "issue type": [_name(fields.get("issuetype"))],
    }


def _name(part: Any) -> str:
    return _text(part.get("name")) if isinstance(part, dict) else ""


def _key(there: dict[str, Any]) -> str:
    return _text(there.get("key")) or _text(there.get("issueKey"))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _comment(node: Any, depth: int) -> str:
    """A comment as text: a string (v2), or Atlassian's document format (v3)."""
    if isinstance(node, str):
        return node
    if not isinstance(node, dict) or depth > DEEPEST:
        return ""
    if isinstance(node.get("text"), str):
        return str(node["text"])
    parts = [_comment(part, depth + 1) for part in node.get("content") or []]
    return "".join(parts) + ("\n" if node.get("type") == "paragraph" else "")
