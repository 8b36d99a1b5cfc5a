"""The page of money: what both arms cost, what moves the saving, and what if."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.costs.stored_month import spread_of_inputs
from app.costs.what_if import WhatIf, levers_of, what_if
from app.dashboard.frame import basis_words, pilot_page
from app.dashboard.money_form import CANDIDATE, Asked, asked_of, query_of
from app.dashboard.places import pilot_address
from app.dashboard.responses import page
from app.dashboard.standing import Standing, standing_of
from app.dashboard.visitors import Door
from app.domain.month_inputs import MonthInputs
from app.errors import NotFound
from app.pipeline.saving import factors_of
from app.reports.context import Subject
from app.reports.document import Chart, Section, Table
from app.reports.judge_money import judge_money_sections
from app.reports.money import money_section
from app.reports.reconciliation import reconciliation_sections
from app.reports.rules_of_thumb import rules_of_thumb_sections
from app.reports.usage import usage_sections
from app.reports.what_if import Beside, comparison, picture, sentence


@dataclass(frozen=True, slots=True)
class Answer:
    """What the form is answered with."""

    sentence: str
    table: Table
    chart: Chart
    is_moved: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One candidate's part of the page; `answer` None = the saving is not known, or what was asked is not taken."""

    subject: Subject
    headline: Section
    sections: tuple[Section, ...]
    asked: Asked
    answer: Answer | None


def add_money_page(router: APIRouter, door: Door) -> None:
    """Adds the page and its live part."""
    pages = MoneyPage(door)
    for address, endpoint in (("/pilots/{name}/money", pages.show), ("/pilots/{name}/money/what-if", pages.answer)):
        router.add_api_route(
            address, endpoint, methods=["GET"], response_class=HTMLResponse, name=f"money_page_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """The endpoints."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """The whole page; an address with values shows what they come to."""
        visitor = self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        query = request.query_params
        of = _chosen_of(standing, query[CANDIDATE]).name if CANDIDATE in query else next(iter(_names(standing)), "")
        panels = [_panel(each, query if each.name == of else {}) for each in standing.subjects]
        tail = [*reconciliation_sections(standing.subjects)]
        if standing.card is not None:
            tail += judge_money_sections(standing.card)
        return pilot_page(
            "money.html",
            self.door,
            visitor,
            standing.pilot,
            "money",
            status=422 if any(panel.asked.problems for panel in panels) else 200,
            title="Money",
            basis=basis_words(standing),
            panels=panels,
            tail=tail,
        )

    def answer(self, request: Request, name: str) -> Response:
        """The part that changes while somebody moves a slider; the address keeps up with it."""
        self.door.visitor(request)
        standing = standing_of(self.door.session_factory, name)
        query = request.query_params
        subject = _chosen_of(standing, query.get(CANDIDATE))
        inputs = _inputs(subject)
        asked = asked_of(levers_of(inputs), query)
        panel = Panel(subject, Section(slug="", title=""), (), asked, _answer(subject, inputs, asked))
        response = page("money_answer.html", 422 if asked.problems else 200, panel=panel)
        if not asked.problems:
            said = query_of(subject.name, asked.levers, asked.chosen)
            response.headers["HX-Replace-Url"] = pilot_address(name, "money") + (f"?{said}" if said else "")
        return response


def _chosen_of(standing: Standing, name: str | None) -> Subject:
    for subject in standing.subjects:
        if name in (subject.name, None):
            return subject
    message = f"there is no candidate {name!r} with figures; there are: {', '.join(_names(standing)) or 'none'}"
    raise NotFound(message, candidate=name)


def _names(standing: Standing) -> list[str]:
    return [subject.name for subject in standing.subjects]


def _inputs(subject: Subject) -> MonthInputs:
    return subject.card.cost.model or MonthInputs()


def _panel(subject: Subject, query: Mapping[str, str]) -> Panel:
    """Headings name their candidate: there may be several."""
    section, inputs = money_section(subject), _inputs(subject)
    asked = asked_of(levers_of(inputs), query)
    below = (*section.sections, *usage_sections(subject), *rules_of_thumb_sections(subject))
    headline = section.model_copy(update={"sections": (), "title": f"{section.title}: {subject.name}"})
    return Panel(subject, headline, below, asked, _answer(subject, inputs, asked))


def _answer(subject: Subject, inputs: MonthInputs, asked: Asked) -> Answer | None:
    """By the formula and the draws of the saving itself."""
    if asked.problems or not asked.levers:
        return None
    drawn = factors_of(spread_of_inputs(inputs))
    chosen = what_if(inputs, asked.chosen, drawn) if asked.chosen else None
    found = Beside(_measured(inputs.model_dump_json()), chosen)
    return Answer(sentence(found, subject), comparison(found, subject), picture(found, subject), chosen is not None)


@lru_cache(maxsize=16)
def _measured(stored: str) -> WhatIf:
    """As it is: the same for everybody who moves a slider."""
    inputs = MonthInputs.model_validate_json(stored)
    return what_if(inputs, {}, factors_of(spread_of_inputs(inputs)))
