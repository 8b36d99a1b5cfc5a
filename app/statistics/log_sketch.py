"""A sketch of a distribution that merges: counts by logarithmic bucket, so that every quantile is known to a relative error."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
RELATIVE_ERROR = 0.005
_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)
# What is below a nanosecond is nothing.
LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LogSketch:
    """How many values lie in each bucket (g^(k-1), g^k], where g is a hundredth above 1.

    Attributes:
        keys: The buckets that hold something, ascending, shape (m,).
        counts: How many values each holds, shape (m,).
        zeros: How many values are at most `LEAST`.

    Source: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
        VLDB 2019, sections 2.1 and 2.2 (arXiv 1908.10693).
    """

    keys: Numbers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    counts: Numbers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    zeros: int = 0

    @classmethod
    def of(cls, values: Floats) -> Self:
        """The sketch of an array, shape (n,).

        Raises:
            ValueError: If a value is negative or not finite.

        Example:
            >>> import numpy as np
            >>> LogSketch.of(np.array([0.0, 1.0, 2.0])).n
            3
        """
        if not np.isfinite(values).all() or (values < 0).any():
            message = "values must be finite and not negative"
            raise ValueError(message)
        positive = values[values > LEAST]
        keys, counts = np.unique(np.ceil(np.log(positive) / _LOG_GAMMA).astype(np.int64), return_counts=True)
        return cls(keys, counts, len(values) - len(positive))

    @classmethod
    def merged(cls, sketches: Iterable["LogSketch"]) -> Self:
        """The sketch of all values together: the same as if they had been one array.

        Example:
            >>> import numpy as np
            >>> one, other = LogSketch.of(np.array([1.0, 2.0])), LogSketch.of(np.array([2.0]))
            >>> LogSketch.merged([one, other]).counts.tolist()
            [1, 2]
        """
        parts = list(sketches)
        if not parts:
            return cls()
        keys, place = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
        counts = np.zeros(len(keys), dtype=np.int64)
        np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
        return cls(keys, counts, sum(part.zeros for part in parts))

    @property
    def n(self) -> int:
        """How many values."""
        return int(self.counts.sum()) + self.zeros

    def quantile(self, probability: float) -> float | None:
        """The empirical quantile within `RELATIVE_ERROR` of the exact one; `None` without values.

        Raises:
            ValueError: If `probability` is not in (0, 1).

        Example:
            >>> import numpy as np
            >>> abs(LogSketch.of(np.arange(1.0, 101.0)).quantile(0.95) / 95 - 1) < 0.005
            True
        """
        if not 0 < probability < 1:
            message = f"probability must lie in (0, 1), not {probability}"
            raise ValueError(message)
        if not self.n:
            return None
        rank = max(1, math.ceil(self.n * probability - 1e-9))
        if rank <= self.zeros:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self.counts), rank - self.zeros, side="left"))
        return float(2 * _GAMMA ** int(self.keys[place]) / (_GAMMA + 1))
