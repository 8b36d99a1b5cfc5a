"""Slides drawn by LibreOffice, whatever font stands in for ours: no text beyond its slide, none across another."""

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from app.reports.rendering import render
from app.reports.view import ReportView
from tests.unit.reports.examples import a_document

TOOLS = [shutil.which("soffice"), shutil.which("pdftotext")]
pytestmark = pytest.mark.skipif(
    None in TOOLS,
    reason="no soffice or pdftotext: apt-get install -y --no-install-recommends libreoffice-impress poppler-utils",
)
EXAMPLES = ("hybrid", "dont_migrate", "nothing_imported")
WORD = re.compile(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>')
PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', re.DOTALL)
SHARED = 0.3  # of the lower word's height: lines of one paragraph may touch


class Word(NamedTuple):
    """A word's box in points."""

    left: float
    top: float
    right: float
    bottom: float
    text: str


def crossed(one: Word, other: Word) -> bool:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return wide > 1 and high > SHARED * min(one.bottom - one.top, other.bottom - other.top)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("slides")
    files = [folder / f"{example}.pptx" for example in EXAMPLES]
    for file in files:
        file.write_bytes(render(ReportView(a_document(file.stem)), "pptx").content)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [str(TOOLS[0]), profile, "--headless", "--convert-to", "pdf", "--outdir", str(folder), *map(str, files)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return {file.stem: file.with_suffix(".pdf") for file in files}


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_text_leaves_its_slide_or_crosses_another(drawn: dict[str, Path], example: str) -> None:
    boxes = subprocess.run([str(TOOLS[1]), "-bbox", str(drawn[example]), "-"], check=True, capture_output=True, text=True)
    pages = PAGE.findall(boxes.stdout)
    assert 6 <= len(pages) <= 8
    wrong = []
    for number, (width, height, inside) in enumerate(pages, 1):
        words = [Word(float(x), float(y), float(x2), float(y2), said) for x, y, x2, y2, said in WORD.findall(inside)]
        assert words
        for word in words:
            if word.left < 0 or word.top < 0 or word.right > float(width) or word.bottom > float(height):
                wrong.append(f"slide {number}: {word.text} lies beyond it")
        wrong += [f"slide {number}: {a.text} and {b.text}" for a, b in combinations(words, 2) if crossed(a, b)]
    assert wrong == []
