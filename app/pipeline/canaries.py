"""Canaries: mixed into a judge's work, counted, and reason enough to stop asking it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.domain.canaries import FLOOR, CanaryKindModel, CanaryModel
from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence, GradeColumns
from app.domain.exchange import Reply
from app.domain.grading import NewGrade, PairRecord
from app.domain.pilot import Pilot
from app.errors import Conflict
from app.graders.canaries import NAME, ORIGINAL, altered, is_canary, is_suspended, kind_of, passed, shown_first_of
from app.graders.judge import NAME as JUDGE
from app.graders.judge import limits_of, pairwise_question
from app.graders.judge_answer import JudgeAnswer
from app.graders.judge_prompt import Comparison
from app.graders.question import Question
from app.pipeline.judge_asking import Asked
from app.pipeline.settlement import Judge, judge_of
from app.statistics.fixed_sample import WILSON_METHOD, wilson
from app.store.canaries import count_canaries, seen_canaries

SUSPENDED = "judge_suspended"
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Canary:
    """One question with a known answer, and the pair whose incumbent's reply it is made of."""

    record: PairRecord
    shown_first: str
    comparison: Comparison

    @property
    def question(self) -> Question[JudgeAnswer]:
        """What the judge is asked: nothing in it tells that it is a canary."""
        return pairwise_question(self.comparison)

    def grade(self, asked: Asked[JudgeAnswer], judge: Judge) -> NewGrade:
        """Whether the judge saw it; never a pair's preference."""
        outcome = asked.outcome
        value, ungraded = (
            (passed(outcome, self.shown_first), None) if isinstance(outcome, JudgeAnswer) else (None, outcome.reason)
        )
        return NewGrade(
            key=self.record.key,
            grader=NAME,
            rater=judge.rater,
            version=judge.version or "",
            shown_first=f"{kind_of(self.record.external_id)}{SEPARATOR}{self.shown_first}",
            value=value,
            ungraded=ungraded,
            reason=outcome.reasoning if isinstance(outcome, JudgeAnswer) else outcome.message,
            at=self.record.arrived_at,
            facts={"calls": asked.calls},
            cost_usd=asked.usd,
        )


def canaries_among(session: Session, pilot: Pilot, judge: Judge, records: Sequence[PairRecord], *, rate: float) -> list[Canary]:
    """The canaries that go along with these pairs: one an exchange at most, each shown to a version of the judge once."""
    found = {
        record.key.exchange_id: canary for record in records if (canary := _canary(pilot, judge, record, rate)) is not None
    }
    seen = seen_canaries(session, sorted(found), rater=judge.rater, version=judge.version or "") if found else set()
    return [canary for exchange, canary in found.items() if exchange not in seen]


def refuse_suspended(session: Session, pilot: Pilot, judge: Judge) -> None:
    """Stops before a judge is asked that missed too many canaries.

    Raises:
        Conflict: It is suspended; another judge, or another version of it, is not.
    """
    answered, right = count_canaries(session, pilot.id, rater=judge.rater, version=judge.version or "")
    if is_suspended(answered, right):
        raise Conflict(_words(judge.rater, answered, right), pilot=pilot.name, code=SUSPENDED)


def canaries_of(configuration: PilotConfiguration, evidence: Evidence) -> CanaryModel | None:
    """What the present version of the judge made of its canaries; `None` where nobody can be asked."""
    judge = judge_of(configuration)
    if judge is None or judge.version is None:
        return None
    grades = [_of_judge(arm.grades, judge) for arm in evidence.arms.values()]
    asked = [kind.partition(SEPARATOR)[0] for each in grades for kind in each.shown_first.tolist()]
    values = np.concatenate([each.values for each in grades]) if grades else np.empty(0)
    reasons = [reason for each in grades for reason in each.ungraded[np.isnan(each.values)].tolist()]
    known = ~np.isnan(values)
    answered, right = int(known.sum()), int((values == 1).sum())
    suspended = is_suspended(answered, right)
    return CanaryModel(
        rater=judge.rater,
        asked=len(asked),
        pass_rate=_rate(right, answered),
        by_kind=_by_kind(asked, known.tolist(), (values == 1).tolist()),
        ungraded=dict(sorted(Counter(reasons).items())),
        is_suspended=suspended,
        reason=_words(judge.rater, answered, right) if suspended else None,
    )


def _rate(right: int, answered: int) -> EstimateModel:
    if not answered:
        return EstimateModel(method=WILSON_METHOD)
    low, high = wilson(successes=right, trials=answered)
    return EstimateModel(value=right / answered, low=low, high=high, n=answered, method=WILSON_METHOD)


def _of_judge(grades: GradeColumns, judge: Judge) -> GradeColumns:
    is_its = (grades.graders == NAME) & (grades.raters == judge.rater) & (grades.versions == judge.version)
    return grades.where(np.asarray(is_its, dtype=bool))


def _by_kind(kinds: list[str], known: list[bool], right: list[bool]) -> list[CanaryKindModel]:
    answered = Counter(kind for kind, is_known in zip(kinds, known, strict=True) if is_known)
    seen = Counter(kind for kind, is_right in zip(kinds, right, strict=True) if is_right)
    return [CanaryKindModel(kind=kind, answered=answered[kind], passed=seen[kind]) for kind in sorted(answered)]


def _canary(pilot: Pilot, judge: Judge, record: PairRecord, rate: float) -> Canary | None:
    name, original = record.external_id, record.incumbent
    if record.request is None or not isinstance(original, Reply) or not is_canary(pilot.name, name, rate):
        return None
    if pilot.configuration.grader_of(record.segment) != JUDGE:
        return None  # a rubric asks about one reply alone
    first = shown_first_of(name)
    worse = altered(original, kind_of(name), is_first=first != ORIGINAL)
    if worse is None:
        return None
    shown = Reply(original.content)
    pair = (shown, worse) if first == ORIGINAL else (worse, shown)
    return Canary(record, first, Comparison(record.request, *pair, reference=record.reference, limits=limits_of(judge.table)))


def _words(rater: str, answered: int, right: int) -> str:
    return (
        f"the judge {rater} is suspended: of {answered} pairs of which one reply was made worse on purpose it saw {right} "
        f"({right / answered:.0%}; surely below the {FLOOR:.0%} that are asked of it), so nothing may rest on what it says "
        "of other pairs: choose another judge"
    )
