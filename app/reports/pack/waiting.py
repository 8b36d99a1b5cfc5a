"""Not enough evidence yet: what is missing, who gives it, by when, and what it costs to wait."""

from collections.abc import Iterator
from datetime import timedelta

from app.domain.words import Outcome
from app.reports import figures
from app.reports.context import Subject
from app.reports.pack.model import Missing
from app.reports.pack.money_words import range_of, saving_of

EXTENSION = timedelta(days=14)
# The beginning or a part of what would change the verdict (app/pipeline/advice.py), and whose work it is.
OWNERS = (
    (("Start it",), "Whoever runs the pilot"),
    (("Give what the saving needs", "Saving:", "US dollars", "GPU price"), "Whoever pays the bills"),
    (("Ask the candidate", "Grade the", "Grades for", "A judge", "Another judge"), "Whoever runs the pilot"),
    (("abel", "Answers for the drawn pairs"), "People who label"),
    (("Latency:", "Reliability:", "Another candidate"), "Engineers of the candidate"),
    (("conversations", "Time:", "extension"), "Traffic and time"),
)
ELSE = "Whoever runs the pilot"


def missing_of(subject: Subject) -> tuple[Missing, ...]:
    """One row for each thing that would change an open answer; none where it is decided."""
    verdict = subject.card.verdict
    if verdict.outcome is not Outcome.EXTEND or verdict.final:
        return ()
    by = _by_when(subject)
    return tuple(Missing(what=what, who=owner_of(what), by=by) for what in verdict.would_change)


def owner_of(what: str) -> str:
    """Whose work it is."""
    return next((who for parts, who in OWNERS if any(part in what for part in parts)), ELSE)


def _by_when(subject: Subject) -> str:
    """The end of the window while it runs, else that of the one extension."""
    end, as_of = subject.scorecard.window.to, subject.scorecard.as_of
    if end is None:
        return "before it starts"
    when, what = (end, "end of the pilot") if as_of is None or as_of < end else (end + EXTENSION, "end of an extension")
    return f"{figures.local_time(when, subject.timezone).split(',')[0]}, {what}"


def waiting_of(subject: Subject) -> tuple[str, ...]:
    """What it costs to wait; only where one waits."""
    verdict = subject.card.verdict
    return tuple(_costs(subject)) if verdict.outcome is Outcome.EXTEND and not verdict.final else ()


def _costs(subject: Subject) -> Iterator[str]:
    saving, cost = saving_of(subject), subject.card.cost
    if saving.value is None:
        yield "What waiting costs is unknown, because the saving is."
    elif saving.value > 0:
        ends = range_of(saving)
        about = f"{figures.money(saving.value)} ({ends})" if ends else figures.money(saving.value)
        yield f"If the answer turned out to be yes, each month of waiting would forgo about {about}."
    else:
        yield "Waiting forgoes no saving: moving would not be cheaper."
    spent, day = cost.pilot_total_usd if cost.pilot_total_usd is not None else cost.pilot_usd, subject.scorecard.day
    least = "" if cost.pilot_total_usd is not None else " at least"
    if day and spent:
        a_day = figures.money(spent / day)
        yield f"The pilot itself has cost{least} {figures.money(spent)} in {day} days: {a_day} a day on average."
    yield f"Until then users get {subject.incumbent}'s answers as today."
