"""What graders give: a grade, the reason why there is none, or whether a reply is valid."""

from dataclasses import dataclass, field

from app.domain.exchange import Json


@dataclass(frozen=True, slots=True)
class Grade:
    """A grader's result for a pair.

    Attributes:
        value: Preference for the arm in [0, 1]: 1 = its reply is better than the incumbent's, 0.5 = tie.
        reason: Why, for people.
        facts: Details by name, as JSON.
    """

    value: float
    reason: str = ""
    facts: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ungraded:
    """Why there is no grade: never a tie, never 0.

    Attributes:
        reason: Stable short name: `unparsed`, `cut_off`, `refused`, `timeout`, `connection`, `malformed`, `http_429`,
            `over_budget`, `no_judge`, `not_imported`, `no_content`, `no_text`, …
        message: The same for people.
    """

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether a reply keeps to what its request asks for.

    Attributes:
        violations: What the reply does wrong, each with the grader's name and the path.
        unusable: What the request itself got wrong, so that nothing could be checked: never held against a reply.
    """

    violations: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()

    def __add__(self, other: "Validity") -> "Validity":
        return Validity(self.violations + other.violations, self.unusable + other.unusable)
