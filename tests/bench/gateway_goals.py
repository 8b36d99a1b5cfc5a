"""A goal, what it wants and what was measured."""

from typing import Any


def goal(name: str, value: float | None, wanted: float, stretch: float, *, is_least: bool = False) -> dict[str, Any]:
    """One row: the value has to be at most `wanted` (or at least); what was not measured does not pass."""
    if value is None:
        return {"name": name, "value": None, "goal": wanted, "stretch": stretch, "passes": False, "reaches": False}
    passes, reaches = (value >= wanted, value >= stretch) if is_least else (value <= wanted, value <= stretch)
    return {"name": name, "value": round(value, 4), "goal": wanted, "stretch": stretch, "passes": passes, "reaches": reaches}


def table(goals: list[dict[str, Any]]) -> list[str]:
    """Lines for people."""
    lines = ["", f"{'goal':48}{'value':>12}{'wanted':>10}{'stretch':>10}"]
    for each in goals:
        verdict = "stretch" if each["reaches"] else "passes" if each["passes"] else "FAILS"
        shown = "unknown" if each["value"] is None else each["value"]
        lines.append(f"{each['name']:48}{shown:>12}{each['goal']:>10}{each['stretch']:>10}  {verdict}")
    return lines
