"""How good the candidate's answers are, and how far the one who says so can be trusted."""

from app.domain.scorecard import DayPoint, EstimateModel, QualityModel, SegmentModel
from app.reports import figures
from app.reports.breakdown import breakdown_tables
from app.reports.charts import segments_chart
from app.reports.confusion import confusion_tables
from app.reports.context import Subject, deciding, is_corrected
from app.reports.document import Bullets, Cell, Chart, Paragraph, Section, Table, cells
from app.reports.quality_charts import ways_chart, win_rate_chart
from app.reports.wording import GATE_OUTCOMES, UNGRADED_REASONS, plain

WHY_NOT = {
    "no_drawn_labels": "unknown: no labels by people on drawn pairs",
    "not_built": "unknown: this scorecard is of an earlier version",
}


def quality_section(subject: Subject) -> Section:
    """How it went over days, what decides, and the several ways to count it."""
    blocks = (
        Paragraph(
            text=f"The win rate is how often the answer of {subject.name} was preferred to that of {subject.incumbent}, "
            f"a tie counting half. 50% means as good. The limit agreed before the pilot is {figures.percent(subject.limit)}: "
            "quality passes when the win rate is above it beyond reasonable doubt."
        ),
        Paragraph(text=_rests_on(subject)),
        *_over_days(subject),
        *_guard(subject),
        *_ways(subject),
    )
    return Section(slug=f"quality-{subject.arm}", title="Quality of the answers", blocks=blocks)


def _rests_on(subject: Subject) -> str:
    quality = subject.card.quality
    if not is_corrected(quality):
        return (
            "The decision rests on the win rate as the judge and the fixed rules say it. No labels by people on drawn pairs "
            "correct it, so a judge that leans to one side leans this number with it."
        )
    answered = quality.drawn - quality.skipped - quality.missing
    return (
        "The decision rests on the win rate corrected by people. Pairs drawn by chance were shown to people without saying "
        f"whose answers they are; {figures.count(answered)} have an answer. Where people and the judge differ, the judge's "
        "number is moved by that difference, and the interval grows with what the labels leave open."
    )


def _all_ways(subject: Subject) -> tuple[tuple[str, str, EstimateModel, str, bool], ...]:
    """Name, short name, estimate, unit and whether it decides."""
    quality = subject.card.quality
    corrected = is_corrected(quality)
    return (
        ("Corrected by people's labels", "corrected", quality.win_rate_human_corrected, "conversations", corrected),
        ("As judge and rules say (raw)", "raw", quality.win_rate, "conversations", not corrected),
        ("At equal length of the answers", "equal length", quality.win_rate_length_controlled, "conversations", False),
        ("People alone, all labels", "people alone", quality.people_win_rate, "labels", False),
        ("Pairs where both answered", "", quality.win_rate_without_failures, "conversations", False),
        ("Plain mean of pairs", "", quality.win_rate_fixed, "pairs", False),
    )


def _ways(subject: Subject) -> tuple[Chart | Table | Paragraph, ...]:
    ways = _all_ways(subject)
    rows = tuple(
        cells(f"{name}; this one decides" if decides else name, _share(rate), f"{figures.count(rate.n)} {unit}")
        for name, _, rate, unit, decides in ways
    )
    table = Table(
        caption="The win rate, counted several ways",
        columns=("How it is counted", "Win rate (95% interval)", "Rests on"),
        rows=rows,
        numeric=2,
        note=_left_out(subject.card.quality),
    )
    shown = [way for way in ways if way[1] and way[2].value is not None]
    if not shown:
        return (table,)
    spoken = "; ".join(f"{brief} {figures.share_with_interval(rate)}" for _, brief, rate, _, _ in shown)
    chart = Chart(
        name=f"ways-{subject.arm}",
        title="The same win rate, counted several ways",
        spec=ways_chart(
            subject, [(brief, f"n = {figures.count(rate.n)}", rate, decides) for _, brief, rate, _, decides in shown]
        ),
        alt=f"Win rate of {subject.name} with intervals: {spoken}. The limit is {figures.percent(subject.limit)}.",
        caption="Circle = decides, diamond = for comparison; line = 95% interval, thick upright mark = the limit, dashed = "
        f"50%, as good as {subject.incumbent}; n = conversations or labels of each row, beside its name. The axis does not "
        "start at 0.",
        data=None,
    )
    return (chart, table, *_straddle(subject))


