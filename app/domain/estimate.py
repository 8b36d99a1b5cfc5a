"""A number with what is known of its uncertainty."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number, its interval and what it rests on.

    Attributes:
        value: The point estimate; `None` where too little is known.
        low: Lower end of the two-sided interval; `None` if unknown.
        high: Upper end of the two-sided interval; `None` if unknown.
        n: How many units it rests on (conversations, pairs or exchanges: the field's own unit).
        method: Name of the method, e.g. `"asymptotic_confidence_sequence"`.
        confidence: Two-sided confidence, 0.95 unless said otherwise.
        standard_error: Only where CONTRACTS section 5 gives one (`win_rate_fixed`).
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    confidence: float = 0.95
    standard_error: float | None = None
