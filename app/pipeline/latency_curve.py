"""How each arm's times are spread: the whole distribution of a time in about a hundred points, its tail finer."""

import numpy as np

from app.domain.evidence import Floats
from app.domain.operation_models import ArmsCurve, CurvePoint
from app.statistics.quantile_curve import quantile_curve

# Even in probability, and beyond 0.95 as fine as the slowest answers are interesting.
SHARES: Floats = np.array([number / 100 for number in range(1, 100)] + [0.995, 0.999])


def curve_of(incumbent: Floats, candidate: Floats, *, weight: float) -> ArmsCurve:
    """Both arms' times, each ascending; `weight` is that of the quantiles."""
    return ArmsCurve(
        incumbent=_points(incumbent, weight),
        candidate=_points(candidate, weight),
        incumbent_n=len(incumbent),
        candidate_n=len(candidate),
    )


def _points(ordered: Floats, weight: float) -> list[CurvePoint]:
    curve = quantile_curve(ordered=ordered, shares=SHARES, weight=weight)
    columns = (column.tolist() for column in curve)
    return [
        CurvePoint(share=share, seconds=seconds, low=_known(low), high=_known(high))
        for share, seconds, low, high in zip(*columns, strict=True)
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
