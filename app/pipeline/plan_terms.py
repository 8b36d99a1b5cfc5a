"""What a plan rests on: the question, completed by its `pilot.toml` and by defaults that are said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.configuration import PilotConfiguration
from app.domain.label_allotment import label_probabilities
from app.domain.plan import MOST_SEGMENTS, PlanQuestion
from app.domain.registered import ALPHA, looks_of
from app.domain.rubric_table import asks_a_model
from app.domain.words import OTHER_SEGMENT
from app.errors import InvalidInput, Problem
from app.pipeline.configuration import load_configuration

PARITY = 0.5
DEFAULT_DAYS, DEFAULT_MARGIN, DEFAULT_PER_DAY, DEFAULT_LABELS = 28, 0.05, 50.0, 15
# Default true win rates, in margins from parity: the limit itself, two below parity, parity, one above.
AROUND = (-1.0, -0.6, -0.4, 0.0, 0.4)
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A complete plan.

    Attributes:
        shares: Of the registered segments and, where something is left, of `other`.
        margins: Of each registered segment.
        judged: Kinds of work in which a judge decides, so that people are needed.
        win_rates: True ones at which chances are given, ascending; parity is one of them.
        assumed: What nobody said.
    """

    question: PlanQuestion
    margin: float
    margins: Mapping[str, float]
    candidates: int
    days: int
    conversations_per_day: float
    labels_per_day: int
    shares: Mapping[str, float]
    judged: frozenset[str]
    win_rates: tuple[float, ...]
    assumed: tuple[str, ...]

    @property
    def conversations(self) -> float:
        """Planned in all."""
        return self.conversations_per_day * self.days

    @property
    def looks(self) -> tuple[int, ...]:
        """Days of the looks."""
        return looks_of(self.days)

    @property
    def alpha(self) -> float:
        """Of the whole, for one candidate."""
        return ALPHA / self.candidates

    @property
    def segments(self) -> tuple[str, ...]:
        """The registered ones."""
        return tuple(self.margins)

    @property
    def draw_probability(self) -> dict[str, float]:
        """Of each kind of work, as the registration would fix it without a history."""
        found = label_probabilities(
            labels=float(self.labels_per_day * self.days),
            volume=self.conversations,
            segments=self.segments,
            judged=self.judged,
            history={},
        )
        return {name: found[name] for name in self.shares}


def terms_of(question: PlanQuestion, now: datetime) -> Terms:
    """Completes a question.

    Raises:
        InvalidInput: If the file is wrong, or the question contradicts it or itself; one problem for each.
    """
    file = load_configuration(question.toml, now).configuration if question.toml is not None else None
    margin = question.margin or (file.quality.margin if file else DEFAULT_MARGIN)
    assumed: list[str] = []
    shares, margins = _shares(question, file, margin, assumed)
    days = question.days or (file.pilot.days if file else DEFAULT_DAYS)
    rates = question.true_win_rates or tuple(round(PARITY + step * margin, 6) for step in AROUND)
    _check(question, rates, shares)
    return Terms(
        question=question,
        margin=margin,
        margins=margins,
        candidates=question.candidates or (len(file.candidate) if file else 1),
        days=days,
        conversations_per_day=_traffic(question, file, days, assumed),
        labels_per_day=_labels(question, file, assumed),
        shares=shares,
        judged=frozenset(name for name in shares if file is None or asks_a_model(file.grader_of(name))),
        win_rates=tuple(sorted({*rates, PARITY})),
        assumed=tuple(assumed),
    )


def _shares(
    question: PlanQuestion, file: PilotConfiguration | None, margin: float, assumed: list[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Shares of all kinds of work, and the margins of the registered ones."""
    registered = tuple(segment.name for segment in file.segment) if file else tuple(question.segments or ())
    given = question.segments
    if file is not None and given is not None:
        _same_names(tuple(given), registered)
    if given is None:
        given = {name: 1.0 / len(registered) for name in registered}
        if registered:
            assumed.append(f"the {len(registered)} segments are taken to have equal shares: say what they are")
    if len(given) > MOST_SEGMENTS:
        raise _refused("segments", f"at most {MOST_SEGMENTS} segments can be planned, not {len(given)}")
    rest = 1.0 - sum(given.values())
    if rest < -_ROUNDING:
        raise _refused("segments", f"the shares of the segments add up to {sum(given.values()):g}, which is more than 1")
    shares = {name: given[name] for name in registered} | ({OTHER_SEGMENT: rest} if rest > _ROUNDING else {})
    own = {name: file.margin_of(name) if file and question.margin is None else margin for name in registered}
    return shares, own


def _same_names(given: tuple[str, ...], registered: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in registered]
    if unknown:
        known = ", ".join(registered) or "none"
        raise _refused("segments", f"pilot.toml registers no segment '{unknown[0]}'; it registers: {known}")
    missing = [name for name in registered if name not in given]
    if missing:
        raise _refused("segments", f"the share of the segment '{missing[0]}' of pilot.toml is missing")


def _traffic(question: PlanQuestion, file: PilotConfiguration | None, days: int, assumed: list[str]) -> float:
    if question.conversations_per_day is not None:
        return question.conversations_per_day
    if file is not None:
        return file.pilot.planned_conversations / days
    assumed.append(f"{DEFAULT_PER_DAY:g} conversations a day: say how many there are")
    return DEFAULT_PER_DAY


def _labels(question: PlanQuestion, file: PilotConfiguration | None, assumed: list[str]) -> int:
    if question.labels_per_day is not None:
        return question.labels_per_day
    if file is not None:
        return file.labels.per_day
    assumed.append(f"{DEFAULT_LABELS} labels a day")
    return DEFAULT_LABELS


def _check(question: PlanQuestion, rates: tuple[float, ...], shares: Mapping[str, float]) -> None:
    """What contradicts itself."""
    half = question.tie_rate / 2
    problems = [
        Problem(
            f"a true win rate of {rate:g} is impossible with {question.tie_rate:.0%} ties: it lies between {half:g} and "
            f"{1 - half:g}",
            field="true_win_rates",
            code="contradiction",
        )
        for rate in rates
        if not half <= rate <= 1 - half
    ]
    if OTHER_SEGMENT in (question.segments or {}):
        message = f"'{OTHER_SEGMENT}' is what no segment takes: leave it out, its share is the rest"
        problems.append(Problem(message, field="segments", code="contradiction"))
    if len(set(rates)) < len(rates):
        problems.append(Problem("a true win rate is given twice", field="true_win_rates", code="contradiction"))
    if not shares:
        problems.append(Problem("there is no work to plan for", field="segments", code="contradiction"))
    if problems:
        message = "the plan contradicts itself: " + (f"{len(problems)} problems" if len(problems) > 1 else problems[0].message)
        raise InvalidInput(message, tuple(problems))


def _refused(field: str, message: str) -> InvalidInput:
    return InvalidInput(message, (Problem(message, field=field, code="contradiction"),))
