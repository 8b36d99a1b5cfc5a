"""Written criteria with points: `[[rubric]]` of `pilot.toml`, and the graders `rubric:NAME` that segments name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from app.domain.toml_table import Name, OptionalText, Table, Text, at

PREFIX = "rubric:"
JOINED_BY = "+"
MAX_RUBRICS, MAX_CRITERIA = 20, 40


def _not_joined(value: str) -> str:
    if JOINED_BY in value:
        message = f"must not hold '{JOINED_BY}': it joins the names of several rubrics in a segment's grader"
        raise ValueError(message)
    return value


class CriterionTable(Table):
    """One criterion: what a reply does, and how many points it gets for it, or loses.

    Attributes:
        text: What is looked for, as a statement about the reply.
        points: Above 0 for what a reply should do, below 0 for what it should not.
        critical: It must never happen; only with points below 0.
    """

    text: Text
    points: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False)]
    critical: bool = False


class RubricTable(Table):
    """`[[rubric]]`: a set of criteria.

    Attributes:
        criteria: At least one with points above 0.
        weight: How much the rubric counts beside others that the same segment names.
        critical: All its criteria with points below 0 are critical.
        version: A word of the user's own; another one has everything scored anew.
    """

    name: Annotated[Name, AfterValidator(_not_joined)]
    criteria: Annotated[tuple[CriterionTable, ...], Field(min_length=1, max_length=MAX_CRITERIA)]
    weight: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 1.0
    critical: bool = False
    version: OptionalText = None

    @model_validator(mode="after")
    def _points_make_sense(self) -> Self:
        for place, criterion in enumerate(self.criteria):
            if criterion.points == 0:
                raise at("criteria", place, "points", message="0 points change nothing: give more or less", code="no_points")
            if criterion.critical and criterion.points > 0:
                message = "a critical criterion says what must never happen: it needs points below 0"
                raise at("criteria", place, "critical", message=message, code="critical_merit")
            if criterion.text in [other.text for other in self.criteria[:place]]:
                raise at("criteria", place, "text", message=f"two criteria say '{criterion.text}'", code="twice")
        if all(criterion.points < 0 for criterion in self.criteria):
            message = "at least one criterion needs points above 0: a score is a share of the points that can be got"
            raise at("criteria", message=message, code="no_merit")
        if self.critical and all(criterion.points > 0 for criterion in self.criteria):
            message = "critical is about the criteria with points below 0, and there is none"
            raise at("critical", message=message, code="critical_merit")
        return self


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion as it counts: `points` are weighted where several rubrics make up one score."""

    text: str
    points: float
    is_critical: bool


@dataclass(frozen=True, slots=True)
class Rubric:
    """The criteria by which the pairs of a segment are graded.

    Attributes:
        grader: As the segment names it.
        criteria: In the order of the file.
        versions: The users' own words of version.
    """

    grader: str
    criteria: tuple[Criterion, ...]
    versions: tuple[str, ...] = ()

    @property
    def most_points(self) -> float:
        """What a reply has that meets all that is asked for."""
        return sum(criterion.points for criterion in self.criteria if criterion.points > 0)


def is_rubric(grader: str) -> bool:
    """Whether a segment's grader is one or several rubrics."""
    return grader.startswith(PREFIX)


def asks_a_model(grader: str) -> bool:
    """Whether a segment's grader is a model's word, which only people can vouch for."""
    return grader == "judge" or is_rubric(grader)


def rubric_names(grader: str) -> tuple[str, ...]:
    """The rubrics that a grader names; none for other graders."""
    return tuple(grader.removeprefix(PREFIX).split(JOINED_BY)) if is_rubric(grader) else ()


def rubric_of(tables: Sequence[RubricTable], grader: str) -> Rubric:
    """The rubric that a segment's grader names.

    Of several, each counts by its weight: their criteria are put together with points whose positive sum is the weight.

    Raises:
        KeyError: There is no such rubric; a configuration with such a grader is refused.
    """
    by_name = {table.name: table for table in tables}
    chosen = [by_name[name] for name in rubric_names(grader)]
    criteria = [
        Criterion(each.text, each.points * _scale(table, len(chosen)), each.critical or (table.critical and each.points < 0))
        for table in chosen
        for each in table.criteria
    ]
    return Rubric(grader, tuple(criteria), tuple(table.version for table in chosen if table.version is not None))


def check_rubrics(tables: Sequence[RubricTable], graders: Sequence[str]) -> None:
    """Refuses two rubrics of one name, and a segment's rubric that there is not.

    Args:
        tables: All `[[rubric]]`.
        graders: Of the segments, in their order.

    Raises:
        PydanticCustomError: It names the key.
    """
    names = [table.name for table in tables]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise at("rubric", place, "name", message=f"two [[rubric]] tables have the name '{name}'", code="twice")
    for place, grader in enumerate(graders):
        _check_named(place, rubric_names(grader), names, tables)


def _check_named(place: int, wanted: Sequence[str], names: Sequence[str], tables: Sequence[RubricTable]) -> None:
    unknown = next((name for name in wanted if name not in names), None)
    if unknown is not None:
        known = f"there are: {', '.join(names)}" if names else "there is no [[rubric]]"
        message = f"no rubric is called '{unknown}'; {known}"
        raise at("segment", place, "grader", message=message, code="unknown_rubric")
    texts = [each.text for table in tables if table.name in wanted for each in table.criteria]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if len(set(wanted)) < len(wanted) or twice is not None:
        message = f"its rubrics say '{twice}' twice" if twice is not None else "it names a rubric twice"
        raise at("segment", place, "grader", message=message, code="twice")


def _scale(table: RubricTable, together: int) -> float:
    if together == 1:
        return 1.0
    return table.weight / sum(criterion.points for criterion in table.criteria if criterion.points > 0)
