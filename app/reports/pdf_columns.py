"""How wide the columns of a table are on paper: by measure, so that nothing reaches over its edge."""

from typing import NamedTuple

from app.reports.document import Table
from app.reports.letters import BREAK, breakable, letters

PAGE_POINTS = 496.0
GUTTER_POINTS = 9.0
SIZES = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5)
# What stays on one line: texts up to so many letters, words up to so many; the sizes at which to try.
TRIES = ((26, 18, SIZES[:2]), (16, 18, SIZES[:3]), (0, 18, SIZES), (0, 12, SIZES), (0, 8, SIZES))
MOST_WANTED = 46.0  # ems: a longer text wraps
SIGN_EMS = 1.6


class Columns(NamedTuple):
    """Widths in points, the size of the type, and how long a word may be before it may break."""

    points: list[float]
    size: float
    longest_word: int


def columns_of(table: Table, page_points: float = PAGE_POINTS) -> Columns:
    """The largest type at which every word has room; the rest of the page goes to the columns that want it."""
    room = page_points - GUTTER_POINTS * (len(table.columns) - 1)
    for whole, longest, sizes in TRIES:
        needs, wants = zip(*(_measured(table, place, longest, whole) for place in range(len(table.columns))), strict=True)
        for size in sizes:
            if sum(needs) * size <= room:
                return Columns(_shared(needs, wants, size, room), size, longest)
    return Columns([room / len(table.columns)] * len(table.columns), SIZES[-1], TRIES[-1][1])


def _measured(table: Table, place: int, longest: int, whole: int) -> tuple[float, float]:
    """Of a column, in ems: its longest word or short text, and its longest text on one line."""
    heads = [(table.columns[place], True, 0.0)]
    cells = [row[place] for row in table.rows]
    texts = heads + [(cell.text, False, 0.0 if cell.outcome is None and cell.arm is None else SIGN_EMS) for cell in cells]
    need = want = 2.0
    for text, is_head, more in texts:
        ruler = letters(bold=is_head)
        is_whole = len(text) <= whole and not is_head
        words = [text] if is_whole else breakable(text, longest).replace(BREAK, " ").split()
        need = max(need, more + max((ruler.width(word, 1.0) for word in words), default=0.0))
        want = max(want, min(MOST_WANTED, more + ruler.width(text, 1.0)))
    return 1.04 * need, 1.06 * max(want, need)


def _shared(needs: tuple[float, ...], wants: tuple[float, ...], size: float, room: float) -> list[float]:
    """What each needs, and of what is left the more the more it wants; never more than it wants."""
    left = room - sum(needs) * size
    more = [(want - need) * size for need, want in zip(needs, wants, strict=True)]
    share = min(1.0, left / sum(more)) if sum(more) > 0 else 0.0
    return [round(need * size + share * extra, 2) for need, extra in zip(needs, more, strict=True)]
