"""Questions that several pairs have in common are asked once: who comes second waits for the answer and pays nothing."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.graders.question import AnswerT, Question
from app.pipeline.judge_asking import Asked, JudgeAsking


@dataclass(slots=True)
class SharedAsking:
    """The answers of one turn by the questions' keys, those that are still awaited among them."""

    asking: JudgeAsking
    _answers: "dict[str, asyncio.Future[Asked[Any]]]" = field(default_factory=dict)

    async def ask(self, question: Question[AnswerT]) -> Asked[AnswerT]:
        """The answer; its calls and its cost are those of the one who asked."""
        if question.key is None:
            return await self.asking.ask(question)
        there = self._answers.get(question.key)
        if there is not None:
            # A waiter that is cancelled must not take the answer from the others.
            asked = await asyncio.shield(there)
            return Asked(asked.outcome, 0, Decimal(0), asked.model)
        answer = self._answers[question.key] = asyncio.get_running_loop().create_future()
        try:
            asked = await self.asking.ask(question)
        except BaseException:
            answer.cancel()
            raise
        answer.set_result(asked)
        return asked