def _straddle(subject: Subject) -> tuple[Paragraph, ...]:
    """Raw and equal length on both sides of the limit."""
    raw, equal = subject.card.quality.win_rate.value, subject.card.quality.win_rate_length_controlled.value
    if raw is None or equal is None or (raw > subject.limit) == (equal > subject.limit):
        return ()
    text = (
        f"As it stands the win rate is {figures.percent(raw)}, at equal length of the answers {figures.percent(equal)}: they "
        f"lie on both sides of the limit {figures.percent(subject.limit)}. A pass that hangs on longer answers is not accepted."
    )
    return (Paragraph(text=text, tone="warning"),)


def _over_days(subject: Subject) -> tuple[Chart | Paragraph, ...]:
    quality = subject.card.quality
    if all(p.value is None for p in quality.by_day):
        text = "The win rate over days is unknown: no closed day has graded answers yet."
        return (Paragraph(text=text, tone="note"),)
    plan = subject.scorecard.registration.plan
    looks = tuple(plan.looks) if plan is not None else ()
    raw = _series(subject, "win-rate", "Win rate as judge and rules say (raw), all days up to each one", quality.by_day)
    if not any(p.value is not None for p in quality.corrected_by_day):
        return (*raw, *_early(subject, looks))
    title = "Win rate corrected by people, all days up to each one"
    corrected = _series(subject, "corrected", title, quality.corrected_by_day)
    return (*corrected, *_early(subject, looks), *raw)


def _early(subject: Subject, looks: tuple[int, ...]) -> tuple[Paragraph, ...]:
    """Why it may be looked at on any day."""
    if not looks:
        return ()
    quality = subject.card.quality
    shown = quality.passed_on or quality.failed_on
    side = "good enough" if quality.passed_on else "not good enough"
    when = f" The rule first showed it to be {side} on day {shown}." if shown else " The rule has shown neither side yet."
    days = figures.names([str(day) for day in looks])
    text = (
        f"Full looks were registered for the end of day {days}; their demands were fixed beforehand and together allow four "
        "fifths of the risk of a wrong pass. The last fifth pays for looking at any moment: such a look needs stronger "
        f"evidence. So an early or a daily look is allowed and cannot make a lucky day count.{when}"
    )
    return (Paragraph(text=text),)


def _series(subject: Subject, name: str, title: str, series: list[DayPoint]) -> tuple[Chart, ...]:
    last = [p for p in series if p.value is not None][-1]
    now = f"{figures.percent(last.value)} ({figures.interval(figures.percent(last.low), figures.percent(last.high))})"
    plan = subject.scorecard.registration.plan
    looks = plan.looks if plan is not None else []
    marks = "Dotted upright lines are the registered looks. " if looks else ""
    chart = Chart(
        name=f"{name}-{subject.arm}",
        title=title,
        spec=win_rate_chart(subject, series, looks),
        alt=f"Line chart. On day {last.day} the win rate of {subject.name} is {now}; "
        f"the limit is {figures.percent(subject.limit)}.",
        caption=f"Day {last.day}: {now}, n = {figures.count(last.n)} conversations. The band is valid whenever one looks. "
        f"{marks}The vertical axis does not start at 0, and wide bands of the first days are cut off at its ends.",
        data=_by_day(title, series),
    )
    return (chart,)


def _by_day(title: str, series: list[DayPoint]) -> Table:
    rows = []
    for p in series:
        ends = figures.interval(figures.percent(p.low), figures.percent(p.high)) or figures.UNKNOWN
        rows.append(cells(str(p.day), figures.percent(p.value), ends, figures.count(p.n)))
    columns = ("Day", "Win rate so far", "Interval", "Conversations so far")
    return Table(caption=title, columns=columns, rows=tuple(rows), numeric=3)


