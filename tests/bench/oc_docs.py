"""Writes a run of `./run bench oc` into the docs, and reads it back."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tests.bench.oc_picture import picture
from tests.bench.oc_tables import strips, tables
from tests.simulation.evaluate import Row, run_scene
from tests.simulation.scenes import Scene, scenes

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "tests" / "simulation" / "oc.json"
PAGE = ROOT / "docs" / "operating-characteristics.md"
PICTURE = ROOT / "docs" / "operating-characteristics.svg"
BEGIN, END = "<!-- made by ./run bench oc --write-docs -->", "<!-- end -->"
# Worlds that the tests run again in a second, for every part of the rule.
SUBSET = ("boundary:700", "parity:700", "falling 0.52 to 0.42:700", "parity, judge +3 pp, no skips:1400/280")
SUBSET_RUNS = 60


def subset() -> list[Scene]:
    """The scenes that the tests run again."""
    return [scene for scene in scenes() if scene.name in SUBSET]


def subset_rows() -> list[Row]:
    """Their rows, from few pilots."""
    return [row for scene in subset() for row in run_scene(scene, SUBSET_RUNS)]


def write_docs(rows: Sequence[Row]) -> None:
    """Figures, page and picture of a whole run."""
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    few = ",\n  ".join(json.dumps(row) for row in subset_rows())
    FIGURES.write_text(f'{{"rows": [\n  {lines}\n],\n"subset": [\n  {few}\n]}}\n')
    PAGE.write_text(with_tables(PAGE.read_text(), rows))
    PICTURE.write_text(picture(strips(rows)))


def with_tables(page: str, rows: Sequence[Row]) -> str:
    """The page with its tables made anew."""
    made = f"{BEGIN}\n\n{tables(rows)}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: made, page, count=1, flags=re.DOTALL)
