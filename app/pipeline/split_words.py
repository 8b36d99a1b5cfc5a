"""What a verdict says of the split: which kinds of work stay although they pass, and which part would pass alone."""

from collections.abc import Iterable, Iterator

from app.domain.words import Outcome
from app.pipeline.outcome import Line
from app.pipeline.ruling import MOVING, Case, Ruling

LEFT_OUT, PART_PASSES = "segment_left_out", "part_passes"


def left_out(case: Case, ruling: Ruling) -> frozenset[str]:
    """Segments whose quality passes and that stay, because more is saved without them."""
    return case.passing - ruling.moved if ruling.wanted is Outcome.HYBRID else frozenset()


def part_alone(case: Case, ruling: Ruling) -> frozenset[str]:
    """The part of the passing segments that would pass every other condition where all of them together fail one."""
    if ruling.decision.line is not Line.ELSE or ruling.wanted in MOVING:
        return frozenset()
    choice = case.best_split(case.passing)
    return choice.moved if choice.passes and choice.moved != case.passing else frozenset()


def split_codes(case: Case, ruling: Ruling) -> Iterator[str]:
    """Reason codes of the same."""
    if left_out(case, ruling):
        yield LEFT_OUT
    if part_alone(case, ruling):
        yield PART_PASSES


def split_words(case: Case, ruling: Ruling) -> Iterator[str]:
    """Why another part than all that pass moves, or would."""
    stays = left_out(case, ruling)
    if stays:
        more, less = case.gates.saving_usd(ruling.moved), case.gates.saving_usd(case.passing)
        costs = f"{more - less:,.2f} US dollars a month" if more is not None and less is not None else "money"
        them = "it" if len(stays) == 1 else "them"
        yield f"{names_of(stays)} had better stay although quality passes there: moving {them} too would cost {costs}"
    alone = part_alone(case, ruling)
    if alone:
        yield (
            f"quality passes in {names_of(case.passing)}, and together they fail another condition; {names_of(alone)} alone "
            "would pass them all"
        )


def names_of(segments: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = sorted(segments)
    return f"{', '.join(most)} and {last}" if most else last
