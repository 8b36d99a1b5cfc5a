"""How far people are with labelling: done against needed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt

from app.reports import figures
from app.reports.charts import Rows, drawn, finished, label_axis
from app.reports.palette import GRID, QUIET

LABELS_WIDTH = 142


class Progress(NamedTuple):
    """So many are done of so many."""

    name: str
    done: int
    needed: int


def said(part: Progress) -> str:
    """`41 of 200`, or what is more than needed."""
    done, needed = figures.count(part.done), figures.count(part.needed)
    return f"{done} of {needed}" if part.done <= part.needed else f"{done}, needed {needed}"


def progress_chart(parts: Sequence[Progress]) -> dict[str, Any]:
    """A bar each on a ground as long as all that is needed; more than needed ends where the ground does."""
    rows: Rows = [
        {
            "name": f"{place}\n{part.name}\n{said(part)}", "share": min(1.0, part.done / max(1, part.needed)), "whole": 1,
        }
        for place, part in enumerate(parts)
    ]  # fmt: skip
    y = alt.Y("name:N", sort=None, title=None, axis=label_axis(LABELS_WIDTH))
    scale = alt.Scale(domain=[0, 1.04], nice=False)
    shares = alt.Axis(format=".0%", values=[0, 0.5, 1], grid=False)
    x = alt.X("share:Q", title="share of what is needed, from 0", scale=scale, axis=shares)
    ground = drawn(rows).mark_bar(height=24, color=GRID.light).encode(x=alt.X("whole:Q", scale=scale), y=y)
    bars = drawn(rows).mark_bar(height=24, color=QUIET.light).encode(x=x, y=y)
    return finished([ground, bars], height=64 + 56 * len(rows))
