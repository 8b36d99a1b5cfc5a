"""The pairs explorer: find pairs, look at one, see why it counts as it does."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.dashboard import pair_views
from app.dashboard.frame import pilot_page
from app.dashboard.pair_measured import changes, measured
from app.dashboard.pairs_address import read_cursor, read_query, write_query
from app.dashboard.pairs_views import (
    choices,
    has_more,
    line_view,
    list_address,
    looked_words,
    next_address,
    outcome_words,
    pair_address,
)
from app.dashboard.places import pilot_address
from app.dashboard.visitors import Door, Visitor
from app.domain.content import METADATA
from app.domain.grading import PairKey
from app.domain.pair_query import PairQuery, PairSort
from app.domain.pilot import Pilot
from app.domain.words import Role
from app.errors import InvalidInput, NotFound, Problem
from app.pipeline.pair_search import BESIDE, PairSearch, compared_arms
from app.pipeline.pair_texts import NOTHING, pair_texts
from app.pipeline.pair_view import PairView, note_reading, view_pair
from app.store.pair_facts import pair_lines
from app.store.pilots import get_pilot

SEEDS = 1_000_000
LARGEST_ID = 2**63 - 1
READING = "reading pairs"


def add_pairs_pages(router: APIRouter, door: Door) -> None:
    """Adds the list and the page of one pair."""
    pages = PairsPages(door)
    for address, endpoint in (("/pilots/{name}/pairs", pages.show), ("/pilots/{name}/pairs/{number:number}", pages.show_one)):
        router.add_api_route(
            address, endpoint, methods=["GET"], response_class=HTMLResponse, name=f"pairs_pages_{endpoint.__name__}"
        )


@dataclass(frozen=True, slots=True)
class PairsPages:
    """The endpoints; operators and admins alone see them, for they hold texts of production."""

    door: Door

    def show(self, request: Request, name: str) -> Response:
        """A list of pairs by the filters of the address."""
        visitor = self._reader(request)
        query = read_query(request.query_params)
        after = read_cursor(request.query_params.get("after", ""), query.sort)
        is_undrawn = query.sort is PairSort.RANDOM and not request.query_params.get("seed")
        if is_undrawn or "" in request.query_params.values():
            # What was left empty in the form is left out: the address is to be sent to a colleague.
            said = write_query(replace(query, seed=secrets.randbelow(SEEDS)) if is_undrawn else query)
            return RedirectResponse(pilot_address(name, "pairs") + (f"?{said}" if said else ""), 303)
        with self.door.session_factory() as session:
            pilot = get_pilot(session, name)
            _check(pilot, query)
            found = PairSearch(session, pilot, query).find(after)
            keys = [PairKey(*key[1:]) for key in found.keys]
            lines = pair_lines(session, pilot.id, pilot.incumbent.id, keys)
            texts = pair_texts(session, pilot, keys)
        read = [line.external_id for line in lines if texts[line.key] != NOTHING]
        note_reading(self.door.session_factory, pilot, visitor.principal.name, read, page="list")
        return pilot_page(
            "pairs.html",
            self.door,
            visitor,
            pilot,
            "pairs",
            title="Pairs",
            query=query,
            choices=choices(pilot, query),
            several=len(compared_arms(pilot)) > 1,
            lines=[line_view(pilot, line, texts[line.key], query) for line in lines],
            looked=looked_words(found, query, len(lines), pilot.configuration.pilot.timezone),
            next_address=next_address(pilot, query, found),
            # A script follows it until something is found: each look is bounded, a search through all pairs is many of them.
            on_address=next_address(pilot, query, found, on="yes") if found.is_bound and not lines else None,
            goes_on=request.query_params.get("on") == "yes",
            is_later=after is not None,
            first_address=list_address(pilot, query),
            all_address=pilot_address(pilot.name, "pairs"),
            draw_address=list_address(pilot, replace(query, sort=PairSort.NEWEST, seed=0), sort=PairSort.RANDOM.value),
            has_more=has_more(query),
            keeps_no_text=pilot.configuration.content.level == METADATA,
        )

    def show_one(self, request: Request, name: str, number: int) -> Response:
        """One pair: both replies side by side, and all that was said and measured of them."""
        visitor = self._reader(request)
        given = request.query_params
        query = read_query(given)
        shown_as = _shown_as(given)
        if number > LARGEST_ID:
            message = f"there is no pair with the number {number}"
            raise NotFound(message)
        with self.door.session_factory() as session:
            pilot = get_pilot(session, name)
            _check(pilot, query)
            view = view_pair(session, pilot, number, given.get("of", "") or query.candidate)
            before, behind = PairSearch(session, pilot, query, BESIDE).beside(view.line.key)
        read = [view.line.external_id] if view.texts != NOTHING else []
        note_reading(self.door.session_factory, pilot, visitor.principal.name, read, page="pair")
        return self._one(visitor, view, query, shown_as, before, behind)

    def _one(
        self, visitor: Visitor, view: PairView, query: PairQuery, shown_as: str, before: PairKey | None, behind: PairKey | None
    ) -> Response:
        pilot, key = view.pilot, view.line.key
        here = pair_address(pilot, key, query)
        joint = "&" if "?" in here else "?"
        return pilot_page(
            "pair.html",
            self.door,
            visitor,
            pilot,
            "pairs",
            title=f"Pair {view.line.external_id}",
            view=view,
            outcome=outcome_words(view.line, view.arm.name),
            day=pilot.day_of(view.line.arrived_at),
            decision=pair_views.decision_words(view),
            violations=pair_views.violations(view),
            sides=pair_views.sides_view(view, shown_as),
            shown_as=shown_as,
            ways=[(way, words, f"{here}{joint}as={way}#replies") for way, words in pair_views.SHOWN_AS.items()],
            opinions=pair_views.opinions(view),
            people=pair_views.people(view),
            scores=pair_views.score_views(view),
            measured=measured(view),
            changes=changes(view.other),
            findings=pair_views.findings(view),
            turns=[(turn, pair_address(pilot, PairKey(turn.exchange_id, key.arm_id), PairQuery())) for turn in view.turns],
            others=[(arm.name, pair_address(pilot, PairKey(key.exchange_id, arm.id), query)) for arm in view.others],
            before=pair_address(pilot, before, query) if before is not None else None,
            behind=pair_address(pilot, behind, query) if behind is not None else None,
            back=list_address(pilot, query),
        )

    def _reader(self, request: Request) -> Visitor:
        return self.door.permitted(self.door.visitor(request), Role.OPERATOR, READING)


def _shown_as(given: Mapping[str, str]) -> str:
    shown_as = given.get("as", "") or "words"
    if shown_as not in pair_views.SHOWN_AS:
        message = f"as: {shown_as[:40]!r} is none of {', '.join(pair_views.SHOWN_AS)}"
        raise InvalidInput(message, (Problem(message, field="as"),))
    return shown_as


def _check(pilot: Pilot, query: PairQuery) -> None:
    """`InvalidInput` for a name that the pilot does not have."""
    known = choices(pilot, query)
    for name, value in (("candidate", query.candidate), ("segment", query.segment), ("decided", query.decided_by)):
        allowed = [choice.value for choice in known[name]]
        if value and value not in allowed:
            message = f"{name}: {value[:80]!r} is none of {', '.join(allowed)}"
            raise InvalidInput(message, (Problem(message, field=name),))
