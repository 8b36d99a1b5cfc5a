"""Drawing on slides: text that fits by measure, tables and pictures that people can edit and screen readers can read."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Pt

from app.reports.letters import UNSEEN, letters

WIDTH, HEIGHT = 960.0, 540.0  # points, 16:9
LEFT, RIGHT, TOP, FOOT = 42.0, 918.0, 116.0, 506.0
FONT = "Arial"  # as wide as the fonts of charts and PDF, and on every machine
LINE = 1.2
# Where no Arial is, another font stands in: DejaVu Sans, which many Linux machines use, is so much wider.
STAND_IN = 1.17
TITLE_SIZES = (28.0, 26.0, 24.0, 22.0, 20.0, 18.0)
TITLE_ONLY = 5
INSET = 2.0
MOST_OF_PROPERTY = 255
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
STEPS = tuple(1.0 - 0.05 * step for step in range(9))


@dataclass(frozen=True, slots=True)
class Box:
    """A place on a slide, in points."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Words:
    """One paragraph."""

    text: str
    size: float = 14.0
    is_bold: bool = False
    colour: str = ""
    is_bullet: bool = False
    space_before: float = 0.0


@dataclass(slots=True)
class Deck:
    """A presentation that grows slide by slide."""

    footer: str
    ink: str
    text: str
    quiet: str
    presentation: Any = field(default_factory=Presentation)
    slide: Any = None
    number: int = 0

    def __post_init__(self) -> None:
        self.presentation.slide_width, self.presentation.slide_height = Pt(WIDTH), Pt(HEIGHT)

    def begin(self, title: str, notes: Sequence[str]) -> None:
        """A slide with its message as the title, and what it rests on in its notes."""
        self.slide = self.presentation.slides.add_slide(self.presentation.slide_layouts[TITLE_ONLY])
        self.number += 1
        box = Box(LEFT, 28.0, RIGHT - LEFT, 76.0)
        said, size = fitted_line(title, box, TITLE_SIZES)
        shape = self.slide.shapes.title
        _place(shape, box)
        _fill(shape.text_frame, [Words(said, size, is_bold=True, colour=self.text)])
        shape.text_frame.vertical_anchor = MSO_ANCHOR.MIDDLE
        self._bar()
        self.words(Box(LEFT, 510.0, RIGHT - LEFT - 80, 18.0), [Words(self.footer, 9.0, colour=self.quiet)])
        self.words(Box(RIGHT - 70, 510.0, 70, 18.0), [Words(str(self.number), 9.0, colour=self.quiet)], is_right=True)
        self.slide.notes_slide.notes_text_frame.text = seen("\n".join(notes))

    def _bar(self) -> None:
        bar = self.slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Pt(0), Pt(0), Pt(10), Pt(HEIGHT))
        bar.fill.solid()
        bar.fill.fore_color.rgb = _colour(self.ink)
        bar.line.fill.background()
        bar.name = "Colour of the candidate"
        _decorative(bar)

    def words(self, box: Box, paragraphs: Sequence[Words], *, least: float = 0.6, is_right: bool = False) -> None:
        """Paragraphs, made smaller and at last cut until they fit the box."""
        if not paragraphs:
            return
        shape = self.slide.shapes.add_textbox(Pt(box.left), Pt(box.top), Pt(box.width), Pt(box.height))
        _fill(shape.text_frame, fitted(paragraphs, box, least=least))
        if is_right:
            shape.text_frame.paragraphs[0].alignment = PP_ALIGN.RIGHT

    def columns(self, boxes: Sequence[Box], texts: Sequence[Sequence[Words]]) -> None:
        """Texts side by side in one size: the largest that fits them all."""
        pairs = [(box, [_resized(each, 1.0, seen(each.text)) for each in text]) for box, text in zip(boxes, texts, strict=True)]
        fits = (
            step for step in STEPS if all(height_of(text, box.width, step) <= box.height - 2 * INSET for box, text in pairs)
        )
        factor = next(fits, STEPS[-1])
        for box, text in pairs:
            self.words(box, [_resized(each, factor, each.text) for each in text], least=1.0)

    def picture(self, box: Box, png: bytes, alt: str, name: str) -> Box:
        """A picture as large as the box allows, at its top; gives what it takes."""
        shape = self.slide.shapes.add_picture(io.BytesIO(png), Pt(box.left), Pt(box.top))
        factor = min(Pt(box.width) / shape.width, Pt(box.height) / shape.height)
        shape.width, shape.height = int(shape.width * factor), int(shape.height * factor)
        properties = shape._element.nvPicPr.cNvPr
        properties.set("descr", seen(alt))
        shape.name = seen(name)
        return Box(box.left, box.top, shape.width.pt, shape.height.pt)

    def table(
        self, box: Box, rows: Sequence[Sequence[str]], shares: Sequence[float], size: float = 13.0, least_row: float = 0.0
    ) -> float:
        """A table whose first row names the columns, in the largest type that fits; gives its height."""
        widths = [box.width * share / sum(shares) for share in shares]
        for each in (size, 12.0, 11.0, 10.0, 9.0):
            heights = [row_height(row, widths, each, is_head=not place) for place, row in enumerate(rows)]
            heights = [heights[0], *(max(height, least_row) for height in heights[1:])]
            if each <= size and sum(heights) <= box.height:
                break
        shown, heights = _that_fit(rows, heights, box.height)
        frame = self.slide.shapes.add_table(len(shown), len(widths), Pt(box.left), Pt(box.top), Pt(box.width), Pt(sum(heights)))
        frame.name = "Table"
        made = frame.table
        for column, width in zip(made.columns, widths, strict=True):
            column.width = Pt(width)
        for place, (row, height) in enumerate(zip(shown, heights, strict=True)):
            made.rows[place].height = Pt(height)
            for at, text in enumerate(row):
                self._cell(made.cell(place, at), text, each, is_head=not place)
        return sum(heights)

    def _cell(self, cell: Any, text: str, size: float, *, is_head: bool) -> None:
        cell.margin_left = cell.margin_right = Pt(5)
        cell.margin_top = cell.margin_bottom = Pt(3)
        cell.fill.solid()
        cell.fill.fore_color.rgb = _colour("#e9ecee" if is_head else "#ffffff")
        _fill(cell.text_frame, [Words(text, size, is_bold=is_head, colour=self.text)], inset=None)
        _line_below(cell, self.quiet)

    def saved(self, *, title: str, subject: str, made_at: Any) -> bytes:
        """The file."""
        core = self.presentation.core_properties
        core.title, core.subject = seen(title)[:MOST_OF_PROPERTY], seen(subject)[:MOST_OF_PROPERTY]
        core.author, core.language = "Parallel Pilot", "en"
        core.created = core.modified = made_at
        core.last_modified_by, core.revision = "Parallel Pilot", 1
        out = io.BytesIO()
        self.presentation.save(out)
        return out.getvalue()


