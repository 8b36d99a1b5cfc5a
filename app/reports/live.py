"""What the ledger says of live traffic, in words: what was lost and why, retries, late replies, what we left out and when."""

from collections.abc import Iterator, Sequence

from app.domain.scorecard import ControlModel, HourCount, LedgerModel, Scorecard
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Paragraph, Table, cells

MOST_HOURS = 24
LOST_WORDS = {
    "shed": "were never taken in, because a bound of ours was reached",
    "missing": "were counted where they arrived, but nothing of them came",
    "no_reply": "came, but not what the incumbent answered",
}
OFFSET_WORDS = {"ttft_any_seconds": "the first sign of an answer", "total_seconds": "the whole answer"}


def live_blocks(scorecard: Scorecard) -> tuple[Paragraph | Bullets | Table, ...]:
    """Nothing where nothing came live and nothing stands out."""
    ledger = scorecard.coverage
    blocks: list[Paragraph | Bullets | Table] = [Paragraph(text=_sentence(said), tone="warning") for said in _own(scorecard)]
    facts = (*_lost(ledger), *_attempts(ledger), *_late(ledger))
    if facts:
        blocks.append(Bullets(title="More on the live requests", items=facts))
    if ledger.shed_by_hour:
        blocks.append(_hours("Requests that a bound of ours kept out, by hour", ledger.shed_by_hour))
    if scorecard.control is not None:
        blocks += _control(scorecard.control)
    return tuple(blocks)


def _own(scorecard: Scorecard) -> list[str]:
    """Warnings but those of candidates' servers, which stand with each candidate."""
    of_servers = {said for candidate in scorecard.candidates.values() for said in candidate.serving.warnings}
    return [said for said in scorecard.warnings if said not in of_servers]


def left_out_blocks(subject: Subject) -> tuple[Table, ...]:
    """When the candidate was not asked, by hour; nothing where it always was."""
    hours = subject.card.left_out_by_hour
    caption = f"When {subject.name} was not asked, by hour"
    return (_hours(caption, hours),) if hours else ()


def _lost(ledger: LedgerModel) -> Iterator[str]:
    for because, words in LOST_WORDS.items():
        if ledger.lost_because.get(because):
            yield f"Of the lost requests {figures.count(ledger.lost_because[because])} {words}."


def _attempts(ledger: LedgerModel) -> Iterator[str]:
    if ledger.retries_folded:
        yield (
            f"{figures.count(ledger.retries_folded)} times the application's library tried a request again: "
            "such attempts count with their request, whose last attempt decides."
        )


def _late(ledger: LedgerModel) -> Iterator[str]:
    if ledger.late_replies:
        yield f"{figures.count(ledger.late_replies)} answers came after we had stopped waiting: counted here and nowhere else."


def _hours(caption: str, hours: Sequence[HourCount]) -> Table:
    """The hours with the most, in their order of time."""
    most = sorted(sorted(hours, key=_sum, reverse=True)[:MOST_HOURS], key=lambda each: each.hour)
    rest = f" The {MOST_HOURS} hours with the most of {figures.count(len(hours))}." if len(hours) > MOST_HOURS else ""
    return Table(
        caption=caption,
        columns=("Hour (UTC)", "Our bounds", "Budget used up", "Other reasons"),
        rows=tuple(
            cells(
                f"{each.hour:%Y-%m-%d %H}:00",
                figures.count(each.shed),
                figures.count(each.over_budget),
                figures.count(each.not_asked),
            )
            for each in most
        ),
        numeric=3,
        note=f"These are ours: no failure of any model, and no evidence on quality.{rest}",
    )


def _sum(each: HourCount) -> int:
    return each.shed + each.over_budget + each.not_asked


def _control(control: ControlModel) -> Iterator[Paragraph]:
    """The incumbent against itself."""
    if not control.asked:
        return
    said = f"The incumbent itself was asked again {figures.count(control.asked)} times."
    if control.equal_rate.value is not None:
        said += f" Its second answer was the same in {figures.percent(control.equal_rate.value)} of them."
    if control.win_rate.value is not None:
        said += (
            f" By the grader its second answers reach {figures.percent(control.win_rate.value)} against its first: noise alone."
        )
    yield Paragraph(text=said)
    for name, words in OFFSET_WORDS.items():
        offset = control.vantage_offset_seconds.get(name)
        if offset is not None and offset.value is not None:
            later = "later" if offset.value >= 0 else "earlier"
            yield Paragraph(
                text=f"Asked from where the candidates are asked, it gave {words} {figures.seconds(abs(offset.value))} {later} "
                "than to production (median). No time is corrected by it.",
                tone="note",
            )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith("?") else ".")
