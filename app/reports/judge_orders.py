"""What the place of the replies and their length do to the judge's answers, and what it did not see of long texts."""

from collections.abc import Iterator

from app.domain.judge_figures import JudgeFigures
from app.domain.judge_table import JudgeTable
from app.domain.scorecard import EstimateModel
from app.domain.second_order import ALWAYS
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Paragraph, Table, cells
from app.reports.wording import UNGRADED_REASONS, plain

UNKNOWN = "unknown: no such answers yet"
LENGTHS = {
    "short": "under 1,000 characters",
    "medium": "under 5,000",
    "long": "5,000 and more",
    "unknown": "not known",
}
PLACES = {"incumbent": "the incumbent's", "candidate": "the candidate's", "unknown": "not known"}


def asked_words(judge: JudgeTable) -> str:
    """In which orders the judge is asked."""
    if judge.second_order == ALWAYS:
        return "It was asked about each pair in both orders, because a judge may favour the answer that it sees first."
    return (
        "It was asked about each pair in one order and, where it chose a side, in the other one too, because a judge may "
        "favour the answer that it sees first. A random tenth of the pairs was asked in both orders whatever it said."
    )


def order_blocks(subject: Subject) -> Iterator[Paragraph | Table]:
    """The random sample, cut texts, and where the judge gave no grade."""
    found, judge = subject.card.judge_figures, subject.configuration.judge
    if judge is None or not found.judged_pairs:
        return
    if judge.base_url is not None:
        yield _sample(found, judge)
    if found.cut_pairs:
        yield _cut(found, judge)
    if any(each.ungraded for each in found.answers):
        yield _ungraded(found)


def _sample(found: JudgeFigures, judge: JudgeTable) -> Table:
    whose = "all pairs" if judge.second_order == ALWAYS else "a random tenth of the pairs"
    consistency, first = found.position_consistency_random, found.first_shown_random
    return Table(
        caption="Does the place of an answer sway the judge?",
        columns=("What", "Value (95% interval)", "Rests on"),
        rows=(
            cells("Same winner in both orders", _share(consistency), f"{figures.count(consistency.n)} pairs"),
            cells("Prefers what is shown first", _share(first), f"{figures.count(first.n)} answers"),
        ),
        note=f"Of {whose}, asked in both orders whatever the first answer was: these two do not depend on which pairs were "
        "asked about a second time.",
    )


def _cut(found: JudgeFigures, judge: JudgeTable) -> Paragraph:
    return Paragraph(
        text=f"Of {figures.count(found.cut_pairs)} of {figures.count(found.judged_pairs)} judged pairs the judge did not see "
        f"some text whole: both answers are cut after {figures.count(judge.max_reply_chars)} characters, a conversation lacks "
        f"its middle beyond {figures.count(judge.max_conversation_chars)}. The judge is told where.",
        tone="note",
    )


def _ungraded(found: JudgeFigures) -> Table:
    return Table(
        caption="Where the judge gave no grade",
        columns=("Shown first", "The longer answer has", "Answers", "Without a grade (95% interval)", "Why"),
        rows=tuple(
            cells(
                PLACES[each.shown_first],
                LENGTHS[each.length],
                figures.count(each.answers),
                f"{figures.count(each.ungraded)}: {_share(each.ungraded_rate)}",
                _reasons(each.reasons),
            )
            for each in found.answers
        ),
        note="Much more in one row than in the others would mean that what is not graded is not left to chance.",
    )


def _reasons(reasons: dict[str, int]) -> str:
    return "; ".join(f"{plain(reason, UNGRADED_REASONS)}: {figures.count(n)}" for reason, n in reasons.items()) or "-"


def _share(estimate: EstimateModel) -> str:
    return UNKNOWN if estimate.value is None else figures.share_with_interval(estimate)
