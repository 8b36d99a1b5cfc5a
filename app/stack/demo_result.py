"""The demo's last table: what was measured beside what is true of the simulated models."""

from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = ("segment", "true win rate", "measured", "95 % interval", "conversations", "gate")
READING = (
    "0.5 = as good as the incumbent; a segment may move if it is shown to be above 0.45.",
    "The simulated judge errs now and then, which draws what is measured towards 0.5.",
)


def truth_table(truth: Mapping[str, float], segments: Mapping[str, Any]) -> list[str]:
    """Per segment: the simulator's own win rate and the measured one, and how to read it.

    Args:
        truth: The expected preference for the candidate, by segment.
        segments: `segments` of a candidate in the scorecard's JSON.
    """
    rows = [COLUMNS, *_rows(truth, segments)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    head, *lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [head, "  ".join("-" * width for width in widths), *lines, *READING]


def _rows(truth: Mapping[str, float], segments: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, true in truth.items():
        segment = segments[name]
        rate = segment["win_rate"]
        interval = f"{_number(rate['low'])} to {_number(rate['high'])}"
        yield name, _number(true), _number(rate["value"]), interval, str(segment["conversations"]), segment["outcome"]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
