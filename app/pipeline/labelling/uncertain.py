"""Pairs at which the judge wavers: worth a person's look, and never drawn by chance, so never in inference."""

from enum import StrEnum

import numpy as np

from app.domain.evidence import ArmEvidence, Flags, Numbers
from app.pipeline.conversations import JUDGE, PairValues, one_an_order, winners

NEAR = 0.25
TIE = 0.5


class Doubt(StrEnum):
    """Why a pair is uncertain, the strongest first."""

    FLIP = "flip"
    UNGRADED = "ungraded"
    JUDGES_DISAGREE = "judges_disagree"
    NEAR_TIE = "near_tie"


def doubts_of(arm: ArmEvidence, values: PairValues, judged: Flags) -> dict[Doubt, Numbers]:
    """The rows of each doubt; a row has the first that applies.

    Args:
        arm: The candidate's evidence.
        values: Its pairs' preferences and the judge's grades of them.
        judged: Pairs that are the judge's to decide.
    """
    rows = len(values.values)
    asked = np.bincount(values.grades.rows, minlength=rows) > 0
    distance = np.abs(values.values - TIE)
    with np.errstate(invalid="ignore"):
        near = (distance > 0) & (distance <= NEAR)
    left, found = judged.copy(), {}
    for doubt, applies in (
        (Doubt.FLIP, values.flips),
        (Doubt.UNGRADED, asked & np.isnan(values.values)),
        (Doubt.JUDGES_DISAGREE, _disagree(arm, rows)),
        (Doubt.NEAR_TIE, near),
    ):
        found[doubt] = np.flatnonzero(left & applies)
        left &= ~applies
    return found


def _disagree(arm: ArmEvidence, rows: int) -> Flags:
    """Where one judge names one side and another judge the other."""
    grades = arm.grades.where(np.asarray((arm.grades.graders == JUDGE) & ~np.isnan(arm.grades.values), dtype=bool))
    up, down = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    raters = sorted(set(grades.raters.tolist()))
    for rater in raters if len(raters) > 1 else ():
        own = one_an_order(grades.where(np.asarray(grades.raters == rater, dtype=bool)))
        number = np.bincount(own.rows, minlength=rows)
        side = winners(np.bincount(own.rows, weights=own.values, minlength=rows) / np.maximum(number, 1))
        up |= (number > 0) & (side > 0)
        down |= (number > 0) & (side < 0)
    return up & down
