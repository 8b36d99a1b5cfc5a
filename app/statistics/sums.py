"""Running sums of weighted values in [0, 1]: all that the sequential rules need of a day."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over units (conversations) with value `x` and weight `w`; sums of two days are added.

    With equal weights everything below is the ordinary mean and variance, whatever the weight is.

    Attributes:
        n: Number of units.
        sum_w: Of the weights `w > 0`: 1 / inclusion probability.
        sum_w2: Of the squared weights.
        sum_wx: Of `w x`.
        sum_wx2: Of `w x²`.
        sum_w2x: Of `w² x`.
        sum_w2x2: Of `w² x²`.
    """

    n: int = 0
    sum_w: float = 0.0
    sum_w2: float = 0.0
    sum_wx: float = 0.0
    sum_wx2: float = 0.0
    sum_w2x: float = 0.0
    sum_w2x2: float = 0.0

    @classmethod
    def of(cls, *, values: Floats, weights: Floats | None = None) -> Self:
        """The sums of an array.

        Args:
            values: Shape (n,), each in [0, 1].
            weights: Shape (n,), each above 0; default: all 1.

        Raises:
            ValueError: If a value is outside [0, 1], a weight is not above 0, or the shapes differ.

        Example:
            >>> import numpy as np
            >>> Sums.of(values=np.array([0.0, 0.5, 1.0])).mean
            0.5
        """
        x, w = _checked(values, weights)
        return cls(
            len(x), float(w.sum()), float((w * w).sum()), float((w * x).sum()), float((w * x * x).sum()),
            float((w * w * x).sum()), float((w * w * x * x).sum()),
        )  # fmt: skip

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def mean(self) -> float | None:
        """Hájek's weighted mean, `Σwx / Σw`; `None` without units."""
        return min(1.0, max(0.0, self.sum_wx / self.sum_w)) if self.n else None

    @property
    def effective_n(self) -> float:
        """Kish's effective sample size, `(Σw)² / Σw²`; n for equal weights."""
        return self.sum_w**2 / self.sum_w2 if self.n else 0.0

    @property
    def variance(self) -> float:
        """Variance of one unit such that the mean's is `variance / effective_n`; 0 under two units.

        It is `Σw²(x - mean)² / Σw²` (the linearised variance of Hájek's mean) times `m / (m - 1)` for m effective units.
        """
        mean, m = self.mean, self.effective_n
        if mean is None or m <= 1.0 + 1e-9:
            return 0.0
        squares = self.sum_w2x2 - 2 * mean * self.sum_w2x + mean * mean * self.sum_w2
        return max(0.0, squares / self.sum_w2 * m / (m - 1))


def _checked(values: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    x = np.asarray(values, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
    if x.ndim != 1 or x.shape != w.shape:
        message = f"values and weights must have the same shape (n,), not {x.shape} and {w.shape}"
        raise ValueError(message)
    for wrong in x[~((x >= 0) & (x <= 1))]:
        message = f"values must lie in [0, 1], not {wrong}"
        raise ValueError(message)
    for wrong in w[~((w > 0) & np.isfinite(w))]:
        message = f"weights must be above 0, not {wrong}"
        raise ValueError(message)
    return x, w
