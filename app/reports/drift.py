"""Whether the same things were compared from the first day to the last."""

from collections.abc import Iterator

from app.domain.drift import DriftModel, JudgeWeek, MixWeek, QualityWatch
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Paragraph, Section, Table, cells


def drift_section(subject: Subject) -> Section:
    """The three watchers: quality day by day, the mix of requests, the judge itself; and the control."""
    drift = subject.card.drift
    blocks: tuple[Paragraph | Bullets | Table, ...] = (_head(drift), *_said(drift), *_quality(drift.quality))
    blocks = (*blocks, *_mix(drift.mix), *_judge(drift.judge), *_control(subject))
    return Section(slug=f"drift-{subject.arm}", title="Did anything move while it was measured?", blocks=blocks)


def _head(drift: DriftModel) -> Paragraph:
    if drift.frozen:
        text = "Yes. The answer is frozen: it asks for an extension and changes no data."
        return Paragraph(text=text, tone="warning")
    if not (drift.quality.days or drift.mix or drift.judge):
        return Paragraph(text="Unknown: too few days are closed to see it.", tone="note")
    return Paragraph(text="Nothing was found that freezes the answer.")


def _said(drift: DriftModel) -> Iterator[Bullets]:
    for title, said in (("What freezes it", drift.reasons), ("Worth a look; freezes nothing", drift.warnings)):
        if said:
            yield Bullets(title=title, items=tuple(f"{text[:1].upper()}{text[1:]}" for text in said))


def _quality(watch: QualityWatch) -> Iterator[Paragraph]:
    if watch.statistic is None or watch.limit is None:
        return
    fell = f"It gave alarm on day {figures.names([str(day) for day in watch.fell_on])}." if watch.fell_on else "It gave none."
    height = f"it stands at {figures.number(watch.statistic, 1)} and gives alarm at {figures.number(watch.limit, 1)}"
    rose = f" It saw a rise on day {figures.names([str(day) for day in watch.rose_on])}, which freezes nothing."
    yield Paragraph(
        text=f"Quality: a running sum of how far daily win rates fall below the days before ({figures.count(watch.days)} "
        f"days); {height}. {fell}{rose if watch.rose_on else ''}"
    )


def _mix(weeks: list[MixWeek]) -> Iterator[Table]:
    if not weeks:
        return
    yield Table(
        caption="Is the mix of requests the same as in the first week?",
        columns=("Week", "Result", "Stability index", "p-value", "Win rate as it was", "At this week's mix", "Conversations"),
        rows=tuple(
            cells(
                str(week.week),
                _result(week),
                figures.number(week.psi, 3),
                figures.number(week.p_value, 3),
                figures.percent(week.win_rate),
                figures.percent(week.win_rate_at_mix),
                figures.count(week.conversations),
            )
            for week in weeks
        ),
        numeric=5,
        note="The mix is of kinds of work, prompt lengths and turns. Population stability index: below 0.1 = the same, "
        "above 0.25 = another mix. At this week's mix = the win rate if all traffic were mixed as in that week.",
    )


def _result(week: MixWeek) -> str:
    return "freezes" if week.freezes else "worth a look" if week.is_warning else "the same"


def _judge(weeks: list[JudgeWeek]) -> Iterator[Table]:
    if not weeks:
        return
    yield Table(
        caption="Does the judge still say what it said in the first week?",
        columns=("Asked again after week", "Result", "Its preferences moved by (95% interval)", "Pairs"),
        rows=tuple(
            cells(
                str(week.week),
                "changed" if week.has_changed else "the same",
                figures.share_with_interval(week.change) if week.change.value is not None else figures.UNKNOWN,
                figures.count(week.change.n),
            )
            for week in weeks
        ),
        numeric=2,
        note="The same pairs of the first week are shown to it each week. 0% = unmoved, above = milder to the candidate.",
    )


def _control(subject: Subject) -> Iterator[Paragraph]:
    """The incumbent against itself: what a fair judge makes of equals."""
    control = subject.scorecard.control
    if control is None or not control.asked:
        yield Paragraph(
            text="There is no control: the incumbent was not asked twice, so a judge that is unfair to equals goes unseen."
        )
        return
    said = []
    rate, lost = control.conversation_win_rate, control.false_loss_rate
    if rate.value is not None:
        reaches = figures.share_with_interval(rate)
        said.append(f"The incumbent against itself reaches {reaches}, n = {figures.count(rate.n)} conversations; 50% is fair.")
    if lost.value is not None:
        share = figures.share_with_interval(lost)
        said.append(f"Where the judge chose a side, the second answer lost in {share}, n = {figures.count(lost.n)} decisions.")
    if control.equal_rate.value is not None:
        said.append(f"{figures.percent(control.equal_rate.value)} of its second answers were the same as the first.")
    if control.is_broken:
        said.append("The interval leaves out 50%: the judge or the set-up is not fair, and no answer that rests on it counts.")
    yield Paragraph(
        text="Control: " + (" ".join(said) or "nothing can be said of it yet."),
        tone="warning" if control.is_broken else "plain",
    )
