"""Rules that every chart of every report keeps: words, n in the caption, where its axis starts, colours of the palette."""

import json
import re
from collections.abc import Iterator, Sequence

import pytest

from app.reports.document import Chart, Section
from app.reports.palette import INKS
from tests.unit.reports.examples import SCORECARDS, a_document

LIGHT = {ink.light for ink in INKS}
STARTS = re.compile(r"(axis|scale) (starts|does not start|holds)\b.* 0|[Bb]oth( scales| axes)? start at 0")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")


def charts_in(sections: Sequence[Section]) -> Iterator[Chart]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Chart))
        yield from charts_in(section.sections)


@pytest.mark.parametrize("example", SCORECARDS)
def test_every_chart_says_what_it_shows_of_how_many_and_from_where(example: str) -> None:
    wrong = []
    for chart in charts_in(a_document(example).sections):
        if len(chart.alt) < 20 or not chart.title:
            wrong.append(f"{chart.name}: no words")
        if "n = " not in chart.caption:
            wrong.append(f"{chart.name}: no n in {chart.caption!r}")
        if not STARTS.search(chart.caption):
            wrong.append(f"{chart.name}: from where its axis starts is not said: {chart.caption!r}")
        if strange := set(COLOUR.findall(json.dumps(chart.spec))) - LIGHT:
            wrong.append(f"{chart.name}: colours beside the palette: {strange}")
    assert wrong == []
