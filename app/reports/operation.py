"""How fast and how reliable both arms were."""

from collections.abc import Sequence

from app.domain.scorecard import ArmsEstimate, EstimateModel, LatencyModel, Quantiles, ReliabilityModel
from app.reports import figures
from app.reports.charts import QUANTILE_WORDS, latency_chart
from app.reports.context import Subject
from app.reports.days import latency_days, reliability_days
from app.reports.document import Cell, Chart, Paragraph, Section, Table, cells
from app.reports.failure_days import failures_by_day
from app.reports.latency_pictures import ONLY_SEEN, curve_picture, days_picture, hours_picture, load_picture
from app.reports.wording import FAILURE_KINDS, LATENCY_BASIS, plain

MEASURES = {
    "total_seconds": "Time to the whole answer",
    "ttft_any_seconds": "Time to the first sign of an answer",
    "ttft_visible_seconds": "Time to the first visible word",
    "tpot_seconds": "Time per further token",
}
CHARTED = {"total_seconds": "total_p95_seconds", "ttft_any_seconds": "ttft_any_p95_seconds"}

ONLY_QUANTILES = "Of this time only the quantiles are computed; distribution, hours, load and days are there for the"


def latency_section(subject: Subject) -> Section:
    """Both arms' times with intervals, beside the limit; of the main one its distribution and its hours, too."""
    found = [(measure, _chart(subject, measure)) for measure in CHARTED]
    charts = tuple(chart for _, chart in found if chart is not None)
    blocks: list[Paragraph | Chart | Table] = [_basis(subject), *charts]
    if charts:
        main = next(measure for measure, chart in found if chart is not None)
        terms = (subject, main, MEASURES[main], _objective(subject, main))
        blocks += [*curve_picture(*terms), *hours_picture(*terms), _times(subject, tuple(MEASURES))]
    return Section(slug=f"latency-{subject.arm}", title="Latency", blocks=(*blocks, *latency_days(subject)))


def latency_page_section(subject: Subject, measure: str) -> Section:
    """One time in every picture that there is of it; `KeyError` for one that is none of `MEASURES`."""
    title, blocks = MEASURES[measure], list[Paragraph | Chart | Table]((_basis(subject),))
    chart = _chart(subject, measure)
    if chart is None:
        blocks.append(Paragraph(text="No time of this kind counts yet: imported ones need accept_imported, replayed never do."))
    else:
        terms = (subject, measure, title, _objective(subject, measure))
        blocks += [chart, _times(subject, (measure,))]
        blocks += [*curve_picture(*terms), *hours_picture(*terms)]
        by_load = tuple(load_picture(*terms))
        blocks += [*by_load, *([ONLY_SEEN] if by_load else []), *days_picture(*terms)]
        if measure not in CHARTED:
            blocks.append(
                Paragraph(text=f"{ONLY_QUANTILES} {figures.names([MEASURES[each].lower() for each in CHARTED])}.", tone="note")
            )
    blocks += latency_days(subject, only=measure)
    return Section(
        slug=f"latency-{subject.arm}", title=f"{title}: {subject.name} and {subject.incumbent}", blocks=tuple(blocks)
    )


def under_load_sections(subject: Subject) -> tuple[Section, ...]:
    """Times by the load that the pilot itself brought; nothing where no time counts."""
    terms = ((subject, measure, MEASURES[measure], _objective(subject, measure)) for measure in CHARTED)
    blocks = tuple(block for each in terms for block in load_picture(*each))
    if not blocks:
        return ()
    return (Section(slug=f"under-load-{subject.arm}", title="Under the pilot's own load", blocks=(*blocks, ONLY_SEEN)),)


def _basis(subject: Subject) -> Paragraph:
    latency = subject.card.latency
    basis = LATENCY_BASIS.get(latency.basis, f"Times are {plain(latency.basis)}.")
    return Paragraph(text=f"{basis} {_objectives(subject)} {_left_out(latency)}".strip())


def _times(subject: Subject, measures: Sequence[str]) -> Table:
    latency = subject.card.latency
    return Table(
        caption="Times of both arms",
        columns=("Time", "Share of answers", subject.incumbent, subject.name),
        rows=tuple(row for measure in measures for row in _rows(measure, getattr(latency, measure))),
        numeric=2,
        note="Half = the median (p50), 95 of 100 = p95, 99 of 100 = p99; in brackets the 95% interval; "
        f"n = exchanges of {subject.incumbent}, {subject.name}.",
    )


def _left_out(latency: LatencyModel) -> str:
    said = []
    if latency.left_out_for_lag:
        said.append(f"{figures.count(latency.left_out_for_lag)} times are left out: our own process was late in reading them.")
    if latency.queue_lag_seconds_p99 is not None:
        lag = figures.seconds(latency.queue_lag_seconds_p99)
        said.append(f"99 of 100 live requests reached the candidate within {lag} of their arrival; its times do not hold that.")
    return " ".join(said)


def _objectives(subject: Subject) -> str:
    table = subject.configuration.latency
    if table is None:
        return "No limit is configured, so latency has no say in the answer."
    limits = ((MEASURES["ttft_any_seconds"], table.ttft_any_p95_seconds), (MEASURES["total_seconds"], table.total_p95_seconds))
    listed = [f"{name.lower()} at most {figures.seconds(limit)}" for name, limit in limits if limit is not None]
    return f"The limit for 95 of 100 answers: {figures.names(listed)}."


