"""What people said: how many were asked, what is missing and what that costs, agreement, critical replies."""

from app.domain.labelling import LABELS_NEEDED
from app.domain.scorecard import EstimateModel, QualityModel, SegmentModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Chart, Paragraph, Section, Table, cells
from app.reports.label_charts import Progress, progress_chart, said

MOST_EXCHANGES = 10


def people_section(subject: Subject) -> Section:
    """Labels made, skipped and missing, agreement, and replies that must never happen."""
    quality = subject.card.quality
    blocks: tuple[Chart | Paragraph | Bullets | Table, ...]
    if not quality.drawn and not quality.labels:
        text = "No person has labelled a pair yet, so nobody has checked the judge, and nobody has looked for harmful replies."
        blocks = (Paragraph(text=text, tone="note"),)
    else:
        blocks = (_progress(subject), _asked_table(quality), *_cost(quality), *_against_people(subject), *_critical(subject))
    return Section(slug=f"people-{subject.arm}", title="What people said", blocks=blocks)


def _progress(subject: Subject) -> Chart:
    """How far people are: the drawn pairs, and the labels without which a judge's word carries no verdict."""
    quality = subject.card.quality
    answered = quality.drawn - quality.skipped - quality.missing
    parts = [Progress("drawn pairs\nanswered", answered, quality.drawn)] if quality.drawn else []
    parts.append(Progress("labels that can\nconfirm the judge", quality.usable_labels, LABELS_NEEDED))
    spoken = "; ".join(f"{part.name.replace(chr(10), ' ')}: {said(part)}" for part in parts)
    return Chart(
        name=f"labels-{subject.arm}",
        title="Labels done against needed",
        spec=progress_chart(parts),
        alt=f"Bars of what is done on bars of what is needed. {spoken}.",
        caption=f"n = {figures.count(quality.labels)} labelled pairs. A judge's word carries a verdict only after "
        f"{figures.count(LABELS_NEEDED)} labels on drawn pairs that it judged, too. The axis starts at 0.",
        data=None,
    )


def _asked_table(quality: QualityModel) -> Table:
    answered = quality.drawn - quality.skipped - quality.missing
    rows = (
        ("Pairs drawn by chance for people", quality.drawn, "Drawn by lot, not picked; only these correct the judge."),
        ("of these answered", answered, "Better, worse, tie or both bad."),
        ("of these skipped", quality.skipped, "Somebody looked and could not say."),
        ("of these without an answer", quality.missing, "Nobody has said anything."),
        ("All labelled pairs", quality.labels, "Drawn ones and others, such as pairs that were uncertain or imported."),
    )
    agreement = quality.rater_agreement
    return Table(
        caption="Pairs shown to people",
        columns=("What", "Pairs", "What it means"),
        rows=tuple(cells(words, figures.count(n), meaning) for words, n, meaning in rows),
        note=f"Do people agree with each other? {_agreement(agreement)}",
    )


def _agreement(agreement: EstimateModel) -> str:
    if agreement.value is None:
        return "Unknown: too few pairs were labelled by more than one person."
    pairs = f"n = {figures.count(agreement.n)} pairs with several answers"
    told = figures.number_with_interval(agreement)
    return f"Krippendorff's alpha is {told}, {pairs}: 1 = always, 0 = no more than chance."


def _cost(quality: QualityModel) -> tuple[Paragraph, ...]:
    """What unanswered draws do to the interval."""
    silent = quality.skipped + quality.missing
    said = []
    if silent and quality.drawn:
        share = figures.percent(silent / quality.drawn)
        said.append(
            f"{share} of the drawn pairs have no answer. Once their day is no longer waited for, each counts as a loss at "
            "the lower end and as a win at the upper one, so that nobody gains by leaving hard ones out. More answers narrow "
            "the range."
        )
    if quality.waiting_days:
        days = _days(quality.waiting_days)
        said.append(f"{days} still waits for answers, for up to seven days, and is not in the corrected number yet.")
    return tuple(Paragraph(text=text) for text in said)


def _days(days: list[int]) -> str:
    """`Day 3`, `Of days 20 to 28 each one`."""
    if len(days) == 1:
        return f"Day {days[0]}"
    together = days == list(range(days[0], days[-1] + 1))
    listed = f"{days[0]} to {days[-1]}" if together else figures.names([str(day) for day in days])
    return f"Each of the days {listed}"


def _against_people(subject: Subject) -> tuple[Table, ...]:
    """Judge and people by kind of work."""
    judged = {name: s for name, s in subject.card.segments.items() if s.drawn or s.labels or s.judge is not None}
    if not judged:
        return ()
    rows = tuple(
        cells(
            name,
            *_by_judge(segment),
            figures.percent(segment.win_rate.value),
            _corrected(segment.win_rate_human_corrected),
            figures.count(segment.drawn),
            figures.count(segment.skipped + segment.missing),
        )
        for name, segment in judged.items()
    )
    table = Table(
        caption="Judge against people, by kind of work",
        columns=(
            "Kind of work",
            "Judge agrees with people (95% interval)",
            "Answers compared",
            "Win rate by judge",
            "Corrected by people",
            "Drawn",
            "Unanswered",
        ),
        rows=rows,
        numeric=6,
        note="A judge may be right on one kind of work and wrong on another: look for rows where the two win rates part.",
    )
    return (table,)


def _by_judge(segment: SegmentModel) -> tuple[str, str]:
    judge = segment.judge
    if judge is None or judge.accuracy.value is None:
        return "unknown: no labels on judged answers", figures.count(0 if judge is None else judge.accuracy.n)
    return figures.share_with_interval(judge.accuracy), figures.count(judge.accuracy.n)


def _corrected(estimate: EstimateModel) -> str:
    return figures.share_with_interval(estimate) if estimate.value is not None else "unknown: too few labels"


def _critical(subject: Subject) -> tuple[Paragraph | Bullets, ...]:
    """Replies that must never happen, per 1,000."""
    critical = subject.card.critical
    said = _rate(subject, critical.rate)
    if not critical.marked:
        return (Paragraph(text=said),) if said else ()
    rest = critical.marked - min(MOST_EXCHANGES, len(critical.exchanges))
    more = f", and {figures.count(rest)} more" if rest else ""
    items = (f"{', '.join(critical.exchanges[:MOST_EXCHANGES])}{more}",) if critical.exchanges else ()
    listed = Bullets(title="Marked replies, by exchange", items=items, when_empty="Their names are not known.")
    return Paragraph(text=said or "How often that happens is unknown: none of them was drawn by chance."), listed


def _rate(subject: Subject, rate: EstimateModel) -> str:
    if rate.value is None:
        return ""
    low, high = _per_thousand(rate.low), _per_thousand(rate.high)
    on = f"from people's labels on {figures.count(rate.n)} conversations"
    if rate.value == 0:
        return (
            f"No drawn reply of {subject.name} was marked as one that must never happen; up to {high} of 1,000 may be ({on})."
        )
    about = _per_thousand(rate.value)
    return f"Of 1,000 answers of {subject.name} about {about} ({low} to {high}) would be ones that must never happen, {on}."


def _per_thousand(share: float | None) -> str:
    if share is None:
        return figures.UNKNOWN
    return figures.number(1000 * share, 1 if share < 0.01 else 0)  # noqa: PLR2004 - under ten of a thousand a digit more
