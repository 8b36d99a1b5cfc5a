"""The blind page: one pair at a time, keyboard first, complete without any script."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard.forms import Form
from app.dashboard.frame import pilot_page
from app.dashboard.visitors import Door
from app.domain.labelling import Answer, Queue
from app.domain.words import PilotState
from app.errors import InvalidInput, Problem
from app.pipeline.labelling.answering import Desk, GivenAnswer, Task

SKIP_REASONS = {
    "cannot tell": "I cannot tell",
    "no expertise": "I lack the knowledge",
    "language": "I cannot read the language",
    "damaged": "A text is damaged or cut off",
    "recognised": "I know whose reply is whose",
    "sensitive": "I should not read this",
}
SAID = {
    "stored": "Your answer is stored.",
    "undone": "Your last answer is taken back.",
    "none": "There is no answer to take back.",
}


def add_labelling_pages(router: APIRouter, door: Door, desk: Desk) -> None:
    """Adds the page and its two forms."""
    pages = LabellingPages(door, desk)
    for address, method, endpoint in (
        ("/pilots/{name}/label", "GET", pages.show),
        ("/pilots/{name}/label", "POST", pages.answer),
        ("/pilots/{name}/label/undo", "POST", pages.undo),
    ):
        router.add_api_route(
            address, endpoint, methods=[method], response_class=HTMLResponse, name=f"label_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class LabellingPages:
    """The endpoints."""

    door: Door
    desk: Desk

    def show(
        self, request: Request, name: str, queue: str = Queue.DRAWN.value, pair: str | None = None, said: str = ""
    ) -> Response:
        """The next pair of a queue, or the one of a token; nothing on the page tells whose reply is the first."""
        visitor = self.door.labeller(request)
        task = self.desk.next_task(name, visitor.principal.name, _queue(queue), token=pair or None)
        return pilot_page(
            "label.html",
            self.door,
            visitor,
            task.pilot,
            "label",
            title="Label pairs",
            task=task,
            without=_why_nothing(task),
            said=SAID.get(said, ""),
            skip_reasons=SKIP_REASONS,
        )

    def answer(self, request: Request, name: str, form: Form) -> Response:
        """Stores an answer and goes on with the next pair."""
        visitor = self.door.labeller(request, form)
        self.desk.answer(name, visitor.principal.name, _given(form))
        return _back(name, _queue(form.get("queue", "")), said="stored")

    def undo(self, request: Request, name: str, form: Form) -> Response:
        """Takes the visitor's last answer back and shows its pair again."""
        visitor = self.door.labeller(request, form)
        taken = self.desk.take_back(name, visitor.principal.name)
        if taken is None:
            return _back(name, _queue(form.get("queue", "")), said="none")
        return _back(name, taken.queue, said="undone", pair=taken.token)


def _given(form: dict[str, str]) -> GivenAnswer:
    """The answer of a submitted form: the button that was pressed, and the marks."""
    reason = form.get("skip")
    try:
        answer = Answer.SKIP if reason is not None else Answer(form.get("answer", ""))
    except ValueError:
        message = f"choose an answer: one of {', '.join(Answer)}"
        raise InvalidInput(message, (Problem(message, field="answer", code="not_allowed"),)) from None
    return GivenAnswer(
        token=form.get("pair", ""),
        answer=answer,
        reason=reason,
        critical_first="critical_first" in form,
        critical_second="critical_second" in form,
    )


def _queue(text: str) -> Queue:
    return Queue.UNCERTAIN if text == Queue.UNCERTAIN.value else Queue.DRAWN


def _back(name: str, queue: Queue, **query: str) -> Response:
    known = ({"queue": queue.value} if queue is not Queue.DRAWN else {}) | query
    return RedirectResponse(f"/pilots/{quote(name, safe='')}/label?{urlencode(known)}", 303)


def _why_nothing(task: Task) -> str:
    """Why there is no pair to show, in one sentence; "" = there is one."""
    if task.pair is not None:
        return ""
    if task.pilot.state is PilotState.DRAFT:
        return "The pilot is not started: nobody is drawn before."
    if task.pilot.state is PilotState.STOPPED:
        return "The pilot is stopped: its labels stay as they are."
    if task.queue is Queue.UNCERTAIN:
        return "There is no uncertain pair left for you."
    if not task.progress.days:
        return "No pair of a closed day is drawn yet. A day is closed when its 24 hours are over and all of it is stored."
    which = "those of all closed days" + (" that can be shown" if task.progress.without_text else "")
    return f"There is no drawn pair left for you: {which} have an answer, or were skipped by you."
