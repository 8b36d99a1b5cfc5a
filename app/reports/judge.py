"""How far the judge can be trusted."""

from app.domain.scorecard import EstimateModel, QualityModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Paragraph, Section, Table, cells
from app.reports.judge_habits import habit_blocks
from app.reports.judge_orders import asked_words, order_blocks
from app.reports.wording import UNGRADED_REASONS, plain

NO_LABELS = "unknown: no labels by people on judged answers"


def judge_section(subject: Subject) -> Section:
    """Who judged, how well it agrees with people, and its habits."""
    blocks: tuple[Paragraph | Table, ...] = (Paragraph(text=_who(subject)), _trust_table(subject.card.quality))
    if len(subject.card.quality.raters) > 1:
        blocks += (_raters_table(subject.card.quality),)
    blocks += (*order_blocks(subject), *habit_blocks(subject))
    return Section(slug=f"judge-{subject.arm}", title="Can the judge be trusted?", blocks=blocks)


def _who(subject: Subject) -> str:
    judge = subject.configuration.judge
    if judge is None:
        return "No judge is set up: only failures, broken formats, equal answers and exact graders decide pairs."
    imported = "Nobody was asked: its grades were imported."
    return f"The judge is {judge.rater_name}. {asked_words(judge) if judge.base_url else imported}"


def _trust_table(quality: QualityModel) -> Table:
    rows = (
        cells(
            "Agrees with people (accuracy)",
            _or_why(quality.judge_accuracy, is_share=True),
            _on(quality.judge_accuracy.n, "answers"),
            "Of its answers where a person preferred one side: how often it chose the same (a tie is wrong). 50% is guessing.",
        ),
        cells(
            "Agreement beyond chance (κ)",
            _or_why(quality.judge_kappa, is_share=False),
            _on(quality.judge_kappa.n, "answers"),
            "Cohen's kappa against people: 1 = always the same, 0 = no better than chance.",
        ),
        cells(
            "Same winner in both orders",
            _rate(quality.position_consistency_rate, "no pair was judged in both orders"),
            _on(quality.position_consistency_n, "pairs"),
            "How often swapping the two answers did not change the winner.",
        ),
        cells(
            "Prefers what is shown first",
            _rate(quality.first_shown_rate, "no answers with a known order"),
            _on(quality.first_shown_n, "answers"),
            "50% is even-handed.",
        ),
        cells("Changed its mind when swapped", _flips(quality), "pairs", "Each counts as a tie."),
        *_ungraded_rows(quality.ungraded),
        cells("Labels by people", figures.count(quality.labels), "pairs", _usable(quality)),
    )
    return Table(caption="The judge", columns=("What", "Value (95% interval)", "Rests on", "What it means"), rows=rows)


def _flips(quality: QualityModel) -> str:
    is_known = quality.flips > 0 or quality.position_consistency_n > 0
    return figures.count(quality.flips) if is_known else "unknown: no pair was judged in both orders"


def _usable(quality: QualityModel) -> str:
    return (
        f"{figures.count(quality.usable_labels)} of them can confirm the judge: drawn at random, not skipped, on judged pairs."
    )


def _ungraded_rows(ungraded: dict[str, int]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(
        cells("Gave no grade", figures.count(n), "judge answers", plain(reason, UNGRADED_REASONS))
        for reason, n in ungraded.items()
    )


def _or_why(estimate: EstimateModel, *, is_share: bool) -> str:
    if estimate.value is None:
        return NO_LABELS if estimate.n == 0 else "unknown: too few"
    return figures.share_with_interval(estimate) if is_share else figures.number_with_interval(estimate)


def _rate(value: float | None, why: str) -> str:
    return f"unknown: {why}" if value is None else figures.percent(value)


def _on(n: int, unit: str) -> str:
    return f"{figures.count(n)} {unit}"


def _raters_table(quality: QualityModel) -> Table:
    rows = []
    for rater in quality.raters:
        ungraded = sum(rater.ungraded.values())
        rows.append(
            cells(
                rater.rater,
                _or_why(rater.accuracy, is_share=True),
                _or_why(rater.kappa, is_share=False),
                _rate(rater.position_consistency_rate, "no pair in both orders"),
                _rate(rater.first_shown_rate, "order not known"),
                f"{figures.count(rater.flips)}, {figures.count(ungraded)}",
            )
        )
    return Table(
        caption="All who judged",
        columns=(
            "Judge",
            "Agrees with people",
            "κ",
            "Same winner in both orders",
            "Prefers the first",
            "Changed mind, no grade",
        ),
        rows=tuple(rows),
        note="Only the judge named above decides; the others are shown for comparison.",
    )
