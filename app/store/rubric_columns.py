"""Reads scores by rubrics as columns: one statement an arm, numbers only."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.domain.evidence import Numbers
from app.domain.rubric_columns import ScoreColumns

_READ = """
SELECT exchange_id, value, (SELECT count(*) FROM unnest(quoted) AS q WHERE NOT q){met}
FROM rubric_scores
WHERE pilot_id = :pilot AND arm_id = :arm AND grader = :grader AND rater = :rater AND version = :version
    AND (CAST(:as_of AS timestamptz) IS NULL OR at <= :as_of)
"""


@dataclass(frozen=True, slots=True)
class WantedScores:
    """Which scores: of what rubric and version, by whom, and how many criteria it has."""

    grader: str
    version: str
    rater: str
    criteria: int


def read_scores_as_columns(
    session: Session, pilot_id: int, arm_id: int, wanted: WantedScores, ids: Numbers, *, as_of: datetime | None = None
) -> ScoreColumns:
    """One arm's scores.

    Args:
        session: The transaction of the evidence.
        pilot_id: Whose.
        arm_id: Whose replies.
        wanted: Which scores.
        ids: The store's number of the exchange of each row.
        as_of: Only of exchanges that arrived not after it.
    """
    met = "".join(f", met[{place}]" for place in range(1, wanted.criteria + 1))
    parameters = {
        "pilot": pilot_id, "arm": arm_id, "grader": wanted.grader, "rater": wanted.rater, "version": wanted.version,
        "as_of": as_of,
    }  # fmt: skip
    found = session.execute(text(_READ.format(met=met)), parameters).all()
    table = np.array([tuple(row) for row in found], dtype=np.float64).reshape(len(found), 3 + wanted.criteria)
    columns = np.full((len(ids), 2 + wanted.criteria), np.nan)
    is_there = np.zeros(len(ids), dtype=bool)
    if len(ids) and len(found):
        order = np.argsort(ids, kind="stable")
        numbers = table[:, 0].astype(np.int64)
        place = np.minimum(np.searchsorted(ids[order], numbers), len(ids) - 1)
        known = ids[order][place] == numbers
        rows = order[place[known]]
        columns[rows], is_there[rows] = table[known, 1:], True
    return ScoreColumns(is_there, columns[:, 0], columns[:, 1], columns[:, 2:])
