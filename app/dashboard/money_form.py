"""The form of what-if: its sliders as shown, and what an address or a form asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.costs.what_if import Lever
from app.errors import InvalidInput, Problem

CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class LeverView:
    """A slider with its number field; texts are as a browser takes them."""

    lever: Lever
    value: str
    problem: str = ""

    @property
    def start(self) -> str:
        """The measured value as a field takes it."""
        return plain(self.lever.start, self.lever.digits)

    @property
    def shown(self) -> str:
        """The measured value for people."""
        return f"{self.lever.start:,.{self.lever.digits}f}"

    @property
    def low(self) -> str:
        """The least that is taken."""
        return plain(self.lever.low, self.lever.digits)

    @property
    def high(self) -> str:
        """The most that is taken."""
        return plain(self.lever.high, self.lever.digits)

    @property
    def range(self) -> str:
        """What is taken, for people."""
        return f"{self.lever.low:,.{self.lever.digits}f} to {self.lever.high:,.{self.lever.digits}f}"

    @property
    def step(self) -> str:
        """Of the slider."""
        return plain(self.lever.step, 2)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for one candidate: `chosen` holds only what differs from what was measured."""

    levers: list[LeverView]
    chosen: dict[str, float]
    problems: tuple[Problem, ...] = ()

    def raise_problems(self) -> None:
        """`InvalidInput` names every value that is not taken."""
        if self.problems:
            raise InvalidInput(" ".join(problem.message for problem in self.problems), self.problems)


def asked_of(levers: list[Lever], query: Mapping[str, str]) -> Asked:
    """From an address or a form; what is missing or empty is as measured."""
    views, chosen, problems = [], {}, []
    for lever in levers:
        text = query.get(lever.name, "").strip()
        value = _number(text)
        problem = "" if not text or _is_taken(lever, value) else _problem(lever, text)
        if problem:
            problems.append(Problem(problem, field=lever.name, code="out_of_range"))
        elif value is not None and value != lever.start:
            chosen[lever.name] = value
        views.append(LeverView(lever, text or plain(lever.start, lever.digits), problem))
    return Asked(views, chosen, tuple(problems))


def query_of(candidate: str, levers: list[LeverView], chosen: Mapping[str, float]) -> str:
    """The part of the address that keeps what was chosen; "" where nothing was."""
    said = {view.lever.name: view.value for view in levers if view.lever.name in chosen}
    return urlencode({CANDIDATE: candidate} | said) if said else ""


def plain(value: float, digits: int) -> str:
    """`1.5`, `1284000`: a number as a field takes it."""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _is_taken(lever: Lever, value: float | None) -> bool:
    return value is not None and lever.low <= value <= lever.high and (lever.unit != "replicas" or value == int(value))


def _problem(lever: Lever, text: str) -> str:
    said = text if len(text) <= 20 else f"{text[:19]}…"  # noqa: PLR2004 - as much as a message has room for
    whole = "a whole number" if lever.unit == "replicas" else "a number"
    low, high = (f"{end:,.{lever.digits}f}" for end in (lever.low, lever.high))
    return f"{lever.label} must be {whole} from {low} to {high} ({lever.unit}), not {said!r}."
