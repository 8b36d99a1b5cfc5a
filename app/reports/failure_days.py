"""Failures day by day, as a picture with its numbers."""

from collections.abc import Iterator

from app.domain.operation_models import DayEstimate
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Chart, Table, cells
from app.reports.failure_charts import failures_by_day_chart

TITLE = "Share of each day's requests that failed"


def failures_by_day(subject: Subject) -> Iterator[Chart]:
    """Nothing where no closed day has requests."""
    rates = subject.card.reliability
    mine, theirs = _known(rates.by_day), _known(rates.incumbent_by_day)
    if not mine:
        return
    days = sorted({*mine, *theirs})
    n = sum(each.estimate.n for each in mine.values())
    limit = subject.failure_limit
    against = f" The line is the limit, {figures.small_percent(limit)}, for all days together." if limit is not None else ""
    yield Chart(
        name=f"failures-{subject.arm}",
        title=TITLE,
        spec=failures_by_day_chart(subject),
        alt=f"Failures of {subject.incumbent} and {subject.name} over {len(days)} days. {_worst(subject, mine)}",
        caption=f"Square = {subject.incumbent}, circle = {subject.name}; upright line = 95% interval of that day alone; "
        f"n = {figures.count(n)} exchanges.{against} The axis starts at 0; the widest intervals are cut off at its end.",
        data=Table(
            caption=TITLE,
            columns=("Day", f"{subject.incumbent} (95% interval)", f"{subject.name} (95% interval)", "Exchanges"),
            rows=tuple(
                cells(str(day), _share(theirs.get(day)), _share(mine.get(day)), _n(mine.get(day) or theirs.get(day)))
                for day in days
            ),
            numeric=3,
        ),
    )


def _known(series: list[DayEstimate]) -> dict[int, DayEstimate]:
    return {each.day: each for each in series if each.estimate.value is not None}


def _worst(subject: Subject, mine: dict[int, DayEstimate]) -> str:
    worst = max(mine.values(), key=lambda each: (each.estimate.value or 0.0, -each.day))
    if not worst.estimate.value:
        return f"On no day did {subject.name} fail."
    return f"Most failures of {subject.name}: day {worst.day}, {figures.small_percent(worst.estimate.value)}."


def _share(found: DayEstimate | None) -> str:
    return figures.NOTHING if found is None else figures.share_with_interval(found.estimate, small=True)


def _n(found: DayEstimate | None) -> str:
    return figures.NOTHING if found is None else figures.count(found.estimate.n)
