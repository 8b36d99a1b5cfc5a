"""What has to be asked about one pair: question after question, what each answer gives, and the pair's end."""

from typing import Any, Protocol

from app.domain.exchange import Json
from app.domain.grading import PairRecord, Settlement, Taken
from app.domain.pilot import Pilot
from app.graders.question import Question
from app.pipeline.judge_asking import Asked
from app.pipeline.pairwise import PairwiseCourse
from app.pipeline.rubric_course import RubricCourse
from app.pipeline.rubric_pairs import rubric_in_use
from app.pipeline.settlement import Judge


class Course(Protocol):
    """One pair on its way through the questions that its segment's grader asks."""

    def next_question(self) -> Question[Any] | None:
        """What is to be asked now; `None` = nothing (more). Asking twice changes nothing."""

    def take(self, asked: Asked[Any]) -> Taken:
        """What came of the question that was next, to be stored with what it cost."""

    def end(self, *, unasked: str | None = None) -> Settlement:
        """What becomes of the pair; `unasked` says why its questions were not all asked."""


def course_of(record: PairRecord, pilot: Pilot, judge: Judge, facts: Json) -> Course:
    """The course of a pair that a model has to be asked about, by the grader of its segment.

    Args:
        record: The pair, with the grades that are there already: what was answered is not asked again.
        pilot: Its configuration.
        judge: Who is asked.
        facts: What the deterministic steps found.
    """
    use = rubric_in_use(pilot.configuration, pilot.configuration.grader_of(record.segment))
    if use is not None:
        return RubricCourse(record, pilot, judge, use, facts)
    return PairwiseCourse(record, pilot, judge, facts)
