"""What each picture of times says in words and numbers; a report shows some of them, the page all."""

from collections.abc import Iterator, Sequence

from app.domain.operation_models import ArmsByLoad, ArmsCurve, CurvePoint, GroupTimes, HourTimes, LoadTimes
from app.domain.scorecard import EstimateModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Paragraph, Table, cells
from app.reports.latency_charts import curve_chart, curve_cut, days_chart, hours_chart, load_chart

TOLD_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999)
NEARLY = 1e-9
FEW, ENOUGH = "too few", 20
BY_CLUSTER = (
    "95% intervals of one look; answers of one clock hour resemble each other, so they count less than their number. "
    "Where none is drawn too few answers bound it; under 20 nothing is said."
)

ONLY_SEEN = Paragraph(
    tone="note",
    text="Only requests that the pilot saw are counted, for each arm its own: what else a vendor answers meanwhile nobody "
    "sees. A slow spell also makes requests pile up, so a rise is no proof of its cause; a rehearsal is.",
)


def curve_picture(subject: Subject, measure: str, title: str, objective: float | None) -> Iterator[Chart]:
    """The whole distribution of both arms' times."""
    curve = subject.card.latency.curve.get(measure)
    if curve is None or not (curve.incumbent or curve.candidate):
        return
    cut = curve_cut(curve, objective)
    yield Chart(
        name=f"{measure.replace('_', '-')}-curve-{subject.arm}",
        title=f"{title}: the share of answers that were there by then",
        spec=curve_chart(subject, curve, objective),
        alt=f"Share of answers by time. {_halves(subject, curve)}",
        caption=(
            f"Read across at a share: so many answers took no longer. Both scales start at 0. {_tail(subject, curve, cut)} "
            f"Bands: 95% intervals of each point by itself, valid at every look. n = {figures.count(curve.incumbent_n)} and "
            f"{figures.count(curve.candidate_n)} exchanges."
        ),
        data=_curve_table(subject, curve, title),
    )


def _halves(subject: Subject, curve: ArmsCurve) -> str:
    arms = ((subject.incumbent, curve.incumbent), (subject.name, curve.candidate))
    said = [f"{name}: half within {_at(points, 0.5)}, 95 of 100 within {_at(points, 0.95)}" for name, points in arms if points]
    return f"{'; '.join(said)}."


def _tail(subject: Subject, curve: ArmsCurve, cut: float) -> str:
    """What lies beyond the right edge, in words."""
    arms = ((subject.incumbent, curve.incumbent), (subject.name, curve.candidate))
    said = [
        f"of {name} {100 * points[-1].share:g} of 100 came within {figures.seconds(points[-1].seconds)}"
        for name, points in arms
        if points and points[-1].seconds > cut
    ]
    return f"The slowest lie right of the edge: {figures.names(said)}." if said else "All points of both lie within it."


def _at(points: Sequence[CurvePoint], share: float) -> str:
    found = next((point for point in points if abs(point.share - share) < NEARLY), None)
    return figures.UNKNOWN if found is None else figures.seconds(found.seconds)


def _curve_table(subject: Subject, curve: ArmsCurve, title: str) -> Table:
    return Table(
        caption=title,
        columns=("Share of answers", subject.incumbent, subject.name),
        rows=tuple(
            cells(f"{100 * share:g} of 100", _told(curve.incumbent, share), _told(curve.candidate, share))
            for share in TOLD_SHARES
        ),
        numeric=2,
        note="Within so long; in brackets the 95% interval.",
    )


def _told(points: Sequence[CurvePoint], share: float) -> str:
    for point in points:
        if abs(point.share - share) < NEARLY:
            return figures.seconds_with_interval(EstimateModel(value=point.seconds, low=point.low, high=point.high))
    return "too few answers"


def hours_picture(subject: Subject, measure: str, title: str, objective: float | None) -> Iterator[Chart]:
    """95 of 100 answers by the hour of the day."""
    hours = subject.card.latency.by_hour.get(measure, [])
    if all(group.p95.value is None for each in hours for group in (each.incumbent, each.candidate)):
        return
    n = [sum(group.p95.n for group in arm) for arm in ([e.incumbent for e in hours], [e.candidate for e in hours])]
    yield Chart(
        name=f"{measure.replace('_', '-')}-hours-{subject.arm}",
        title=f"{title}, 95 of 100 answers in seconds, by the hour of the day",
        spec=hours_chart(subject, hours, objective),
        alt=f"95 of 100 answers by the hour of the day. {_worst_hours(subject, hours)}",
        caption=(
            f"Broken line = {subject.incumbent}, whole line = {subject.name}; bands: {BY_CLUSTER} Times in {subject.timezone}; "
            f"the scale starts at 0. n = {figures.count(n[0])} and {figures.count(n[1])} exchanges of all hours."
        ),
        data=_hours_table(subject, hours, title),
    )


def _worst_hours(subject: Subject, hours: Sequence[HourTimes]) -> str:
    arms = ((subject.incumbent, [e.incumbent for e in hours]), (subject.name, [e.candidate for e in hours]))
    said = []
    for name, groups in arms:
        known = [(group.p95.value, hour) for hour, group in enumerate(groups) if group.p95.value is not None]
        if known:
            worst, hour = max(known)
            said.append(f"{name} is slowest from {hour}:00 to {hour + 1}:00, within {figures.seconds(worst)}")
    return f"{'; '.join(said)}."


