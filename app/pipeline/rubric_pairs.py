"""A pair that a rubric decides: which replies have still to be scored, and the preference that two scores make."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.domain.configuration import PilotConfiguration
from app.domain.exchange import Json
from app.domain.grading import NewGrade, PairKey, PairRecord, Settlement
from app.domain.rubric_scores import Score
from app.domain.rubric_table import Rubric, is_rubric, rubric_of
from app.domain.words import Rule
from app.graders.judge import limits_of
from app.graders.rubric import critical_met, preference_of, rubric_version

INCUMBENT, ARM = "incumbent", "arm"


@dataclass(frozen=True, slots=True)
class RubricInUse:
    """The rubric of a segment; `version` None = nobody can be asked."""

    rubric: Rubric
    version: str | None


def rubric_in_use(configuration: PilotConfiguration, grader: str) -> RubricInUse | None:
    """The rubric that a grader names; `None` for other graders."""
    if not is_rubric(grader):
        return None
    rubric, table = rubric_of(configuration.rubric, grader), configuration.judge
    if table is None or table.base_url is None or table.model is None:
        return RubricInUse(rubric, None)
    return RubricInUse(rubric, rubric_version(rubric, table.model, table.temperature, limits_of(table)))


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """What is known of both replies of a pair.

    Attributes:
        arms: The store's numbers of the incumbent and of the pair's arm.
        scores: By arm.
    """

    record: PairRecord
    use: RubricInUse
    arms: tuple[int, int]
    scores: Mapping[int, Score]

    @property
    def missing(self) -> tuple[int, ...]:
        """Arms whose reply has still to be scored; none where one reply cannot be: the other would be paid in vain."""
        if self.use.version is None or any(score.value is None for score in self.scores.values()):
            return ()
        return tuple(arm for arm in self.arms if arm not in self.scores)

    def grade(self, rater: str, *, calls: int = 0, model: str | None = None, usd: Decimal | None = None) -> NewGrade | None:
        """The pair's grade; `None` while a score is missing.

        Args:
            rater: The judge's.
            calls: Made for this pair; a score that was there cost nothing again.
            model: That the server says it used.
            usd: What those calls cost.
        """
        if self.use.version is None or self.missing or not self.scores:
            return None
        value, ungraded, reason = self._outcome()
        return NewGrade(
            key=self.record.key,
            grader=self.use.rubric.grader,
            rater=rater,
            version=self.use.version,
            shown_first=None,
            value=value,
            ungraded=ungraded,
            reason=reason,
            at=self.record.arrived_at,
            facts=self._facts() | {"calls": calls} | ({"model": model} if model else {}),
            cost_usd=usd,
        )

    def _outcome(self) -> tuple[float | None, str | None, str]:
        incumbent, other = (self.scores.get(arm) for arm in self.arms)
        unscored = next((score for score in (incumbent, other) if score is not None and score.ungraded is not None), None)
        if unscored is not None:
            whose = "incumbent's" if unscored is incumbent else "candidate's"
            return None, unscored.ungraded, f"the {whose} reply has no score"
        assert incumbent is not None and other is not None  # noqa: S101, PT018 - nothing is missing
        assert incumbent.value is not None and other.value is not None  # noqa: S101, PT018 - neither is unscored
        words = f"score of the candidate {other.value:.2f}, of the incumbent {incumbent.value:.2f}"
        return preference_of(candidate=other.value, incumbent=incumbent.value), None, words

    def _facts(self) -> Json:
        """Both scores by side, what made them, and the faults that must never happen."""
        sides = {side: self.scores[arm] for side, arm in zip((INCUMBENT, ARM), self.arms, strict=True) if arm in self.scores}
        met = {side: [each.met for each in score.criteria] for side, score in sides.items()}
        critical = {side: critical_met(self.use.rubric, shares) for side, shares in met.items() if shares}
        return {
            "scores": {side: score.value for side, score in sides.items()},
            "met": met,
            "critical": {side: texts for side, texts in critical.items() if texts},
            "unscored": {side: score.ungraded for side, score in sides.items() if score.ungraded is not None},
            "evidence_not_found": {
                side: sum(not each.is_quoted for each in score.criteria) for side, score in sides.items() if score.criteria
            },
        }


def scored_pair(record: PairRecord, use: RubricInUse, incumbent_arm: int) -> ScoredPair:
    """A pair with the scores that are stored of this version."""
    arms = (incumbent_arm, record.key.arm_id)
    counted = [each for each in record.scores if each.grader == use.rubric.grader and each.version == use.version]
    return ScoredPair(record, use, arms, {each.arm_id: each for each in counted if each.arm_id in arms})


def settle_by_rubric(
    pair: ScoredPair, rater: str, facts: Json, *, missing: str | None, nobody: str
) -> tuple[Settlement, NewGrade | None]:
    """What becomes of a pair without asking anybody.

    Args:
        pair: With the scores that are stored.
        rater: The judge's.
        facts: What the deterministic steps found.
        missing: Why there is nothing to show a judge; `None` = there is.
        nobody: Why there is no grade where nobody can be asked.
    """
    key = pair.record.key
    if pair.missing and missing is None:
        return Settlement(key, Rule.GRADER, facts=facts, is_settled=False), None
    grade = pair.grade(rater)
    return settle_scored(key, grade, facts, why=(missing if pair.missing else None) or nobody), grade


def settle_scored(
    key: PairKey, grade: NewGrade | None, facts: Json, *, unasked: str | None = None, why: str | None = None
) -> Settlement:
    """The end of a pair that a rubric decides.

    Args:
        key: The pair.
        grade: That of both scores; `None` = they are not both there.
        facts: What the deterministic steps found.
        unasked: Why a reply was not scored, if it could be; noted, so that it is when the reason is gone.
        why: Why there is no grade, where nobody was to be asked.
    """
    noted = facts | ({"unasked": unasked} if unasked else {})
    if grade is None:
        return Settlement(key, Rule.GRADER, ungraded=unasked or why, facts=noted)
    return Settlement(key, Rule.GRADER, ungraded=grade.ungraded, facts=noted, graded=grade.value)
