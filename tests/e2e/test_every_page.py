"""Every page of a pilot in a real browser: it says nothing to the console, asks nobody else, and axe finds no barrier."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser

from app.dashboard.pages import make_pages_router
from app.dashboard.places import GROUPS, SERVICE, pilot_address
from app.domain.words import Role
from app.pipeline.access import create_key
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.e2e.browsing import CHROMIUM, LOOKS, NO_CHROMIUM, Watched, barriers, opened_browser
from tests.e2e.served import served
from tests.unit.reports.examples import hybrid

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
PEPPER = "pepper-of-the-pages"
PLACES = [place.path for group in GROUPS for place in group.places]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Stage:
    """A pilot with figures, some pairs and an admin's key, behind a real server."""

    address: str
    key: str
    viewer_key: str


@pytest.fixture
def stage(session_factory: SessionFactory) -> Iterator[Stage]:
    card = hybrid()
    with session_scope(session_factory) as session:
        pilot = a_pilot(session)
        content = card.model_dump_json(by_alias=True)
        keep_scorecard(session, pilot.id, as_of=card.as_of, data_hash=card.data_hash, content=content)
        key = create_key(session, "ops", Role.ADMIN, PEPPER)
        viewer = create_key(session, "eve", Role.VIEWER, PEPPER)
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with served(web) as address:
        yield Stage(address, key, viewer)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_without_barriers_and_complaints(browser: Browser, stage: Stage, width: int, scheme: str) -> None:
    watched = Watched(browser, width, scheme)
    watched.sign_in_by_key(stage.address, stage.key)
    found = {}
    for path in ["/", *(pilot_address("support-bot", place) for place in PLACES), *(f"/{each.path}" for each in SERVICE)]:
        answer = watched.page.goto(f"{stage.address}{path}")
        assert answer is not None
        watched.draw_all()
        wrong = [f"status {answer.status}"] if answer.status != 200 else []
        wrong += [*map(str, barriers(watched.page)), *watched.complaints]
        watched.complaints.clear()
        if wrong:
            found[path] = wrong
    assert not found, "\n".join(f"{path}: {each}" for path, wrong in found.items() for each in wrong)
    assert all(url.startswith((stage.address, "data:")) for url in watched.requests)
    watched.context.close()
