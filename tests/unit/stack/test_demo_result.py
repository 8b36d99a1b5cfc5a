from typing import Any

import pytest

from app.stack.demo_result import truth_table


def a_segment(value: float | None, outcome: str = "passes") -> dict[str, Any]:
    interval = (None, None) if value is None else (value - 0.05, value + 0.05)
    rate = {"value": value, "low": interval[0], "high": interval[1]}
    return {"win_rate": rate, "conversations": 12, "outcome": outcome}


def test_each_segment_has_its_truth_beside_what_was_measured() -> None:
    lines = truth_table(
        {"answers": 0.499, "escalations": 0.25}, {"answers": a_segment(0.51), "escalations": a_segment(0.3, "fails")}
    )
    assert lines[2].split() == ["answers", "0.499", "0.510", "0.460", "to", "0.560", "12", "passes"]
    assert lines[3].split() == ["escalations", "0.250", "0.300", "0.250", "to", "0.350", "12", "fails"]


def test_what_is_not_known_is_said() -> None:
    line = truth_table({"answers": 0.499}, {"answers": a_segment(None, "unknown")})[2]
    assert line.split() == ["answers", "0.499", "unknown", "unknown", "to", "unknown", "12", "unknown"]


def test_a_segment_that_the_scorecard_lacks_is_an_error() -> None:
    with pytest.raises(KeyError, match="answers"):
        truth_table({"answers": 0.499}, {})
