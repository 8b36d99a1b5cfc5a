"""Does the judge still say what it said in the first week, asked again about the same pairs (`app.pipeline.anchors`)?"""

from collections.abc import Iterator

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.drift import JudgeWeek, Said
from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Floats, GradeColumns
from app.domain.grading import ANCHOR, LEAST_ANCHORS, anchor_week
from app.pipeline.conversations import JUDGE, one_an_order
from app.pipeline.settlement import Judge, judge_of
from app.statistics.fixed_sample import mean_estimate

DAYS_A_WEEK = 7
MOST_ERRORS = 3.0


def judge_watch(
    configuration: PilotConfiguration, grades: GradeColumns, rows: int, *, last_day: int
) -> tuple[list[JudgeWeek], Said]:
    """What the judge said when it was asked again, against what it said of the same pairs at first.

    Args:
        configuration: Whose judge.
        grades: All grades of one arm.
        rows: How many exchanges there are.
        last_day: The last closed day; weeks that end later are not known yet.
    """
    judge = judge_of(configuration)
    if judge is None or judge.version is None:
        return [], Said()
    weeks = [week for week in _weeks(judge, grades, rows) if week.week * DAYS_A_WEEK <= last_day]
    return weeks, _of_judge(weeks)


def _weeks(judge: Judge, grades: GradeColumns, rows: int) -> Iterator[JudgeWeek]:
    is_its = np.asarray(grades.raters == judge.rater, dtype=bool)
    first = _means(one_an_order(grades.where(is_its & (grades.graders == JUDGE) & (grades.versions == judge.version))), rows)
    again = grades.where(is_its & np.asarray(grades.graders == ANCHOR, dtype=bool))
    versions = [version for version in set(again.versions.tolist()) if version.rpartition("@")[0] == judge.version]
    for version in sorted(versions, key=anchor_week):
        then = _means(again.where(np.asarray(again.versions == version, dtype=bool)), rows)
        yield _judge_week(anchor_week(version), (then - first)[~np.isnan(then - first)])


def _means(grades: GradeColumns, rows: int) -> Floats:
    """Of each row, over the orders that have a value; NaN = none."""
    graded = grades.where(~np.isnan(grades.values))
    number = np.bincount(graded.rows, minlength=rows)
    total = np.bincount(graded.rows, weights=graded.values, minlength=rows)
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, total / number, np.nan)


def _judge_week(week: int, changes: Floats) -> JudgeWeek:
    found = mean_estimate(values=changes)
    return JudgeWeek(week=week, change=EstimateModel.of(found), has_changed=_has_changed(found))


def _has_changed(found: Estimate) -> bool:
    if found.value is None or found.standard_error is None or found.n < LEAST_ANCHORS:
        return False
    return abs(found.value) > MOST_ERRORS * found.standard_error


def _of_judge(weeks: list[JudgeWeek]) -> Said:
    """Any week freezes: what was judged in between was judged by another measure."""
    changed = [week for week in weeks if week.has_changed]
    if not changed:
        return Said()
    week = changed[-1]
    value, error = week.change.value or 0.0, week.change.standard_error or 0.0
    by = f"{abs(value) / error:.1f} standard errors" if error else "all of them alike"
    said = (
        f"the judge has changed: asked again after week {week.week} about {week.change.n} pairs of the first week, its "
        f"preferences moved by {value:+.1%} ({by}); name a pinned version or another model in [judge], and all pairs are "
        "judged anew by one measure"
    )
    return Said((said,))
