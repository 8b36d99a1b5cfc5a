"""Quality by kind of request: descriptive tables that decide nothing."""

from app.domain.groups import GroupModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Table, cells

NOTE = (
    "Shown, never decided on: many small groups look good or bad by luck alone. Later turns were answered on the incumbent's "
    "history, not on the candidate's own."
)
LENGTHS = {
    "<500": "under 500 tokens", "500-2k": "500 to 2,000", "2k-8k": "2,000 to 8,000", "8k+": "8,000 and more",
    "unknown": "length not known",
}  # fmt: skip
TURNS = {"1": "first", "2-3": "2 and 3", "4-6": "4 to 6", "7+": "7 and later", "unknown": "turn not known"}


def breakdown_tables(subject: Subject) -> tuple[Table, ...]:
    """By turn and by length; nothing where nothing is known."""
    quality = subject.card.quality
    return (
        *_table("Win rate by turn of the conversation", "Turn", quality.by_turn, TURNS, NOTE),
        *_table("Win rate by length of the prompt", "Prompt", quality.by_prompt_length, LENGTHS, ""),
    )


def _table(caption: str, first: str, groups: list[GroupModel], names: dict[str, str], note: str) -> tuple[Table, ...]:
    if not groups:
        return ()
    rows = tuple(
        cells(
            names.get(group.name, group.name),
            figures.share_with_interval(group.win_rate) if group.win_rate.value is not None else "unknown: no grades",
            figures.count(group.conversations),
            figures.count(group.pairs),
        )
        for group in groups
    )
    columns = (first, "Win rate, raw (95% interval)", "Conversations", "Pairs")
    return (Table(caption=caption, columns=columns, rows=rows, numeric=3, note=note),)
