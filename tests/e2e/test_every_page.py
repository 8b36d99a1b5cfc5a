"""Every page of a pilot in a real browser: it says nothing to the console, asks nobody else, and axe finds no barrier.

And what people do on them: move a slider, find a pair, correct hours in place, sign a decision; a viewer sees no text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, expect

from app.dashboard.pages import make_pages_router
from app.dashboard.places import GROUPS, SERVICE, pilot_address
from app.domain.exchange import Failure, Reply
from app.domain.words import FailureKind, Role
from app.pipeline.people import NewPerson, add_person
from app.pipeline.people_limits import SignInLimits
from app.pipeline.people_passwords import Passwords
from app.pipeline.people_sign_in import SignIns
from app.store.pilots import insert_pilot
from app.store.reports import insert_report
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, session_scope
from tests.e2e.browsing import CHROMIUM, LOOKS, NO_CHROMIUM, Watched, barriers, opened_browser
from tests.e2e.served import served
from tests.stored_pairs import StoredPair, a_request, store_pairs
from tests.unit.reports.examples import MADE_AT, a_document, a_full_configuration, two_candidates

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
PEPPER = "pepper-of-the-pages"
PASSWORD = "four horses in a river"
CHEAP = Passwords(time_cost=1, memory_kib=8, lanes=1)
SECRET, NEEDLE = "my order 4711 never came", "goes out on Thursday"
PLACES = [place.path for group in GROUPS for place in group.places]
PILOT = "support-bot"
PAIRS = [
    StoredPair("plain", Reply("It is on its way."), Reply(f"It {NEEDLE}."), request=a_request(SECRET)),
    StoredPair("failed", Reply("Fine."), Failure(FailureKind.TIMEOUT), segment="triage"),
    StoredPair("same", Reply("Same"), Reply("same"), segment="extraction"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Stage:
    """A pilot with figures, pairs, a report and a person of each role, behind a real server."""

    address: str
    numbers: dict[str, int]
    report: int

    def visit(self, browser: Browser, role: Role, width: int = 1440, scheme: str = "light") -> Watched:
        """A browser in which somebody of that role has signed in by the form."""
        watched = Watched(browser, width, scheme)
        page = watched.page
        page.goto(f"{self.address}/sign-in")
        page.get_by_label("Name").fill(role.value)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Pilots")
        return watched

    def of(self, place: str) -> str:
        return f"{self.address}{pilot_address(PILOT, place)}"


@pytest.fixture
def stage(session_factory: SessionFactory) -> Iterator[Stage]:
    card, document = two_candidates(), a_document("two_candidates")
    second = {"name": "llama-70b", "base_url": "http://127.0.0.1:8001/v1", "model": "meta/llama", "license": "llama"}
    configuration = a_full_configuration()
    first = configuration.candidate[0].model_dump(mode="json")
    configuration = a_full_configuration(candidate=[first, second])
    with session_scope(session_factory) as session:
        pilot = insert_pilot(session, configuration, source_toml="")
        content = card.model_dump_json(by_alias=True)
        keep_scorecard(session, pilot.id, as_of=card.as_of, data_hash=card.data_hash, content=content)
        numbers = store_pairs(session, pilot, PAIRS)
        stored = document.model_dump(mode="json")
        report = insert_report(session, pilot.id, made_at=MADE_AT, data_hash=document.data_hash, document=stored)
    for role in (Role.VIEWER, Role.LABELLER, Role.OPERATOR, Role.ADMIN):
        add_person(session_factory, CHEAP, NewPerson(role.value, role, PASSWORD), by="tests")
    web = FastAPI()
    sign_ins = SignIns(session_factory, PEPPER, CHEAP, SignInLimits())
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER, sign_ins=sign_ins))
    with served(web) as address:
        yield Stage(address, numbers, report)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_is_without_barriers_and_complaints(browser: Browser, stage: Stage, width: int, scheme: str) -> None:
    watched = stage.visit(browser, Role.ADMIN, width, scheme)
    found = {}
    pages = ["/", f"/reports/{stage.report}", *(f"/{each.path}" for each in SERVICE), "/account"]
    pages += [pilot_address(PILOT, place) for place in [*PLACES, *(f"pairs/{each}" for each in stage.numbers.values())]]
    for path in pages:
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


def test_a_slider_moves_the_saving_and_the_address(browser: Browser, stage: Stage) -> None:
    watched = stage.visit(browser, Role.VIEWER)
    page = watched.page
    page.goto(stage.of("money"))
    said = page.locator("#answer-1 .said")
    before = said.inner_text()
    slider = page.locator("#answer-1").locator("xpath=..").locator("input[type=range]").first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    expect(said).not_to_have_text(before)
    expect(page.locator("#answer-1 .chart.live[data-drawn=yes]")).to_have_count(1)
    moved = said.inner_text()
    page.reload()
    expect(said).to_have_text(moved)
    assert barriers(page) == []
    assert watched.complaints == []
    watched.context.close()


def test_the_explorer_finds_a_planted_pair_and_shows_both_replies(browser: Browser, stage: Stage) -> None:
    watched = stage.visit(browser, Role.OPERATOR)
    page = watched.page
    page.goto(stage.of("pairs"))
    page.get_by_role("searchbox").fill(NEEDLE)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#pairs > li")).to_have_count(1)
    page.locator("#pairs > li a").first.click()
    assert page.url.startswith(stage.of(f"pairs/{stage.numbers['plain']}"))
    expect(page.locator("ins").first).to_be_visible()
    page.get_by_role("link", name="As written").click()
    main = page.locator("main")
    for text in (SECRET, "It is on its way.", NEEDLE):
        expect(main.get_by_text(text).first).to_be_visible()
    assert watched.complaints == []
    watched.context.close()


def test_a_viewer_and_a_labeller_see_no_text_of_production(browser: Browser, stage: Stage) -> None:
    for role in (Role.VIEWER, Role.LABELLER):
        watched = stage.visit(browser, role)
        for path in [*PLACES, "pairs", f"pairs/{stage.numbers['plain']}"]:
            if path == "label":
                continue  # blind, and of pairs that are drawn
            watched.page.goto(stage.of(path))
            seen = watched.page.content()
            assert SECRET not in seen, (role, path)
            assert NEEDLE not in seen, (role, path)
            if path.startswith("pairs"):
                expect(watched.page.locator("main")).to_contain_text("needs the role operator")
        watched.context.close()


def test_a_decision_against_the_report_needs_a_reason_and_stays(browser: Browser, stage: Stage) -> None:
    watched = stage.visit(browser, Role.OPERATOR)
    page = watched.page
    page.goto(stage.of("decision"))
    page.get_by_label("Candidate").select_option("qwen")
    page.get_by_label("Decision", exact=True).select_option("DONT_MIGRATE")
    page.get_by_label("Your name").fill("Ada Byron")
    page.get_by_label("Your role").fill("Head of Platform")
    page.get_by_role("button", name="Sign under report").click()
    expect(page.get_by_role("alert")).to_contain_text("reason")
    expect(page.get_by_label("Your name")).to_have_value("Ada Byron")
    watched.complaints.clear()  # the browser reports the refusal as well
    page.get_by_label("Reason").fill("Our GPUs are needed elsewhere until spring.")
    page.get_by_label("Holds until the end of").fill(page.get_by_label("Holds until the end of").get_attribute("max") or "")
    page.get_by_role("button", name="Sign under report").click()
    expect(page.get_by_role("heading", name="The record: 1 decision")).to_be_visible()
    expect(page.locator("ol.record")).to_contain_text("Our GPUs are needed elsewhere until spring.")
    assert barriers(page) == []
    page.goto(f"{stage.address}/reports/{stage.report}")
    expect(page.locator("main").get_by_text("Ada Byron").first).to_be_visible()
    assert watched.complaints == []
    watched.context.close()


def test_the_pack_is_downloaded_from_the_list_of_reports(browser: Browser, stage: Stage, tmp_path: Path) -> None:
    watched = stage.visit(browser, Role.VIEWER)
    page = watched.page
    page.goto(stage.of("reports"))
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    file = tmp_path / "report.pdf"
    download.value.save_as(file)
    assert file.read_bytes().startswith(b"%PDF-")
    watched.context.close()
