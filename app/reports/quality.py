"""How good the candidate's answers are, and how far the one who says so can be trusted."""

from app.domain.scorecard import EstimateModel, QualityModel, SegmentModel
from app.reports import figures
from app.reports.charts import segments_chart, win_rate_chart
from app.reports.context import Subject
from app.reports.document import Cell, Chart, Paragraph, Section, Table, cells
from app.reports.wording import GATE_OUTCOMES, UNGRADED_REASONS, plain

NOT_BUILT = "not_built"


def quality_section(subject: Subject) -> Section:
    """Win rate over days, the several ways to count it, and each kind of work."""
    blocks = (
        Paragraph(
            text=f"The win rate is how often the answer of {subject.name} was preferred to that of {subject.incumbent}, "
            f"a tie counting half. 50% means as good. The limit agreed before the pilot is {figures.percent(subject.limit)}: "
            "quality passes when the win rate is above it beyond reasonable doubt."
        ),
        *_over_days(subject),
        _ways_table(subject),
    )
    return Section(slug=f"quality-{subject.arm}", title="Quality of the answers", blocks=blocks)


def _over_days(subject: Subject) -> tuple[Chart | Paragraph, ...]:
    points = [p for p in subject.card.quality.by_day if p.value is not None]
    if not points:
        text = "The win rate over days is unknown: no closed day has graded answers yet."
        return (Paragraph(text=text, tone="note"),)
    last = points[-1]
    now = f"{figures.percent(last.value)} ({figures.interval(figures.percent(last.low), figures.percent(last.high))})"
    n = figures.count(last.n)
    data = Table(
        caption="Win rate up to each day",
        columns=("Day", "Win rate so far", "Interval", "Conversations so far"),
        rows=tuple(
            cells(
                str(p.day),
                figures.percent(p.value),
                figures.interval(figures.percent(p.low), figures.percent(p.high)) or figures.UNKNOWN,
                figures.count(p.n),
            )
            for p in subject.card.quality.by_day
        ),
        numeric=3,
    )
    chart = Chart(
        name=f"win-rate-{subject.arm}",
        title="Win rate, all days up to each one",
        spec=win_rate_chart(subject),
        alt=f"Line chart. On day {last.day} the win rate of {subject.name} is {now}; "
        f"the limit is {figures.percent(subject.limit)}.",
        caption=f"Day {last.day}: {now}, n = {n} conversations. The band is valid whenever one looks. "
        "The vertical axis does not start at 0, and wide bands of the first days are cut off at its ends.",
        data=data,
    )
    return (chart,)


def _ways_table(subject: Subject) -> Table:
    quality = subject.card.quality
    ways = (
        ("By conversation; this one decides", quality.win_rate, "conversations"),
        ("Plain mean of pairs", quality.win_rate_fixed, "pairs"),
        ("Pairs where both answered", quality.win_rate_without_failures, "conversations"),
        ("Without the pull of longer answers", quality.win_rate_length_controlled, "conversations"),
        ("Corrected by people's labels", quality.win_rate_human_corrected, "conversations"),
        ("People alone", quality.people_win_rate, "labels"),
    )
    return Table(
        caption="The win rate, counted several ways",
        columns=("How it is counted", "Win rate (95% interval)", "Rests on"),
        rows=tuple(cells(name, _share(estimate), f"{figures.count(estimate.n)} {unit}") for name, estimate, unit in ways),
        numeric=2,
        note=_left_out(quality),
    )


def _share(estimate: EstimateModel) -> str:
    if estimate.method == NOT_BUILT:
        return "unknown: not built in this version"
    if estimate.value is None:
        return "unknown: no grades yet" if estimate.n == 0 else "unknown: too little evidence"
    return figures.share_with_interval(estimate)


def _left_out(quality: QualityModel) -> str:
    if quality.win_rate_fixed.n == 0 and not quality.ungraded:
        return "No pair has a grade yet."
    return f"{figures.count(quality.ties)} pairs are ties. {_ungraded(quality)}"


def _ungraded(quality: QualityModel) -> str:
    if not quality.ungraded:
        return "Every answer of the judge could be read."
    listed = [f"{plain(reason, UNGRADED_REASONS)}: {figures.count(n)}" for reason, n in quality.ungraded.items()]
    return (
        f"Answers of the judge without a grade: {'; '.join(listed)}. A pair rests on its other answer; one that has none "
        "counts as both best and worst case in the interval."
    )


def segments_section(subject: Subject) -> Section:
    """Each kind of work on its own; only registered ones have a say."""
    slug, title = f"segments-{subject.arm}", "Kinds of work"
    segments = subject.card.segments
    if not segments:
        text = "No kinds of work were registered and none were seen, so the answer is about all traffic together."
        return Section(slug=slug, title=title, blocks=(Paragraph(text=text),))
    table = _segments_table(segments)
    if all(s.win_rate.value is None for s in segments.values()):
        return Section(slug=slug, title=title, blocks=(Paragraph(text="No kind of work has graded answers yet."), table))
    chart = Chart(
        name=f"segments-{subject.arm}",
        title="Win rate by kind of work",
        spec=segments_chart(subject),
        alt=f"Win rate of {subject.name} with its interval in {len(segments)} kinds of work: {_spoken(segments)}.",
        caption="Line = interval, thick upright mark = the limit of that kind of work, dashed = 50%, as good as the incumbent. "
        "Circle = passes, cross = fails, diamond = unknown, square = has no say. The axis does not start at 0.",
        data=None,
    )
    return Section(slug=slug, title=title, blocks=(chart, table))


def _spoken(segments: dict[str, SegmentModel]) -> str:
    return "; ".join(f"{name} {figures.percent(s.win_rate.value)}, {GATE_OUTCOMES[s.outcome]}" for name, s in segments.items())


def _segments_table(segments: dict[str, SegmentModel]) -> Table:
    rows = []
    for name, segment in segments.items():
        limit = None if segment.margin is None else 0.5 - segment.margin
        outcome = Cell(text=GATE_OUTCOMES[segment.outcome], outcome=segment.outcome)
        rows.append(
            cells(
                name if segment.registered else f"{name} (not registered: no say)",
                outcome,
                segment.reason or figures.NOTHING,
                _share(segment.win_rate),
                figures.percent(limit) if limit is not None else figures.NOTHING,
                figures.count(segment.conversations),
                figures.count(segment.labels),
            )
        )
    return Table(
        caption="Kinds of work in numbers",
        columns=("Kind of work", "Result", "Why", "Win rate (95% interval)", "Limit", "Conversations", "Labels"),
        rows=tuple(rows),
        numeric=4,
    )