def seen(text: str) -> str:
    """The text without what XML and eyes cannot have."""
    return UNSEEN.sub("", text)


def lines_of(text: str, width: float, size: float, *, is_bold: bool = False) -> int:
    """How many lines the text takes when it wraps at spaces, and within words that are wider than a line."""
    ruler, count = letters(bold=is_bold), 0
    size *= STAND_IN
    space = ruler.width(" ", size)
    for part in text.split("\n"):
        count, at = count + 1, 0.0
        for word in part.split(" "):
            long = ruler.width(word, size)
            if at and at + space + long > width:
                count, at = count + 1, 0.0
            if long > width:
                count, long = count + int(long // width), long % width
            at += long + (space if at else 0.0)
    return count


def height_of(paragraphs: Sequence[Words], width: float, factor: float = 1.0) -> float:
    """Of all, with their spaces."""
    return sum(
        each.space_before
        + LINE * each.size * factor * lines_of(each.text, _room(each, width, factor), each.size * factor, is_bold=each.is_bold)
        for each in paragraphs
    )


def _room(words: Words, width: float, factor: float) -> float:
    return 0.97 * width - 2 * INSET - (1.1 * words.size * factor if words.is_bullet else 0.0)


def fitted(paragraphs: Sequence[Words], box: Box, *, least: float) -> list[Words]:
    """The paragraphs in the largest size that fits; at the least size the last ones go, and what is left is cut."""
    kept = [_resized(each, 1.0, seen(each.text)) for each in paragraphs]
    for factor in (each for each in STEPS if each >= least):
        if height_of(kept, box.width, factor) <= box.height - 2 * INSET:
            return [_resized(each, factor, each.text) for each in kept]
    kept = [_resized(each, least, each.text) for each in kept]
    while len(kept) > 1 and height_of(kept, box.width) > box.height - 2 * INSET:
        kept = kept[:-1]
        last = kept[-1]
        kept[-1] = _resized(last, 1.0, last.text if last.text.endswith(" …") else f"{last.text} …")
    return [*kept[:-1], _cut(kept[-1], kept[:-1], box)]


def _cut(words: Words, before: Sequence[Words], box: Box) -> Words:
    text = words.text
    while len(text) > 1 and height_of([*before, _resized(words, 1.0, text)], box.width) > box.height - 2 * INSET:
        text = text[: int(len(text) * 0.9)].rstrip(" …") + "…"
    return _resized(words, 1.0, text)


def fitted_line(text: str, box: Box, sizes: Sequence[float]) -> tuple[str, float]:
    """A title in the largest of the sizes that fits, else cut."""
    said = seen(text)
    for size in sizes:
        if height_of([Words(said, size, is_bold=True)], box.width) <= box.height:
            return said, size
    return _cut(Words(said, sizes[-1], is_bold=True), (), box).text, sizes[-1]


def row_height(row: Sequence[str], widths: Sequence[float], size: float, *, is_head: bool) -> float:
    """Of a row of a table, its margins with it."""
    pairs = zip(row, widths, strict=True)
    return max(LINE * size * lines_of(seen(text), 0.96 * width - 10, size, is_bold=is_head) for text, width in pairs) + 7


def _that_fit(rows: Sequence[Sequence[str]], heights: list[float], room: float) -> tuple[list[Sequence[str]], list[float]]:
    """The first rows, and how many more there are."""
    if sum(heights) <= room:
        return list(rows), heights
    shown, taken = 1, heights[0] + 20.0
    while shown < len(rows) and taken + heights[shown] <= room:
        taken += heights[shown]
        shown += 1
    more = [f"and {len(rows) - shown} more: see the report", *[""] * (len(rows[0]) - 1)]
    return [*rows[:shown], more], [*heights[:shown], 20.0]


def _resized(words: Words, factor: float, text: str) -> Words:
    size = round(words.size * factor, 1)
    return Words(text, size, words.is_bold, words.colour, words.is_bullet, words.space_before * factor)


def _line_below(cell: Any, ink: str) -> None:
    """A thin rule under the cell, and none elsewhere."""
    properties = cell._tc.get_or_add_tcPr()
    for place, (side, width) in enumerate((("lnL", 0), ("lnR", 0), ("lnT", 0), ("lnB", 9525))):
        line = properties.makeelement(f"{DRAWING}{side}", {"w": str(width)})
        if width:
            fill = line.makeelement(f"{DRAWING}solidFill", {})
            fill.append(fill.makeelement(f"{DRAWING}srgbClr", {"val": ink.removeprefix("#").upper()}))
        else:
            fill = line.makeelement(f"{DRAWING}noFill", {})
        line.append(fill)
        properties.insert(place, line)


def _fill(frame: Any, paragraphs: Sequence[Words], *, inset: float | None = INSET) -> None:
    frame.word_wrap = True
    if inset is not None:
        frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = Pt(inset)
    for place, words in enumerate(paragraphs):
        paragraph = frame.paragraphs[0] if not place else frame.add_paragraph()
        paragraph.line_spacing, paragraph.space_before = 1.0, Pt(words.space_before)
        paragraph.alignment = PP_ALIGN.LEFT
        run = paragraph.add_run()
        run.text = seen(words.text)
        run.font.size, run.font.bold, run.font.name = Pt(words.size), words.is_bold, FONT
        if words.colour:
            run.font.color.rgb = _colour(words.colour)
        if words.is_bullet:
            _bullet(paragraph, words.size)


def _bullet(paragraph: Any, size: float) -> None:
    properties = paragraph._p.get_or_add_pPr()
    indent = int(Pt(1.1 * size))
    properties.set("marL", str(indent))
    properties.set("indent", str(-indent))
    made = properties.makeelement(f"{DRAWING}buChar", {"char": "•"})
    properties.append(made)


def _place(shape: Any, box: Box) -> None:
    shape.left, shape.top, shape.width, shape.height = Pt(box.left), Pt(box.top), Pt(box.width), Pt(box.height)


def _colour(ink: str) -> RGBColor:
    red, green, blue = bytes.fromhex(ink.removeprefix("#"))
    return RGBColor(red, green, blue)  # type: ignore[no-untyped-call]


def _decorative(shape: Any) -> None:
    shape._element.nvSpPr.cNvPr.set("descr", "")