def _hours_table(subject: Subject, hours: Sequence[HourTimes], title: str) -> Table:
    return Table(
        caption=f"{title}, by the hour of the day",
        columns=("Hour", *_four(subject)),
        rows=tuple(cells(f"{e.hour}:00", *_group(e.incumbent), *_group(e.candidate)) for e in hours),
        numeric=4,
        note=f"In brackets the number of answers, then the interval. {BY_CLUSTER}",
    )


def _four(subject: Subject) -> tuple[str, ...]:
    return tuple(f"{name}, {part}" for name in (subject.incumbent, subject.name) for part in ("half (n)", "95 of 100"))


def _group(group: GroupTimes) -> tuple[str, str]:
    n = figures.count(group.p95.n)
    if group.p95.value is None:
        return f"{FEW} ({n})", FEW
    return f"{figures.seconds(group.p50.value)} ({n})", figures.seconds_with_interval(group.p95)


def load_picture(subject: Subject, measure: str, title: str, objective: float | None) -> Iterator[Chart | Paragraph]:
    """95 of 100 answers by the load of the moment, and whether they grow with it."""
    loads = subject.card.latency.by_load.get(measure, ArmsByLoad())
    if all(each.times.p95.value is None for each in (*loads.incumbent, *loads.candidate)):
        return
    varied = max(sum(each.times.p95.value is not None for each in bins) for bins in (loads.incumbent, loads.candidate))
    if varied > 1:
        yield _load_chart(subject, measure, title, objective, loads)
    yield Paragraph(text=" ".join(_growth(subject, loads)))


def _load_chart(subject: Subject, measure: str, title: str, objective: float | None, loads: ArmsByLoad) -> Chart:
    n = [sum(each.times.p95.n for each in bins) for bins in (loads.incumbent, loads.candidate)]
    return Chart(
        name=f"{measure.replace('_', '-')}-load-{subject.arm}",
        title=f"{title}, 95 of 100 answers in seconds, by the load of the moment",
        spec=load_chart(subject, loads, objective),
        alt=f"95 of 100 answers by the requests under way. {' '.join(_growth(subject, loads))}",
        caption=(
            f"Square = {subject.incumbent}, circle = {subject.name}: each stands for a fifth of the arm's answers, the busiest "
            f"twentieth apart. Lines: {BY_CLUSTER} Both scales start at 0. n = {figures.count(n[0])} and "
            f"{figures.count(n[1])} exchanges."
        ),
        data=_load_table(subject, loads, title),
    )


def _growth(subject: Subject, loads: ArmsByLoad) -> Iterator[str]:
    for name, bins in ((subject.incumbent, loads.incumbent), (subject.name, loads.candidate)):
        known = [each for each in bins if each.times.p95.value is not None]
        if len(known) < 2:  # noqa: PLR2004 - one load compares with nothing
            yield (
                f"{name}: its load hardly varied, {_span(known[0])} under way." if known else f"{name}: its load is not known."
            )
            continue
        first, last = known[0], known[-1]
        ends = [
            f"with {_span(each)} under way 95 of 100 within {figures.seconds(each.times.p95.value)}" for each in (first, last)
        ]
        yield f"{name}: {', '.join(ends)}; {_verdict(first.times.p95, last.times.p95)}."


def _verdict(first: EstimateModel, last: EstimateModel) -> str:
    if last.low is None or first.high is None:
        return "whether it grows is not known"
    return "it grows, the intervals lie apart" if last.low > first.high else "no growth is shown"


def _span(load: LoadTimes) -> str:
    return f"{load.at_once_from}" if load.at_once_from == load.at_once_to else f"{load.at_once_from} to {load.at_once_to}"


def days_picture(subject: Subject, measure: str, title: str, objective: float | None) -> Iterator[Chart]:
    """95 of 100 answers of the candidate on each day."""
    days = [each for each in subject.card.latency.p95_by_day.get(measure, []) if each.estimate.n >= ENOUGH]
    if not days:
        return
    values = {each.day: each.estimate.value or 0.0 for each in days}
    worst = max(values, key=lambda day: values[day])
    yield Chart(
        name=f"{measure.replace('_', '-')}-days-{subject.arm}",
        title=f"{title}, 95 of 100 answers of {subject.name} in seconds, by day",
        spec=days_chart(subject, days, objective),
        alt=f"95 of 100 answers by day. The slowest day was day {worst}, within {figures.seconds(values[worst])}.",
        caption=f"Lines: 95% interval of each day by itself, where its answers bound it; days under {ENOUGH} are left out. "
        f"The scale starts at 0. n = {figures.count(sum(each.estimate.n for each in days))} exchanges of {len(days)} days.",
        data=Table(
            caption=f"{title}, by day",
            columns=("Day", "95 of 100", "Exchanges"),
            rows=tuple(
                cells(figures.count(e.day), figures.seconds_with_interval(e.estimate), figures.count(e.estimate.n))
                for e in days
            ),
            numeric=2,
        ),
    )


def _load_table(subject: Subject, loads: ArmsByLoad, title: str) -> Table:
    arms = ((0, subject.incumbent, loads.incumbent), (subject.arm, subject.name, loads.candidate))
    return Table(
        caption=f"{title}, by the load of the moment",
        columns=("Arm", "Requests under way", "Half", "95 of 100", "Answers"),
        rows=tuple(
            cells(Cell(text=name, arm=arm), _span(each), *_values(each.times), figures.count(each.times.p95.n))
            for arm, name, bins in arms
            for each in bins
        ),
        numeric=4,
        note=BY_CLUSTER,
    )


def _values(group: GroupTimes) -> tuple[str, str]:
    if group.p95.value is None:
        return FEW, FEW
    return figures.seconds_with_interval(group.p50), figures.seconds_with_interval(group.p95)
