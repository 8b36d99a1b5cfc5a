"""The pages in a real browser: signing in, reading a report; nothing is loaded from elsewhere, and axe finds no barrier."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.pipeline.access import create_key
from app.reports.html import render_html
from app.store.reports import insert_report
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.e2e.served import served
from tests.unit.reports.examples import MADE_AT, SCORECARDS, a_document

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install -y --no-install-recommends chromium")
PEPPER = "pepper-of-the-pages"
LOOKS = [(1440, "light"), (380, "light"), (1440, "dark"), (380, "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every example's report, each drawn once for all looks."""
    folder = tmp_path_factory.mktemp("reports")
    for example in SCORECARDS:
        (folder / f"{example}.html").write_text(render_html(a_document(example)))
    return sorted(folder.iterdir())


@pytest.fixture
def address(session_factory: SessionFactory) -> Iterator[str]:
    """A real server with the pages alone."""
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with served(web) as address:
        yield address


@pytest.fixture
def key(session_factory: SessionFactory) -> str:
    with session_scope(session_factory) as session:
        return create_key(session, "ops", Role.OPERATOR, PEPPER)


@pytest.fixture
def report(session_factory: SessionFactory) -> int:
    """A pilot with one stored report."""
    document = a_document("two_candidates")
    with session_scope(session_factory) as session:
        pilot = a_pilot(session)
        content = document.model_dump(mode="json")
        return insert_report(session, pilot.id, made_at=MADE_AT, data_hash=document.data_hash, document=content)


class Watched:
    """A page with all that it asked for and complained of."""

    def __init__(self, browser: Browser, width: int = 1440, scheme: str = "light") -> None:
        dark = scheme == "dark"
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", java_script_enabled=True
        )
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._said)

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        # The page that asks to sign in is an answer of 401, which the browser reports as well.
        if message.type in ("error", "warning") and "401" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self, address: str, key: str) -> None:
        self.page.goto(f"{address}/")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Pilots")


def assert_no_barrier(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_person_signs_in_reads_the_verdict_and_signs_out(
    browser: Browser, address: str, key: str, report: int, width: int, scheme: str
) -> None:
    watched = Watched(browser, width, scheme)
    page = watched.page
    page.goto(f"{address}/")
    assert_no_barrier(page)
    watched.sign_in(address, key)
    expect(page.get_by_text("qwen: Move these kinds of work, keep the rest")).to_be_visible()
    expect(page.get_by_text("3,140 of 3,581 requests compared (87.7%), up to day 28 of 35")).to_be_visible()
    assert_no_barrier(page)
    page.get_by_role("link", name="support-bot", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("support-bot")
    assert_no_barrier(page)
    page.get_by_role("link", name="Read the whole report").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("support-bot: can qwen or llama-70b replace gpt-5.1?")
    assert_no_barrier(page)
    page.get_by_role("link", name="All reports of support-bot").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert all(url.startswith(address) or url.startswith("data:") for url in watched.requests)
    assert watched.complaints == []
    assert key not in "".join(watched.requests)
    watched.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_report_is_without_barriers_as_a_file(
    browser: Browser, report_files: list[Path], width: int, scheme: str
) -> None:
    watched = Watched(browser, width, scheme)
    assert len(report_files) == len(SCORECARDS)
    for file in report_files:
        watched.page.goto(file.as_uri())
        assert_no_barrier(watched.page)
        shown = watched.page.evaluate(
            "[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width > 0).length"
        )
        assert shown * 2 == watched.page.locator("svg").count()
    assert all(url.startswith(("file:", "data:")) for url in watched.requests)
    assert watched.complaints == []
    watched.context.close()


def test_an_operator_makes_a_report_with_one_click(
    browser: Browser, address: str, key: str, session_factory: SessionFactory
) -> None:
    with session_scope(session_factory) as session:
        a_pilot(session)
    watched = Watched(browser)
    watched.sign_in(address, key)
    page = watched.page
    expect(page.get_by_text("No report yet.")).to_be_visible()
    page.get_by_role("button", name="Make a report on support-bot now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("support-bot: can qwen replace gpt-5.1?")
    expect(page.get_by_text("Not enough evidence yet").first).to_be_visible()
    assert_no_barrier(page)
    assert watched.complaints == []
    watched.context.close()


def test_a_cookie_is_hidden_from_scripts_and_is_not_the_key(browser: Browser, address: str, key: str, report: int) -> None:
    watched = Watched(browser)
    watched.sign_in(address, key)
    cookie = next(c for c in watched.context.cookies() if c["name"].startswith("pilot_session_"))
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert key not in cookie["value"]
    assert watched.page.evaluate("document.cookie") == ""
    watched.context.close()
