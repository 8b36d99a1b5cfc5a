"""A report as a tagged PDF (PDF/UA-1): page one of each candidate alone, then the evidence."""

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import typst

from app.reports import figures
from app.reports.document import Answer, Block, Bullets, Cell, Chart, Document, Facts, Paragraph, Section, Table
from app.reports.html import TEMPLATES
from app.reports.letters import FAMILY, FONTS, breakable, shown
from app.reports.pack.blocks import service_table
from app.reports.pack.model import Leadership
from app.reports.pack.sections import SIGNERS, asked_by, decided, is_answer, valid_until, whole_sections
from app.reports.palette import GRID, QUIET, RULE, TEXT, arm_ink
from app.reports.pdf_columns import columns_of
from app.reports.pictures import chart_vector
from app.reports.view import ReportView
from app.reports.wording import GATE_OUTCOMES, GATE_SIGNS

TEMPLATE = TEMPLATES / "pack.typ"
CHART_WIDTH = 780
LONGEST_WORD = 32
KEPT_FOR, LARGE_LETTERS = 10, 200_000
MOST_TOGETHER, MOST_LETTERS_TOGETHER, LINE_LETTERS = 6, 1500, 60
AS_IT_IS = frozenset({"svg", "alt", "slug", "kind", "font", "hash", "title_whole"})
COLOURS = {"text": TEXT.light, "quiet": QUIET.light, "grid": GRID.light, "rule": RULE.light}


def render_pdf(view: ReportView) -> bytes:
    """The same view gives the same bytes; text from outside comes as data and is never read as markup."""
    content = json.dumps(_printable(_content(view)), ensure_ascii=False)
    made: bytes = typst.compile(
        TEMPLATE,
        root=TEMPLATES,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        pdf_standards=["ua-1"],
        sys_inputs={"report": content},
        timestamp=int(view.document.made_at.timestamp()),
    )
    if len(content) > LARGE_LETTERS:
        _forget()
    return made


def _forget() -> None:
    """The typesetter keeps all that it made for its next ten documents (80 MB a report): empty ones push it out."""
    for _ in range(KEPT_FOR + 1):
        typst.compile(b"", ignore_system_fonts=True)


def _printable(value: Any, key: str = "") -> Any:
    """Every text in letters that there are, and long words so that they can break; pictures and names of places as they are."""
    if isinstance(value, str):
        return shown(value) if key in AS_IT_IS else breakable(shown(value), LONGEST_WORD).replace("-$", "\u2212$")
    if isinstance(value, dict):
        return {name: _printable(each, name) for name, each in value.items()}
    return [_printable(each, key) for each in value] if isinstance(value, list | tuple) else value


def _content(view: ReportView) -> dict[str, Any]:
    document = view.document
    made = document.made_at.astimezone(UTC)
    sections = _on_paper(view)
    return {
        "title": document.title,
        "title_whole": document.title,
        "subtitle": document.subtitle,
        "pilot": document.summary.pilot,
        "made": [made.year, made.month, made.day, made.hour, made.minute, made.second],
        "made_words": figures.moment(document.made_at, document.timezone),
        "hash": document.data_hash,
        "font": FAMILY,
        "colours": COLOURS,
        "signers": SIGNERS,
        "validity": " ".join(words for words in (asked_by(view), valid_until(view)) if words),
        "pages": [_page(view, page) for page in document.leadership],
        "sections": [_section(section) for section in sections],
        "appendix": [_table(chart.data) for chart in _charts(sections) if chart.data is not None],
    }


def _page(view: ReportView, page: Leadership) -> dict[str, Any]:
    rows = [row.model_dump() | {"sign": GATE_SIGNS[row.outcome], "word": GATE_OUTCOMES[row.outcome]} for row in page.service]
    signed = [each for each in view.decisions if each.candidate == page.candidate]
    timezone = view.document.timezone
    return page.model_dump(mode="json") | {
        "ink": arm_ink(page.arm).light,
        "service": rows,
        "slug": f"answer-{page.arm}",
        "signed": [
            [each.signed_name, each.signed_role, decided(each, timezone), figures.local_time(each.signed_at, timezone)]
            for each in signed
        ],
    }


def _on_paper(view: ReportView) -> tuple[Section, ...]:
    """The sections after page one, which has said a part of them; lines to sign stand on page one alone."""
    sections = tuple(each for each in whole_sections(view) if each.slug != "signatures" or view.decisions)
    if not view.document.leadership:
        return sections
    return tuple(_reasons(view.document, section) if is_answer(section) else section for section in sections)


def _reasons(document: Document, section: Section) -> Section:
    page = next(page for page in document.leadership if section.slug == f"answer-{page.arm}")
    said = {page.quality.sentence, page.quality.derived, service_table(page).caption}
    blocks = tuple(
        block
        for block in section.blocks
        if not isinstance(block, Answer | Facts)
        and not (isinstance(block, Paragraph) and block.text in said)
        and not (isinstance(block, Table) and block.caption in said)
    )
    return section.model_copy(update={"title": f"{section.title}: reasons and conditions", "blocks": blocks})


def _charts(sections: tuple[Section, ...]) -> Iterator[Chart]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))
        yield from _charts(section.sections)


def _section(section: Section) -> dict[str, Any]:
    return {
        "slug": section.slug,
        "title": section.title,
        "blocks": [_block(block) for block in section.blocks],
        "sections": [_section(inner) for inner in section.sections],
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Table():
            return _table(block)
        case Chart():
            svg = chart_vector(block.spec, name=block.name, width=CHART_WIDTH)
            return {"kind": "chart", "title": block.title, "svg": svg, "alt": block.alt, "caption": block.caption}
        case Answer():
            return block.model_dump(mode="json") | {"ink": arm_ink(block.arm).light}
        case Paragraph() | Bullets() | Facts():
            return block.model_dump(mode="json")


def _table(table: Table) -> dict[str, Any]:
    columns = columns_of(table)
    return {
        "kind": "table",
        "is_small": _is_small(table),
        "caption": table.caption,
        "columns": [breakable(column, columns.longest_word) for column in table.columns],
        "points": columns.points,
        "size": columns.size,
        "rows": [[_cell(cell, columns.longest_word) for cell in row] for row in table.rows],
        "numeric": table.numeric,
        "has_total": table.has_total,
        "note": table.note,
    }


def _is_small(table: Table) -> bool:
    """Whether it stays on one page in any case: few rows, and little text in wide columns."""
    texts = [table.note, *(cell.text for row in table.rows for cell in row)]
    few = len(table.rows) <= MOST_TOGETHER and len(table.columns) <= MOST_TOGETHER
    return few and sum(map(len, texts)) + LINE_LETTERS * sum(text.count("\n") for text in texts) <= MOST_LETTERS_TOGETHER


def _cell(cell: Cell, longest_word: int) -> dict[str, Any]:
    made: dict[str, Any] = {"text": breakable(cell.text, longest_word)}
    if cell.outcome is not None:
        made["sign"] = GATE_SIGNS[cell.outcome]
    elif cell.arm is not None:
        made |= {"ink": arm_ink(cell.arm).light, "is_candidate": bool(cell.arm)}
    return made
