"""Adapter for the scorers of the library autoevals (an extra to install) that ask no model."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

from app.domain.exchange import Json, Reply
from app.domain.grader_names import LONE_SCORERS
from app.graders.canonical import canonical_calls, strict_json
from app.graders.grade import Grade, Ungraded

LIBRARY = "autoevals"
NOT_SCORED = "not_scored"
NOT_INSTALLED = "not_installed"
# What is ours in what it says: how a reply becomes what a scorer takes, and scores a preference.
ADAPTER_VERSION = "1"


def is_installed() -> bool:
    """Whether the library is there; it is not imported."""
    return find_spec(LIBRARY) is not None


@dataclass(frozen=True, slots=True)
class Adapter:
    """One scorer as a grader of pairs.

    Attributes:
        scorer: Its name in the library.
        is_reference: Whether the incumbent's reply is what is expected.
    """

    scorer: str
    is_reference: bool = True

    @property
    def version(self) -> str:
        """Ours and the library's."""
        return f"{ADAPTER_VERSION}+{metadata.version(LIBRARY)}" if is_installed() else ADAPTER_VERSION

    def grade_pair(self, request: Json, incumbent: Reply, other: Reply) -> Grade | Ungraded:
        """What the scorer says of a pair of replies."""
        baseline, candidate = _text(incumbent), _text(other)
        return self.grade(request, baseline, candidate, baseline if self.is_reference else None)

    def grade(self, input: Json, baseline: str, candidate: str, reference: str | None) -> Grade | Ungraded:  # noqa: A002, ARG002
        """The preference that the scores of both texts make.

        Where the baseline itself is the reference, half of the candidate's score; else 0.5 + half of what the candidate scores
        above the baseline.

        Args:
            input: What was asked; these scorers do not look at it.
            baseline: The incumbent's text.
            candidate: The arm's.
            reference: What is expected; `None` for scorers that look at one text alone.
        """
        if not is_installed():
            return Ungraded(NOT_INSTALLED, "the library autoevals is not installed where the worker runs")
        theirs = self._score(baseline, reference)
        if isinstance(theirs, Ungraded):
            return theirs
        ours = self._score(candidate, reference)
        if isinstance(ours, Ungraded):  # the baseline could be scored: the candidate's form is at fault
            return Grade(0.0, f"{self.scorer} cannot score the reply: {ours.message}", {"incumbent_score": theirs})
        facts = {"incumbent_score": theirs, "arm_score": ours}
        if self.is_reference and self.scorer not in LONE_SCORERS:
            return Grade(0.5 * ours, f"{self.scorer}: {ours:.3g}", facts)
        return Grade(0.5 + (ours - theirs) / 2, f"{self.scorer}: {ours:.3g}, the incumbent {theirs:.3g}", facts)

    def _score(self, text: str, reference: str | None) -> float | Ungraded:
        try:
            if self.scorer in LONE_SCORERS:
                score = _scorer(self.scorer)(text).score
            else:
                score = _scorer(self.scorer)(_value(self.scorer, text), _value(self.scorer, reference)).score
        except Exception as error:  # a library's scorer on any text: whatever it raises, it is said
            return Ungraded(NOT_SCORED, f"{type(error).__name__}: {error}"[:300])
        return float(score) if score is not None else Ungraded(NOT_SCORED, f"{self.scorer} gave no score")


@cache
def _scorer(name: str) -> Callable[..., Any]:
    made: Callable[..., Any] = getattr(import_module(LIBRARY), name)()
    return made


def _value(scorer: str, text: str | None) -> Any:
    """A text as a scorer takes it: numbers and lists are read as JSON."""
    if text is None or scorer not in ("NumericDiff", "ListContains"):
        return text
    value = strict_json(text)
    wanted: tuple[type, ...] = (int, float) if scorer == "NumericDiff" else (list,)
    if isinstance(value, bool) or not isinstance(value, wanted):
        message = f"{scorer} takes {'numbers' if scorer == 'NumericDiff' else 'lists'}"
        raise TypeError(message)
    return value


def _text(reply: Reply) -> str:
    """A reply as text: its content, or its tool calls where it has none."""
    return reply.content or "\n".join(canonical_calls(reply.tool_calls))
