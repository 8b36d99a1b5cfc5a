"""A report as Markdown; text from outside is escaped, so that it can neither format nor link nor run."""

import re
from collections.abc import Iterable, Sequence

from app.reports.document import Answer, Block, Bullets, Cell, Chart, Document, Facts, Paragraph, Section, Table
from app.reports.wording import GATE_SIGNS

_SPECIAL = re.compile(r"([\\`*_\[\]|~<>&])")
_LINE_START = re.compile(r"^([-=+#])|^(\d+)(?=[.)](?:\s|$))")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def escaped(text: str) -> str:
    """Plain text on one line that Markdown shows as it is."""
    line = " ".join(text.split())
    special = _SPECIAL.sub(lambda found: _ENTITIES.get(found[1], f"\\{found[1]}"), line)
    return _LINE_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\", special)


def render_markdown(document: Document, sections: Sequence[Section] | None = None) -> str:
    """The report as GitHub-flavoured Markdown; charts become their words and their numbers.

    Args:
        document: What it says.
        sections: All that this reader may see (`whole_sections`); by itself those of the document.
    """
    lines = [f"# {escaped(document.title)}", "", escaped(document.subtitle), ""]
    for section in document.sections if sections is None else sections:
        lines += _section(section, 2)
    lines += ["---", "", f"Fingerprint of what this report was made from (SHA-256): `{document.data_hash}`", ""]
    return "\n".join(lines)


def _section(section: Section, level: int) -> list[str]:
    lines = [f"{'#' * level} {escaped(section.title)}", ""]
    for block in section.blocks:
        lines += [*_block(block), ""]
    for inner in section.sections:
        lines += _section(inner, level + 1)
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph():
            return [escaped(block.text)]
        case Bullets():
            return _bullets(block)
        case Facts():
            return [
                f"- **{escaped(fact.label)}: {escaped(fact.value)}** {escaped(fact.detail)}".rstrip() for fact in block.items
            ]
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)
        case Answer():
            return _answer(block)


def _bullets(block: Bullets) -> list[str]:
    lines = [f"**{escaped(block.title)}**", ""]
    return lines + ([f"- {escaped(item)}" for item in block.items] or [escaped(block.when_empty)])


def _answer(block: Answer) -> list[str]:
    final = ", final" if block.is_final else ""
    about = f"{escaped(block.candidate)} ({escaped(block.model)}){final}: `{block.outcome.value}`"
    lines = [f"> **{escaped(block.words)}**", ">", f"> Verdict on {about}", ">", f"> {escaped(block.sentence)}"]
    return [*lines, ">", f"> {escaped(block.provisional)}"] if block.provisional else lines


def _chart(block: Chart) -> list[str]:
    lines = [f"**{escaped(block.title)}**", "", escaped(block.alt), "", escaped(block.caption)]
    return lines if block.data is None else [*lines, "", *_table(block.data)]


def _table(block: Table) -> list[str]:
    first_number = len(block.columns) - block.numeric
    rule = ["---:" if place >= first_number else "---" for place in range(len(block.columns))]
    lines = [f"**{escaped(block.caption)}**", "", _row(map(escaped, block.columns)), _row(rule)]
    lines += [_row(_cell(cell) for cell in row) for row in block.rows]
    return [*lines, "", escaped(block.note)] if block.note else lines


def _cell(cell: Cell) -> str:
    """One cell; a table's row is one line, so the lines of a text are parted as GitHub shows them."""
    text = "<br>".join(map(escaped, cell.text.splitlines()))
    return text if cell.outcome is None else f"{GATE_SIGNS[cell.outcome]} {text}"


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"
