"""Rules of thumb of published guides beside the pilot's own numbers: for reading, never for a gate."""

from typing import Literal

from app.domain.estimate_models import Model

# Of a threshold: stay, decision_zone, pays. Of a range of costs: below, within, above. Of both: unknown.
Standing = Literal["stay", "decision_zone", "pays", "below", "within", "above", "unknown"]


class RuleOfThumb(Model):
    """One row: what the field says, and the pilot's own value in the same unit.

    `threshold` rules say from which volume leaving pays: below `low` stay, from `high` on it pays, between them decide.
    `left_out` rows say what napkin maths forgets, and what that usually costs. `value` None = the pilot does not know it;
    `words`: how the own value was reckoned, or what is missing.
    """

    table: Literal["threshold", "left_out"]
    key: str
    says: str
    unit: str
    low: float | None = None
    high: float | None = None
    value: float | None = None
    standing: Standing = "unknown"
    source: str
    as_of: str
    words: str = ""
