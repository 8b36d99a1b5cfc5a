"""The rubric's course: each reply of a pair is scored once, apart from the other, and nothing is asked twice."""

from dataclasses import replace
from decimal import Decimal

from app.domain.exchange import Json, Reply
from app.domain.grading import NewGrade, PairRecord, Settlement, Taken
from app.domain.pilot import Pilot
from app.domain.rubric_scores import NewScore, Score
from app.domain.words import ArmRole
from app.graders.grade import Ungraded
from app.graders.judge import limits_of
from app.graders.judge_texts import NO_LIMITS
from app.graders.question import Question
from app.graders.rubric import criteria_met, cut_chars, rubric_question, score_value
from app.graders.rubric_answer import RubricAnswer
from app.graders.rubric_prompt import REPLY, ScoredReply
from app.pipeline.judge_asking import Asked
from app.pipeline.rubric_pairs import RubricInUse, scored_pair, settle_scored
from app.pipeline.settlement import Judge, arm_name, as_shown, first_shown


class RubricCourse:
    """Asks about one reply, then about the other; which is the first is decided by a coin that falls the same way each time."""

    def __init__(self, record: PairRecord, pilot: Pilot, judge: Judge, use: RubricInUse, facts: Json) -> None:
        self._record, self._pilot, self._judge, self._facts = record, pilot, judge, facts
        self._pair = scored_pair(record, use, pilot.incumbent.id)
        self._is_arm_first = first_shown(record, arm_name(pilot, record.key.arm_id)) != ArmRole.INCUMBENT.value
        self._is_shared = any(other.id not in (pilot.incumbent.id, record.key.arm_id) for other in pilot.arms)
        self._calls, self._usd = 0, Decimal(0)
        self._model: str | None = None
        self._grade: NewGrade | None = None
        self._cut: dict[str, int] = {}

    def next_question(self) -> Question[RubricAnswer] | None:
        """The reply that has still to be scored."""
        arm = self._next_arm()
        return None if arm is None else rubric_question(self._pair.use.rubric, self._shown(arm), self._key(arm))

    def take(self, asked: Asked[RubricAnswer]) -> Taken:
        """The reply's score; with the second one the pair's grade."""
        arm = self._next_arm()
        assert arm is not None  # noqa: S101 - there was a question
        score, reason = self._scored(arm, asked.outcome)
        self._pair = replace(self._pair, scores={**self._pair.scores, arm: score})
        self._calls, self._usd, self._model = self._calls + asked.calls, self._usd + asked.usd, asked.model or self._model
        self._cut |= self._cut_of(arm)
        grade = self._pair.grade(self._judge.rater, calls=self._calls, model=self._model, usd=self._usd)
        self._grade = replace(grade, facts=grade.facts | {"cut_chars": self._cut}) if grade is not None and self._cut else grade
        stored = NewScore(
            exchange_id=self._record.key.exchange_id,
            score=score,
            rater=self._judge.rater,
            reason=reason,
            at=self._record.arrived_at,
            calls=asked.calls,
            cost_usd=asked.usd,
        )
        return Taken(self._grade, stored)

    def end(self, *, unasked: str | None = None) -> Settlement:
        """The pair as its scores decide it."""
        return settle_scored(self._record.key, self._grade, self._facts, unasked=unasked)

    def _next_arm(self) -> int | None:
        missing = self._pair.missing
        if not missing:
            return None
        return missing[-1] if self._is_arm_first else missing[0]

    def _shown(self, arm: int) -> ScoredReply:
        record = self._record
        reply = record.incumbent if arm == self._pilot.incumbent.id else record.other
        if record.request is None or not isinstance(reply, Reply):
            message = f"exchange {record.external_id} has nothing to score"
            raise ValueError(message)  # `settle` has asked for nobody then
        table = self._pilot.configuration.judge
        limits = limits_of(table) if table is not None else NO_LIMITS
        return ScoredReply(record.request, as_shown(self._pilot, arm, reply), record.reference, limits)

    def _cut_of(self, arm: int) -> dict[str, int]:
        """How many characters the judge was not shown, under the names that the pairwise judge's grades give them."""
        name = arm_name(self._pilot, arm)
        return {name if title == REPLY else title: chars for title, chars in cut_chars(self._shown(arm)).items()}

    def _key(self, arm: int) -> str | None:
        """The incumbent's reply is part of a pair with each other arm."""
        if arm != self._pilot.incumbent.id or not self._is_shared:
            return None
        return f"{self._record.key.exchange_id}/{self._pair.use.version}"

    def _scored(self, arm: int, outcome: RubricAnswer | Ungraded) -> tuple[Score, str]:
        use = self._pair.use
        grader, version = use.rubric.grader, use.version or ""
        if isinstance(outcome, Ungraded):
            return Score(arm, grader, version, None, outcome.reason), outcome.message
        criteria = criteria_met(use.rubric, outcome, self._shown(arm))
        return Score(arm, grader, version, score_value(use.rubric, [each.met for each in criteria]), None, criteria), ""