def _objective(subject: Subject, measure: str) -> float | None:
    table = subject.configuration.latency
    limit: float | None = getattr(table, CHARTED[measure]) if table is not None and measure in CHARTED else None
    return limit


def _has_values(quantiles: Quantiles) -> bool:
    every = (quantiles.p50, quantiles.p95, quantiles.p99)
    return any(arm.value is not None for both in every for arm in (both.incumbent, both.candidate))


def _chart(subject: Subject, measure: str) -> Chart | None:
    quantiles: Quantiles = getattr(subject.card.latency, measure)
    if not _has_values(quantiles):
        return None
    p95 = quantiles.p95
    spoken = (
        f"{subject.incumbent} {figures.seconds(p95.incumbent.value)}, {subject.name} {figures.seconds(p95.candidate.value)}"
    )
    n = f"n = {figures.count(p95.incumbent.n)} and {figures.count(p95.candidate.n)} exchanges"
    return Chart(
        name=f"{measure.replace('_', '-')}-{subject.arm}",
        title=MEASURES[measure],
        spec=latency_chart(subject, quantiles, _objective(subject, measure)),
        alt=f"{MEASURES[measure]} within which half, 95 and 99 of 100 answers came. 95 of 100: {spoken}.",
        caption=f"Square = {subject.incumbent}, circle = {subject.name}; line = 95% interval; {n}. The axis starts at 0.",
        data=None,
    )


def _rows(measure: str, quantiles: Quantiles) -> tuple[tuple[Cell, ...], ...]:
    if not _has_values(quantiles):
        return (cells(MEASURES[measure], figures.NOTHING, "unknown: not measured", "unknown: not measured"),)
    name = f"{MEASURES[measure]} (n = {figures.count(quantiles.p95.incumbent.n)}, {figures.count(quantiles.p95.candidate.n)})"
    return tuple(
        cells(name, words, *_both(getattr(quantiles, key)))
        for key, words in QUANTILE_WORDS.items()
    )  # fmt: skip


def _both(both: ArmsEstimate) -> tuple[str, str]:
    return tuple(  # type: ignore[return-value]  # two arms in, two texts out
        figures.seconds_with_interval(e) if e.value is not None else "unknown: too few times"
        for e in (both.incumbent, both.candidate)
    )


def reliability_section(subject: Subject) -> Section:
    """How often each arm failed, and whether they failed together."""
    rates = subject.card.reliability
    both = Table(
        caption="How often requests failed",
        columns=("Arm", "Failed (95% interval)", "Rests on", "How they failed"),
        rows=(
            cells(
                Cell(text=subject.incumbent, arm=0),
                _failed(rates.incumbent_failure_rate),
                f"{figures.count(rates.incumbent_failure_rate.n)} exchanges",
                _kinds(rates.incumbent_failure_kinds),
            ),
            cells(
                Cell(text=subject.name, arm=subject.arm),
                _failed(rates.candidate_failure_rate),
                f"{figures.count(rates.candidate_failure_rate.n)} exchanges",
                _kinds(rates.failure_kinds),
            ),
        ),
        note=f"{_availability(rates)} {_attempts(rates)}".strip(),
    )
    return Section(
        slug=f"reliability-{subject.arm}",
        title="Reliability",
        blocks=(both, *failures_by_day(subject), *reliability_days(subject), _two_by_two(subject)),
    )


def _failed(rate: EstimateModel) -> str:
    return "unknown: nothing was compared yet" if rate.value is None else figures.share_with_interval(rate, small=True)


def _availability(rates: ReliabilityModel) -> str:
    """Nothing where a table of its own says it."""
    rate = rates.candidate_available_rate
    if rates.candidate_available.value is not None:
        return ""
    if rate is None:
        return "How often the candidate was in service is unknown: it was not asked yet."
    return f"The candidate was in service for {figures.small_percent(rate)} of the requests that it was asked."


def _attempts(rates: ReliabilityModel) -> str:
    if not rates.incumbent_attempts_folded:
        return ""
    tried, failed = figures.count(rates.incumbent_attempts_folded), figures.count(rates.incumbent_failed_attempts)
    return f"The application's library tried again {tried} times ({failed} earlier attempts failed); the last attempt decides."


def _kinds(kinds: dict[str, int]) -> str:
    return "; ".join(f"{plain(kind, FAILURE_KINDS)}: {figures.count(n)}" for kind, n in kinds.items()) or figures.NOTHING


def _two_by_two(subject: Subject) -> Table:
    pairs = subject.card.coverage
    return Table(
        caption="Did they fail together?",
        columns=("Exchanges", f"{subject.name} answered", f"{subject.name} failed"),
        rows=(
            cells(f"{subject.incumbent} answered", figures.count(pairs.both_ok), figures.count(pairs.candidate_failed)),
            cells(f"{subject.incumbent} failed", figures.count(pairs.incumbent_failed), figures.count(pairs.both_failed)),
        ),
        numeric=2,
    )
