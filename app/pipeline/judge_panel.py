"""The panel: judges of other families look at a part of what the judge looked at; only how far they agree is said."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import uvloop

from app.domain.configuration import PilotConfiguration
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import ArmEvidence, Flags, Floats, GradeColumns, Numbers
from app.domain.exchange import Reply
from app.domain.grading import PairRecord
from app.domain.judge_money import JudgePurpose
from app.domain.judge_panel import PanelModel
from app.domain.pilot import Pilot
from app.pipeline.conversations import JUDGE, Conversations, PairValues, one_an_order, winners
from app.pipeline.grade_writing import Finding
from app.pipeline.judge_spans import JudgedPair, judged
from app.pipeline.judge_turn import JudgingPlan, Turn, judge_turn
from app.pipeline.pairwise import PairwiseCourse
from app.pipeline.settlement import Judge, judge_of, judge_of_table
from app.statistics.agreement import accuracy_estimate, kappa_estimate
from app.statistics.fixed_sample import mean_estimate
from app.store.grades import read_pairs
from app.store.judge_panel import choose_for_panel
from app.store.session import SessionFactory

MOST_A_TURN = 1000


def panel_of(configuration: PilotConfiguration) -> tuple[Judge, ...]:
    """The judges of the panel; none without a judge to compare with."""
    judge = configuration.judge
    if judge is None or judge.base_url is None:
        return ()
    return tuple(judge_of_table(judge.for_panel(panel)) for panel in configuration.judge_panel)


def ask_panel(
    session_factory: SessionFactory, pilot: Pilot, plan_for: Callable[[Judge], JudgingPlan], worker: Callable[[], str]
) -> int:
    """Has the panel's judges look at what they have not seen yet; gives how many answers came. Out of the judge's budget.

    Args:
        session_factory: Where pairs and grades are.
        pilot: Whose.
        plan_for: How one of them is asked, with what is left of the money.
        worker: A new name for a turn.
    """
    judge, answered = judge_of(pilot.configuration), 0
    for panel in panel_of(pilot.configuration):
        assert judge is not None and judge.version is not None and panel.version is not None  # noqa: S101, PT018 - `panel_of`
        with session_factory() as session:
            keys = choose_for_panel(
                session,
                pilot.id,
                [arm.id for arm in pilot.candidates],
                rate=judge.table.panel_rate,
                judge=(judge.rater, judge.version),
                panel=(panel.rater, panel.version),
                limit=MOST_A_TURN,
            )
            records = read_pairs(session, pilot, keys, rater=panel.rater)
        if records:
            turn = _PanelTurn(session_factory, pilot, panel, plan_for(panel), worker())
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(turn.run(records))
            answered += turn.answered
    return answered


@dataclass(slots=True)
class _PanelTurn:
    session_factory: SessionFactory
    pilot: Pilot
    judge: Judge
    plan: JudgingPlan
    worker: str
    answered: int = 0

    async def run(self, records: list[PairRecord]) -> None:
        async with (
            judge_turn(self.session_factory, self.pilot.id, self.plan, self.worker, purpose=JudgePurpose.PANEL) as turn,
            asyncio.TaskGroup() as workers,
        ):
            for record in records:
                if record.request is not None and isinstance(record.incumbent, Reply) and isinstance(record.other, Reply):
                    workers.create_task(self._ask(record, turn))

    async def _ask(self, record: PairRecord, turn: Turn) -> None:
        with judged(self.pilot, record, JudgePurpose.PANEL.value) as pair:
            await self._ask_course(PairwiseCourse(record, self.pilot, self.judge, {}), turn, pair)

    async def _ask_course(self, course: PairwiseCourse, turn: Turn, pair: JudgedPair) -> None:
        while not turn.is_over and (question := course.next_question()) is not None:
            asked = await turn.asking.ask(question)
            if asked.is_unasked:
                await turn.writer.put(Finding.paid(asked, purpose=JudgePurpose.PANEL))
                return
            taken = course.take(asked)
            pair.graded(taken)
            await turn.writer.put(Finding.paid(asked, grade=taken.grade, purpose=JudgePurpose.PANEL))
            self.answered += 1


def panel_figures(
    configuration: PilotConfiguration, arm: ArmEvidence, pairs: PairValues, talks: Conversations
) -> Iterator[PanelModel]:
    """How far each judge of the panel agrees with the judge, over the pairs that both gave a preference.

    Args:
        configuration: Who they are.
        arm: The candidate's grades.
        pairs: The preferences by the judge.
        talks: Pairs of one conversation are not independent.
    """
    rows = len(pairs.values)
    for panel in panel_of(configuration):
        its = _preferences(arm.grades, panel, rows)
        both = pairs.judged & pairs.counted & ~np.isnan(its) & ~np.isnan(pairs.values)
        one, other, clusters = winners(pairs.values[both]), winners(its[both]), talks.of_row[both]
        named = (one != 0) & (other != 0)
        yield PanelModel(
            name=panel.rater,
            model=panel.table.model or "",
            family=panel.table.family,
            pairs=int(both.sum()),
            agreement_rate=EstimateModel.of(accuracy_estimate(agrees=one == other, clusters=clusters)),
            kappa=EstimateModel.of(
                kappa_estimate(first=one[named] > 0, second=other[named] > 0, clusters=clusters[named])
            ),
            judge_better_panel_worse=int(((one > 0) & (other < 0)).sum()),
            judge_worse_panel_better=int(((one < 0) & (other > 0)).sum()),
            win_rate_difference=EstimateModel.of(mean_estimate(values=_by_talk(its[both] - pairs.values[both], clusters))),
            ungraded=int(_ungraded(arm.grades, panel).sum()),
        )  # fmt: skip


def _by_talk(values: Floats, clusters: Numbers) -> Floats:
    """One value a conversation: the mean of its pairs'."""
    _, place, number = np.unique(clusters, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, weights=values, minlength=len(number)) / np.maximum(number, 1), dtype=np.float64)


def _of_panel(grades: GradeColumns, panel: Judge) -> Flags:
    is_its = (grades.graders == JUDGE) & (grades.raters == panel.rater) & (grades.versions == panel.version)
    return np.asarray(is_its, dtype=bool)


def _ungraded(grades: GradeColumns, panel: Judge) -> Flags:
    return _of_panel(grades, panel) & np.isnan(grades.values)


def _preferences(grades: GradeColumns, panel: Judge, rows: int) -> Floats:
    own = one_an_order(grades.where(_of_panel(grades, panel) & ~np.isnan(grades.values)))
    number = np.bincount(own.rows, minlength=rows)
    with np.errstate(invalid="ignore"):
        return np.where(number > 0, np.bincount(own.rows, weights=own.values, minlength=rows) / number, np.nan)
