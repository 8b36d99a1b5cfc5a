"""Which graders `pilot.toml` can name for a segment, and what each name needs to be one."""

import re

# They say how far a reply agrees with the incumbent's, which must count as right for that to be a preference.
REFERENCE_GRADERS = frozenset({"exact", "tool_calls", "json_fields", "label"})
FUNCTION, AUTOEVALS = "python", "autoevals"
# Scorers of autoevals that ask no model and no network; those of the second set look at one reply alone.
COMPARING_SCORERS = frozenset({"Levenshtein", "NumericDiff", "JSONDiff", "ExactMatch", "ListContains"})
LONE_SCORERS = frozenset({"ValidJSON"})
_FUNCTION = re.compile(r"python:([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def function_of(grader: str) -> tuple[str, str] | None:
    """Module and function of `python:module:function`; `None` for all other graders."""
    found = _FUNCTION.fullmatch(grader)
    return (found[1], found[2]) if found else None


def scorer_of(grader: str) -> str | None:
    """The scorer of `autoevals:Scorer`; `None` for all other graders."""
    kind, _, name = grader.partition(":")
    return name if kind == AUTOEVALS and name in COMPARING_SCORERS | LONE_SCORERS else None


def name_problem(grader: str) -> str | None:
    """What is wrong with the name of a grader that decides by rules; `None` = it is one."""
    if grader in REFERENCE_GRADERS or function_of(grader) is not None or scorer_of(grader) is not None:
        return None
    kind = grader.partition(":")[0]
    if kind == FUNCTION:
        return f"grader {grader!r} must be python:module:function, such as 'python:support.policy:decide'"
    if kind == AUTOEVALS:
        known = ", ".join(sorted(COMPARING_SCORERS | LONE_SCORERS))
        return f"grader {grader!r} must be autoevals:SCORER with one of the scorers that ask no model: {known}"
    return f"grader {grader!r} is unknown in this version"


def compares_with_incumbent(grader: str) -> bool:
    """Whether a grader says nothing unless the incumbent counts as right."""
    return grader in REFERENCE_GRADERS or scorer_of(grader) in COMPARING_SCORERS
