"""What a pilot's statistics were fixed to before evidence counted."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RegisteredPlan:
    """The part of a registration that the quality gate rests on.

    Attributes:
        seed: What draws are made from: the registration's hash; "" = not registered, nobody is drawn.
        alpha: Error probability of the whole quality gate of one candidate, over all looks together.
        looks: Days after whose end the group-sequential part looks, ascending.
        label_probability: Of each segment (`other` among them): the chance of a conversation to be drawn for people.
        planned_conversations: How many conversations were planned.
    """

    seed: str
    alpha: float
    looks: tuple[int, ...]
    label_probability: Mapping[str, float]
    planned_conversations: int
