"""Scores by rubrics as columns, one row an exchange (see `evidence`)."""

from dataclasses import dataclass

import numpy as np

from app.domain.evidence import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class ScoreColumns:
    """One arm's replies and one rubric.

    Attributes:
        is_there: A score is stored, or why there is none.
        values: The scores; NaN = none.
        unquoted: How many merits are met by evidence that does not stand in the reply.
        met: Of each criterion in the rubric's order, in [0, 1]: shape (exchanges, criteria); NaN = no score.
    """

    is_there: Flags
    values: Floats
    unquoted: Floats
    met: Floats

    @property
    def is_scored(self) -> Flags:
        """Which replies have a score."""
        return np.asarray(~np.isnan(self.values), dtype=bool)
