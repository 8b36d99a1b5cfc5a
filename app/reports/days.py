"""Times and failures by day, the incumbent beside them, and how much of production's load the candidate saw."""

from collections.abc import Iterator

from app.domain.operation_models import AgainstIncumbent, LoadModel, OutagesModel
from app.domain.scorecard import EstimateModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Paragraph, Table, cells
from app.reports.wording import FAILURE_KINDS, plain

NEARLY_ALL = 0.99
TIMES = {"total_seconds": "the whole answer", "ttft_any_seconds": "the first sign of an answer"}


def latency_days(subject: Subject, *, only: str | None = None) -> Iterator[Paragraph | Table]:
    """The load, the worst day of each time (or of one only), and the difference to the incumbent where it can be told."""
    latency = subject.card.latency
    times = {name: words for name, words in TIMES.items() if only in (None, name)}
    if latency.load.words:
        yield Paragraph(text=_load(subject, latency.load))
    rows = tuple(
        cells(
            f"95 of 100: {words}",
            figures.count(worst.day),
            figures.seconds_with_interval(worst.estimate),
            figures.count(worst.estimate.n),
        )
        for name, words in times.items()
        if (worst := latency.worst_day.get(name)) is not None
    )
    if rows:
        yield Table(
            caption=f"The worst day of {subject.name}",
            columns=("Time within which", "Day", "Took (95% interval of that day)", "Exchanges"),
            rows=rows,
            numeric=3,
            note="Of the days with at least 20 exchanges. A limit kept over all days may be broken on one of them.",
        )
    for name, against in latency.against_incumbent.items():
        if only not in (None, name):
            continue
        yield Paragraph(text=_against(subject, TIMES.get(name, plain(name)), against), tone="note")


def _load(subject: Subject, load: LoadModel) -> str:
    told = f"{load.words[:1].upper()}{load.words[1:].rstrip('.')}."
    if load.share is None or load.share >= NEARLY_ALL:
        return told
    return f"{told} As the only server {subject.name} would see all of it; its times may then be longer."


def _against(subject: Subject, words: str, against: AgainstIncumbent) -> str:
    found = against.candidate_minus_incumbent_p95_seconds
    if found is None or found.value is None:
        because = f": {against.reason.rstrip('.')}" if against.reason else ""
        return f"For {words} nothing is said against {subject.incumbent}{because}."
    slower = "slower" if found.value >= 0 else "faster"
    ends = figures.interval(_signed(found.low), _signed(found.high))
    return (
        f"For {words} 95 of 100 answers of {subject.name} came {figures.seconds(abs(found.value))} {slower} than those of "
        f"{subject.incumbent} (difference {ends}, n = {figures.count(found.n)} exchanges). Shown only: the limit alone decides."
    )


def _signed(value: float | None) -> str:
    return figures.UNKNOWN if value is None else f"{value:+.2f} s"


def reliability_days(subject: Subject) -> Iterator[Paragraph | Table]:
    """Availability and each kind of failure with intervals, the worst day, and how failures come together."""
    rates = subject.card.reliability
    yield from _available(subject)
    kinds = (
        (subject.incumbent, 0, rates.incumbent_failure_kind_rates),
        (subject.name, subject.arm, rates.failure_kind_rates),
    )
    rows = tuple(
        cells(plain(kind, FAILURE_KINDS), Cell(text=name, arm=arm), _share(rate), figures.count(rate.n))
        for name, arm, each in kinds
        for kind, rate in each.items()
    )
    if rows:
        yield Table(
            caption="Failures by kind",
            columns=("How it failed", "Arm", "Share of requests (95% interval)", "Exchanges"),
            rows=rows,
            numeric=2,
        )
    if rates.worst_day is not None and rates.worst_day.estimate.value:
        worst = rates.worst_day
        yield Paragraph(
            text=f"The worst day of {subject.name} was day {worst.day}: {_share(worst.estimate)} of its requests failed, "
            f"n = {figures.count(worst.estimate.n)} exchanges."
        )
    yield from _together(subject.incumbent, rates.incumbent_outages.model_copy(update={"design_effect": 1.0}))
    yield from _together(subject.name, rates.outages)


def _available(subject: Subject) -> Iterator[Table]:
    rates = subject.card.reliability
    both = ((subject.incumbent, 0, rates.incumbent_available), (subject.name, subject.arm, rates.candidate_available))
    rows = tuple(
        cells(Cell(text=n, arm=arm), _share(rate), figures.count(rate.n)) for n, arm, rate in both if rate.value is not None
    )
    if rows:
        yield Table(
            caption="How often it was in service",
            columns=("Arm", "Found in service (95% interval)", "Requests"),
            rows=rows,
            numeric=2,
        )


def _share(rate: EstimateModel) -> str:
    return figures.share_with_interval(rate, small=True)


def _together(name: str, outages: OutagesModel) -> Iterator[Paragraph]:
    if not outages.episodes:
        return
    times = "one stretch" if outages.episodes == 1 else f"{figures.count(outages.episodes)} stretches"
    weigh = ""
    if outages.design_effect > 1:
        weigh = (
            f" Requests that fail together say less than single ones: as much as {figures.count(outages.effective_trials)} "
            "independent requests, and the condition is held to that."
        )
    yield Paragraph(text=f"The failures of {name} came in {times}; failures within five minutes of each other are one.{weigh}")