def _guard(subject: Subject) -> tuple[Paragraph, ...]:
    """What the guard against a falling candidate reads."""
    quality = subject.card.quality
    if quality.end_level is None or quality.last_week is None:
        return ()
    trend = "It is falling. " if quality.is_falling else ""
    text = (
        f"Does it hold its level? {trend}A line through the daily win rates ends at {figures.percent(quality.end_level)}; the "
        f"last seven days alone stand at {figures.percent(quality.last_week)}. Both must be above the limit "
        f"{figures.percent(subject.limit)} for quality to pass, so that a good start does not carry a candidate that gets "
        f"worse. n = {figures.count(quality.win_rate.n)} conversations."
    )
    return (Paragraph(text=text, tone="warning" if quality.is_falling else "plain"),)


def _share(estimate: EstimateModel) -> str:
    if estimate.value is None:
        if estimate.method in WHY_NOT:
            return WHY_NOT[estimate.method]
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
        return Section(slug=slug, title=title, blocks=(Paragraph(text=text), *breakdown_tables(subject)))
    table, further = (_segments_table(segments), *_why(segments)), breakdown_tables(subject)
    if all(deciding(s).value is None for s in segments.values()):
        said = Paragraph(text="No kind of work has graded answers yet.")
        return Section(slug=slug, title=title, blocks=(said, *table, *further))
    chart = Chart(
        name=f"segments-{subject.arm}",
        title="Win rate by kind of work",
        spec=segments_chart(subject),
        alt=f"Win rate of {subject.name} with its interval in {len(segments)} kinds of work: {_spoken(segments)}.",
        caption="Line = interval, thick upright mark = the limit of that kind of work, dashed = 50%, as good as the incumbent. "
        "Circle = passes, cross = fails, diamond = unknown, square = has no say; n = conversations (conv.) of each, beside "
        "its name. The axis does not start at 0.",
        data=None,
    )
    return Section(slug=slug, title=title, blocks=(chart, *table, *confusion_tables(subject), *further))


def _why(segments: dict[str, SegmentModel]) -> tuple[Bullets, ...]:
    """Each kind's reason, in the rule's own words."""
    items = tuple(f"{name}: {segment.reason}" for name, segment in segments.items() if segment.reason)
    return (Bullets(title="Why each kind stands as it does", items=items),) if items else ()


def _spoken(segments: dict[str, SegmentModel]) -> str:
    return "; ".join(f"{name} {figures.percent(deciding(s).value)}, {GATE_OUTCOMES[s.outcome]}" for name, s in segments.items())


def _segments_table(segments: dict[str, SegmentModel]) -> Table:
    rows = []
    for name, segment in segments.items():
        limit = None if segment.margin is None else 0.5 - segment.margin
        outcome = Cell(text=GATE_OUTCOMES[segment.outcome], outcome=segment.outcome)
        rows.append(
            cells(
                name if segment.registered else f"{name} (not registered: no say)",
                outcome,
                f"{_share(deciding(segment))}, {'corrected' if is_corrected(segment) else 'raw'}",
                figures.percent(segment.win_rate.value),
                figures.percent(limit) if limit is not None else figures.NOTHING,
                f"{figures.count(segment.conversations)} ({figures.count(segment.pairs)})",
                figures.count(segment.labels),
            )
        )
    return Table(
        caption="Kinds of work in numbers",
        columns=(
            "Kind of work",
            "Result",
            "Win rate that decides (95% interval)",
            "Raw",
            "Limit",
            "Conversations (pairs)",
            "Labels",
        ),
        rows=tuple(rows),
        numeric=5,
        note="Corrected = by people's labels; raw = as the judge and the rules say it. Too few conversations or labels leave "
        "a kind of work unknown, never fine.",
    )
