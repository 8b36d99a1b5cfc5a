"""What would move and what would stay: by kind of work, with the blended cost and quality, and what fewer kinds save."""

from app.domain.cost_figures import CostModel
from app.domain.split import FrontierPoint, KindModel, SplitModel, SplitSegment
from app.reports import figures
from app.reports.breakdown import LENGTHS, TURNS
from app.reports.context import Subject
from app.reports.document import Block, Cell, Fact, Facts, Paragraph, Section, Table, cells

TITLE = "What would move, and what stays"
LEAST_SURE = 0.5


def split_sections(subject: Subject) -> tuple[Section, ...]:
    """Nothing where no kinds of work were seen."""
    split = subject.card.split
    if not split.segments:
        return ()
    blocks: tuple[Block, ...] = (Paragraph(text=split.words),)
    if split.moved:
        blocks += (Facts(items=_facts(subject, split)),)
    blocks += (_segments(subject, split), *_frontier(split))
    blocks += (*_kinds("turn of the conversation", "Turn", split.by_turn, TURNS),)
    blocks += (*_kinds("length of the prompt", "Prompt", split.by_prompt_length, LENGTHS),)
    blocks += tuple(Paragraph(text=suggestion, tone="note") for suggestion in split.suggestions)
    return (Section(slug=f"split-{subject.arm}", title=TITLE, blocks=blocks),)


def _facts(subject: Subject, split: SplitModel) -> tuple[Fact, ...]:
    now, cost = figures.money(split.incumbent_usd_per_month.value), subject.card.cost
    rate = split.blended_win_rate
    ends = figures.interval(figures.percent(rate.low), figures.percent(rate.high)) or "interval unknown"
    sure = f", {rate.confidence:.0%} sure" if rate.confidence >= LEAST_SURE else ""
    return (
        Fact(
            label="Cost a month with this split",
            value=figures.money(split.blended_usd_per_month.value),
            detail=f"{subject.incumbent} alone costs {now}. No range of it is computed; that of the saving stands beside.",
        ),
        Fact(
            label="Saving a month by this split",
            value=figures.money(split.saving_usd_per_month.value),
            detail=f"What the moved kinds cost today, less the candidate for them. {_spread(split, cost)}",
        ),
        Fact(
            label="Win rate of all traffic with this split",
            value=figures.percent(rate.value),
            detail=f"{ends}{sure}; {figures.count(rate.n)} conversations of what moves. What stays counts 50%, as it is today.",
        ),
        Fact(
            label="Requests that would move",
            value=figures.percent(split.moved_share_of_requests),
            detail=f"{figures.names(split.moved)}.",
        ),
    )


def _spread(split: SplitModel, cost: CostModel) -> str:
    """The range of the same saving, where it was drawn."""
    drawn = cost.saving_of_split_usd_per_month
    ends = figures.interval(figures.money(drawn.low), figures.money(drawn.high))
    if not ends or drawn.value != split.saving_usd_per_month.value:
        return "No range was computed."
    return f"95% of {cost.draws:,} draws lie at {ends}; n = {drawn.n:,} conversations."


def _segments(subject: Subject, split: SplitModel) -> Table:
    return Table(
        caption="The split by kind of work",
        columns=(
            "Kind of work",
            "Goes to",
            "Because",
            "Requests a month",
            "Win rate (95% interval)",
            f"{subject.incumbent} a month",
            f"{subject.name} a month, alone",
            "Saves beside what moves",
        ),
        rows=tuple(
            cells(
                each.name,
                subject.name if each.moves else subject.incumbent,
                each.why or figures.NOTHING,
                figures.count(each.requests_per_month),
                _rate(each),
                figures.money(each.incumbent_usd_per_month.value),
                figures.money(each.candidate_usd_per_month.value),
                figures.money(each.saving_beside_usd_per_month.value),
            )
            for each in split.segments
        ),
        numeric=5,
        note=(
            "The last column is what moving this kind adds to what else moves (of one that stays: would add). Alone, a kind "
            "bears the rent and the hours that several kinds would share. Amounts are points: only all that moves together "
            "has a range."
        ),
    )


def _rate(each: SplitSegment) -> str:
    n = figures.count(each.win_rate.n)
    return f"{figures.share_with_interval(each.win_rate)}, n = {n}" if each.win_rate.value is not None else figures.UNKNOWN


def _frontier(split: SplitModel) -> tuple[Table, ...]:
    if len(split.frontier) < 2:  # noqa: PLR2004 - one split is no choice
        return ()
    return (
        Table(
            caption="The best split by how many kinds move",
            columns=("Kinds", "Which", "Requests that move", "Saving a month"),
            rows=tuple(_point(point) for point in split.frontier),
            numeric=2,
            note="Of kinds whose quality passes; whether the other conditions hold is asked of the split that is named above. "
            "Savings are points without ranges.",
        ),
    )


def _point(point: FrontierPoint) -> tuple[Cell, ...]:
    return cells(
        figures.count(len(point.moved)),
        figures.names(point.moved),
        figures.percent(point.share_of_requests),
        figures.money(point.saving_usd_per_month),
    )


def _kinds(what: str, first: str, kinds: list[KindModel], names: dict[str, str]) -> tuple[Table, ...]:
    if not kinds:
        return ()
    return (
        Table(
            caption=f"Where the candidate holds, by {what}",
            columns=(first, "Holds", "Lower bound of the win rate", "Conversations", "The incumbent bills a month"),
            rows=tuple(
                cells(
                    names.get(kind.name, kind.name),
                    "yes" if kind.holds else "not shown",
                    figures.percent(kind.bound),
                    figures.count(kind.conversations),
                    figures.money(kind.incumbent_usd_per_month.value),
                )
                for kind in kinds
            ),
            numeric=3,
            note="One-sided bounds, the error probability shared out by Holm's steps over the table. Nothing moves by it.",
        ),
    )
