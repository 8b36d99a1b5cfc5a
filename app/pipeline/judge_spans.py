"""Calls of a model that grades as spans, and the grade that came of them as an event; no reason in words, no text."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.domain.grading import PairRecord, Taken
from app.domain.pilot import Pilot
from app.graders.grade import Ungraded
from app.graders.judge_client import JudgeCall
from app.pipeline.call_spans import Found, server_attributes, span_name, usage_attributes, whose, without_none, word
from app.pipeline.settlement import arm_name
from app.traces import names, tracing
from app.traces.about import about
from app.traces.spans import Event, Place, Span, exchange_place

OPERATION = "chat"
SERVER = "openai"
TIE = 0.5


@dataclass(frozen=True, slots=True)
class JudgeCalled:
    """One call that is over: whom, what came of it, and when."""

    base_url: str
    model: str
    outcome: JudgeCall[Any]
    start_ns: int
    end_ns: int = field(default_factory=time.time_ns)


@dataclass(slots=True)
class JudgedPair:
    """What is told of the calls for one pair.

    Attributes:
        arm: Whose reply it is beside the incumbent's.
        purpose: Why it is asked: `judge`, `panel`, `anchor`.
    """

    pilot: Pilot
    exchange: str
    arm: str
    purpose: str
    calls: int = 0
    _open: list[JudgeCalled] = field(default_factory=list)

    def called(self, call: JudgeCalled) -> None:
        """One more; those before it gave nothing."""
        self.close()
        self._open.append(call)

    def graded(self, taken: Taken) -> None:
        """What the last one gave: a grade of the pair, or a score of one reply."""
        self._tell(taken)

    def close(self) -> None:
        """Nothing more comes of them."""
        self._tell(Taken())

    def _tell(self, taken: Taken) -> None:
        while self._open:
            self.calls += 1
            tracing.tell(partial(self._span, self._open.pop(), taken))

    def _span(self, call: JudgeCalled, taken: Taken) -> Span:
        place = exchange_place(self.pilot.name, self.exchange, self.arm, self.purpose, str(call.start_ns), str(self.calls))
        return call_span(call, whose(self.pilot.name, self.exchange, self.arm), self.purpose, place, self._events(taken))

    def _events(self, taken: Taken) -> tuple[Event, ...]:
        found = []
        if taken.grade is not None:
            found.append(
                evaluation(taken.grade.grader, taken.grade.value, taken.grade.ungraded, label=word_of(taken.grade.value))
            )
        if taken.score is not None:
            score = taken.score.score
            whose_reply = arm_name(self.pilot, score.arm_id)
            found.append(evaluation(score.grader, score.value, score.ungraded, label="scored", arm=whose_reply))
        return tuple(found)


_pair: ContextVar[JudgedPair | None] = ContextVar("judged_pair", default=None)


@contextmanager
def judged(pilot: Pilot, record: PairRecord, purpose: str = "judge") -> Iterator[JudgedPair]:
    """All that is logged and asked in here is about the pair."""
    arm = arm_name(pilot, record.key.arm_id)
    pair = JudgedPair(pilot, record.external_id, arm, purpose)
    token = _pair.set(pair)
    try:
        with about(pilot=pilot.name, exchange=record.external_id, arm=arm):
            yield pair
    finally:
        _pair.reset(token)
        pair.close()


def judge_called(base_url: str, model: str, outcome: JudgeCall[Any], start_ns: int) -> None:
    """A call is over, wherever it was asked for."""
    if not tracing.is_on():
        return
    call, pair = JudgeCalled(base_url, model, outcome, start_ns), _pair.get()
    if pair is not None:
        pair.called(call)
    else:
        tracing.tell(lambda: call_span(call, {}, "judge", None, ()))


def call_span(call: JudgeCalled, of: Found, purpose: str, place: Place | None, events: tuple[Event, ...]) -> Span:
    """One call; of a failure only its kind."""
    outcome, model = call.outcome.outcome, word(call.model)
    attributes: Found = {
        names.OPERATION: OPERATION,
        **server_attributes(call.base_url, SERVER),
        **without_none({names.REQUEST_MODEL: model, names.RESPONSE_MODEL: word(call.outcome.model)}),
        **usage_attributes(call.outcome.usage),
        **of,
        names.SOURCE: purpose,
        names.OUTCOME: outcome.reason if isinstance(outcome, Ungraded) else "answered",
    }
    is_failed = isinstance(outcome, Ungraded)
    if is_failed:
        attributes[names.ERROR_TYPE] = attributes[names.OUTCOME]
    return Span(
        span_name(OPERATION, model), "client", call.start_ns, call.end_ns, attributes, place, is_failed=is_failed, events=events
    )


def evaluation(grader: str, value: float | None, ungraded: str | None, *, label: str, arm: str | None = None) -> Event:
    """A result by the names of the conventions; its reason is a text and stays where texts are kept.

    Args:
        grader: Its name.
        value: The preference for the pair's arm, or the score of one reply.
        ungraded: Why there is none.
        label: The value in a word.
        arm: Whose reply was scored.
    """
    found: Found = {names.EVALUATION_NAME: grader, names.EVALUATION_LABEL: label if ungraded is None else "ungraded"}
    return Event(
        names.EVALUATION,
        found | without_none({names.EVALUATION_VALUE: value, names.UNGRADED: ungraded, names.ARM: arm}),
    )


def word_of(preference: float | None) -> str:
    """For whom a preference speaks."""
    if preference is None or preference == TIE:
        return "tie"
    return "better" if preference > TIE else "worse"
