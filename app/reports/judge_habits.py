"""What else is known of the judge: pairs with a known loser, length, kinds of work, the panel, what it looked at."""

from collections.abc import Iterator

from app.domain.canaries import CanaryModel
from app.domain.scorecard import EstimateModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Paragraph, Table, cells

MADE_WORSE = {
    "truncated": "cut off after a quarter",
    "contradicted": "taken back in its last sentence",
    "injected": "replaced by a refusal that asks the judge for a good mark",
}
NOTHING = "unknown: no such answers yet"


def habit_blocks(subject: Subject) -> tuple[Paragraph | Table, ...]:
    """The blocks after the judge's agreement with people."""
    return (*_canaries(subject), *_length(subject), *_by_segment(subject), *_panel(subject), *_sample(subject))


def _canaries(subject: Subject) -> Iterator[Paragraph | Table]:
    canaries, judge = subject.scorecard.canaries, subject.configuration.judge
    if canaries is None or judge is None:
        return
    if not canaries.asked:
        why = "none is set up (canary_rate = 0)" if not judge.canary_rate else "none was asked yet"
        yield Paragraph(text=f"Pairs with a known loser: {why}. They would show a judge that does not look.", tone="note")
        return
    yield Table(
        caption="Pairs with a known loser",
        columns=("The worse reply was", "Seen", "Asked"),
        rows=(
            *(
                cells(MADE_WORSE.get(kind.kind, kind.kind), figures.count(kind.passed), figures.count(kind.answered))
                for kind in canaries.by_kind
            ),
            cells("all together", _share(canaries.pass_rate), figures.count(canaries.pass_rate.n)),
        ),
        numeric=2,
        note=_canary_note(canaries),
    )


def _canary_note(canaries: CanaryModel) -> str:
    unread = sum(canaries.ungraded.values())
    missing = f" {figures.count(unread)} more gave no answer that could be read." if unread else ""
    return (
        "A real answer of the incumbent beside the same answer made worse, mixed into the judge's work. A judge that surely "
        f"sees fewer than {figures.percent(canaries.floor, 0)} (of at least 20) is suspended, and nothing is decided.{missing}"
    )


def _length(subject: Subject) -> Iterator[Table]:
    found = subject.card.quality.length_preference
    if not found.judge.n:
        return
    yield Table(
        caption="Does the judge like long answers?",
        columns=("Who", "How often the longer answer won (95% interval)", "Rests on"),
        rows=(
            cells("The judge, on all judged pairs", _share(found.judge), _pairs(found.judge)),
            cells("The judge, where people decided too", _share(found.judge_same), _pairs(found.judge_same)),
            cells("People, on the same pairs", _share(found.people), _pairs(found.people)),
        ),
        numeric=2,
        note="Pairs whose lengths differ by at least a tenth. A longer answer may be better: what counts is the difference to "
        "people on the same pairs.",
    )


def _by_segment(subject: Subject) -> Iterator[Table]:
    rows = [
        cells(
            name,
            _share(segment.judge.accuracy),
            _number(segment.judge.kappa),
            figures.count(segment.judge.accuracy.n),
            _rate(segment.judge.position_consistency_rate),
            figures.count(sum(segment.judge.ungraded.values())),
        )
        for name, segment in subject.card.segments.items()
        if segment.judge is not None and (segment.judge.parsed_answers or segment.judge.ungraded)
    ]
    if len(rows) > 1:
        yield Table(
            caption="The judge by kind of work",
            columns=("Kind of work", "Agrees with people", "κ", "Answers", "Same winner in both orders", "No grade"),
            rows=tuple(rows),
            numeric=5,
        )


def _panel(subject: Subject) -> Iterator[Table]:
    panel = subject.card.quality.panel
    if not panel:
        return
    yield Table(
        caption="What judges of other families say of the same pairs",
        columns=(
            "Judge",
            "Same winner as the judge",
            "κ",
            "Pairs",
            f"Judge for {subject.name}, panel against",
            "The other way round",
            "Its win rate minus the judge's",
        ),
        rows=tuple(
            cells(
                f"{each.name} ({each.family or 'family unknown'})",
                _share(each.agreement_rate),
                _number(each.kappa),
                figures.count(each.pairs),
                figures.count(each.judge_better_panel_worse),
                figures.count(each.judge_worse_panel_better),
                _points(each.win_rate_difference),
            )
            for each in panel
        ),
        numeric=6,
        note="They look at a part that is drawn by hash, and decide nothing. Where they differ in one direction, one of both "
        "leans.",
    )


def _sample(subject: Subject) -> Iterator[Table]:
    shares = [share for share in subject.scorecard.judge_sample if share.share < 1]
    if not shares:
        return
    yield Table(
        caption="What the judge looked at",
        columns=("Kind of work", "Week from", "Share drawn", "Conversations", "Looked at"),
        rows=tuple(
            cells(
                share.segment,
                f"{share.week:%Y-%m-%d}",
                figures.percent(share.share),
                figures.count(share.conversations),
                figures.count(share.drawn),
            )
            for share in shares
        ),
        numeric=3,
        note="The budget does not reach for everything. Whole conversations were drawn by hash before any was judged; each "
        "weighs 1 / its chance in every estimate. Conversations drawn for people are looked at besides.",
    )


def _share(estimate: EstimateModel) -> str:
    return NOTHING if estimate.value is None else figures.share_with_interval(estimate)


def _number(estimate: EstimateModel) -> str:
    return NOTHING if estimate.value is None else figures.number_with_interval(estimate)


def _points(estimate: EstimateModel) -> str:
    if estimate.value is None:
        return NOTHING
    low, high = figures.number(100 * (estimate.low or 0.0), 1), figures.number(100 * (estimate.high or 0.0), 1)
    ends = f" ({figures.interval(low, high)})" if estimate.low is not None else ""
    return f"{figures.number(100 * estimate.value, 1)} points{ends}"


def _rate(value: float | None) -> str:
    return NOTHING if value is None else figures.percent(value)


def _pairs(estimate: EstimateModel) -> str:
    return f"{figures.count(estimate.n)} pairs"
