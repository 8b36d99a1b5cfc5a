"""Which graders decide a segment's pairs by rules: the one place that knows their names, versions and functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.domain.exchange import Json, Reply
from app.domain.grader_names import function_of, scorer_of
from app.graders import equality, json_fields, label, tool_calls
from app.graders.autoevals_adapter import Adapter
from app.graders.grade import Grade, Ungraded

Result = Grade | Ungraded
# Ends the version of a function whose answers are scores, not decisions.
SCORES = "+scores"


@dataclass(frozen=True, slots=True)
class SegmentGrader:
    """A grader that needs no model.

    Attributes:
        spec: As `pilot.toml` names it; stored with each grade.
        version: Another one wherever it may say something else.
        grade: Of a request, the incumbent's reply and the arm's.
        names_labels: Whether its facts name both sides' labels, so that equal replies are graded, too: they belong in the
            confusion table.
    """

    spec: str
    version: str
    grade: Callable[[Json, Reply, Reply], Result]
    names_labels: bool = False


class Functions(Protocol):
    """Runs the users' own functions outside of this process."""

    def version(self, spec: str) -> str:
        """Names the code that is run."""

    def grade(self, spec: str, request: Json, incumbent: Reply, other: Reply, *, is_reference: bool) -> Result:
        """What a function says of a pair."""


def find_grader(spec: str, *, is_reference: bool = True, functions: Functions | None = None) -> SegmentGrader | None:
    """The grader of that name; `None` where a model is asked, and for users' functions where nobody runs them.

    Args:
        spec: As in `pilot.toml`, already checked.
        is_reference: The segment's `incumbent_is_reference`.
        functions: Runs users' functions.
    """
    if spec in _BUILT_IN:
        return _BUILT_IN[spec]
    scorer = scorer_of(spec)
    if scorer is not None:
        adapter = Adapter(scorer, is_reference=is_reference)
        return SegmentGrader(spec, adapter.version, adapter.grade_pair)
    if not is_function(spec) or functions is None:
        return None

    def grade(request: Json, incumbent: Reply, other: Reply) -> Result:
        return functions.grade(spec, request, incumbent, other, is_reference=is_reference)

    version = functions.version(spec) + ("" if is_reference else SCORES)
    return SegmentGrader(spec, version, grade, names_labels=is_reference)


def is_function(spec: str) -> bool:
    """Whether a grader is a user's own function, which only a worker runs."""
    return function_of(spec) is not None


def is_by_rule(spec: str) -> bool:
    """Whether a grader decides without asking a model."""
    return spec in _BUILT_IN or is_function(spec) or scorer_of(spec) is not None


def version_of(spec: str) -> str | None:
    """The version of a grader that decides by rules; `None` for others, and for functions: those are known where they run."""
    grader = find_grader(spec)
    return grader.version if grader is not None else None


def _grade_exact(_: Json, incumbent: Reply, other: Reply) -> Grade:
    return equality.grade_equality(incumbent, other)


_BUILT_IN = {
    grader.spec: grader
    for grader in (
        SegmentGrader(equality.NAME, equality.VERSION, _grade_exact),
        SegmentGrader(tool_calls.NAME, tool_calls.VERSION, tool_calls.grade_tool_calls),
        SegmentGrader(json_fields.NAME, json_fields.VERSION, json_fields.grade_fields),
        SegmentGrader(label.NAME, label.VERSION, lambda _, incumbent, other: label.grade_label(incumbent, other), True),
    )
}
