"""The top of a weekly report: what changed since the one before, and what needs a person. Short; the rest is at the end."""

from collections.abc import Iterator, Sequence

from app.domain.configuration import PilotConfiguration
from app.domain.scorecard import Scorecard
from app.reports import figures
from app.reports.context import planned_days
from app.reports.document import Block, Bullets, Cell, Document, Paragraph, Section, Table, cells
from app.reports.weekly_changes import Change, changes_between, figures_table
from app.reports.weekly_facts import AlarmSeen, Week
from app.reports.weekly_tasks import Task, tasks_of

MOST = 7
ALARM = 3


def with_week(document: Document, scorecard: Scorecard, configuration: PilotConfiguration, week: Week) -> Document:
    """The report with the week at its top, and what did not fit there at its end."""
    changes = _changes(scorecard, configuration, week)
    tasks = tasks_of(scorecard, configuration, week)
    top = Section(slug="week", title="This week", blocks=_top(scorecard, configuration, week, changes, tasks))
    rest = _rest(changes[MOST:], tasks[MOST:])
    return document.model_copy(update={"sections": (top, *document.sections, *rest)})


def _changes(scorecard: Scorecard, configuration: PilotConfiguration, week: Week) -> list[Change]:
    alarms = [Change(ALARM, text) for text in _alarm_lines(week.alarms, configuration.pilot.timezone)]
    earlier = week.earlier.card if week.earlier is not None else None
    compared = changes_between(earlier, scorecard, since=week.begins) if earlier is not None else []
    return sorted([*compared, *alarms], key=lambda change: change.rank)


def _alarm_lines(alarms: Sequence[AlarmSeen], timezone: str) -> Iterator[str]:
    """One line a kind of alarm, however often it rang; what it said stands on the page of alarms."""
    by_title: dict[str, list[AlarmSeen]] = {}
    for alarm in alarms:
        by_title.setdefault(alarm.title, []).append(alarm)
    for title, rang in by_title.items():
        newest = max(rang, key=lambda alarm: alarm.opened_at)
        often = "once" if len(rang) == 1 else f"{len(rang)} times, at last"
        state = "it holds still" if any(alarm.is_open for alarm in rang) else "it is over"
        said = newest.text if newest.text.endswith((".", "?")) else f"{newest.text}."
        yield f"Alarm “{title}”, {often} on {figures.local_time(newest.opened_at, timezone)}; {state}: {said}"


def _top(
    scorecard: Scorecard, configuration: PilotConfiguration, week: Week, changes: Sequence[Change], tasks: Sequence[Task]
) -> tuple[Block, ...]:
    blocks: list[Block] = [Paragraph(text=_lead(scorecard, configuration, week))]
    has_figures = week.earlier is not None and week.earlier.card is not None
    if has_figures or changes:
        blocks.append(
            Bullets(
                title="What changed",
                items=tuple(change.text for change in changes[:MOST]),
                when_empty="Nothing that would be told: no condition, no setting and no alarm changed.",
            )
        )
    if tasks:
        blocks.append(_tasks_table(tasks[:MOST], "What needs a person"))
    else:
        blocks.append(Paragraph(text="Nothing needs a person this week."))
    if week.earlier is not None and week.earlier.card is not None:
        blocks.append(figures_table(week.earlier.card, scorecard))
    left = max(0, len(changes) - MOST) + max(0, len(tasks) - MOST)
    if left:
        more = "one more line is" if left == 1 else f"{left} more lines are"
        blocks.append(Paragraph(text=f"The {more} at the end of this report, under “More of this week”.", tone="note"))
    return tuple(blocks)


def _lead(scorecard: Scorecard, configuration: PilotConfiguration, week: Week) -> str:
    timezone = configuration.pilot.timezone
    days = f"day {scorecard.day} of {planned_days(scorecard, configuration)}"
    last = " The pilot's days are over, so this is the last weekly report." if week.is_last else ""
    earlier = week.earlier
    if earlier is None:
        began = scorecard.window.from_
        begun = f"The pilot began on {figures.moment(began, timezone)}; " if began is not None else ""
        known = f"its figures reach to {days}" if scorecard.as_of is not None else "no day is closed yet"
        return f"This is the first weekly report: there is none to compare with. {begun}{known}.{last}".replace(
            "; its", "; its"
        )
    name = f"report {earlier.number} of {figures.moment(earlier.made_at, timezone)} (fingerprint {earlier.data_hash[:12]})"
    if earlier.card is None:
        return (
            f"Its figures reach to {days}. The week before, {name}, was made by another version: it cannot be compared.{last}"
        )
    then = f"day {earlier.card.day}"
    return f"Compared with {name}: then its figures reached to {then}, now to {days}.{last}"


def _tasks_table(tasks: Sequence[Task], caption: str) -> Table:
    return Table(
        caption=caption,
        columns=("What", "Who", "Where"),
        rows=tuple(cells(task.what, task.who, Cell(text=task.page, address=task.where)) for task in tasks),
    )


def _rest(changes: Sequence[Change], tasks: Sequence[Task]) -> tuple[Section, ...]:
    blocks: list[Block] = []
    if changes:
        blocks.append(Bullets(title="What else changed", items=tuple(change.text for change in changes)))
    if tasks:
        blocks.append(_tasks_table(tasks, "What else needs a person"))
    return (Section(slug="week-more", title="More of this week", blocks=tuple(blocks)),) if blocks else ()
