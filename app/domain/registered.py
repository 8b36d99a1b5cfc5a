"""What a pilot's statistics were fixed to before evidence counted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

ALPHA = 0.05
FIRST_LOOK_WEEK = 2
DAYS_A_WEEK = 7
EXTENSION_DAYS = 14


@dataclass(frozen=True, slots=True)
class RegisteredPlan:
    """The part of a registration that the quality gate rests on.

    Attributes:
        seed: What draws are made from: the registration's hash; "" = not registered, nobody is drawn.
        alpha: Error probability of the whole quality gate of one candidate, over all looks together.
        looks: Days after whose end the group-sequential part looks, ascending.
        label_probability: Of each segment (`other` among them): the chance of a conversation to be drawn for people.
        planned_conversations: How many conversations were planned.
        segments: The registered segments, in the configuration's order; `other` is none.
        margin: Of the whole.
        margins: Of each registered segment.
    """

    seed: str
    alpha: float
    looks: tuple[int, ...]
    label_probability: Mapping[str, float]
    planned_conversations: int
    segments: tuple[str, ...] = ()
    margin: float = 0.05
    margins: Mapping[str, float] = field(default_factory=dict)

    @property
    def extension_look(self) -> int | None:
        """The day of the one look that is kept for an extension; `None` without looks."""
        return self.looks[-1] + EXTENSION_DAYS if self.looks else None

    @property
    def alpha_by_segment(self) -> float:
        """Error probability of the quality gate of one registered segment."""
        return self.alpha / max(1, len(self.segments))


def looks_of(days: int) -> tuple[int, ...]:
    """The end of each whole week from the second one on."""
    return tuple(DAYS_A_WEEK * week for week in range(FIRST_LOOK_WEEK, days // DAYS_A_WEEK + 1))
