"""The page of engineering hours in a real browser: by keyboard and without any script, without barriers."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import insert

from app.dashboard.pages import make_pages_router
from app.domain.hours import HoursEntry
from app.domain.words import Role
from app.store.hours import insert_hours
from app.store.pilots import mark_started
from app.store.session import SessionFactory, session_scope
from app.store.tables import ClosedDayRow
from tests.api import PEPPER, key_for
from tests.builders import a_pilot
from tests.e2e.served import served
from tests.e2e.test_pages import CHROMIUM, LOOKS, Watched, assert_no_barrier

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install -y --no-install-recommends chromium")
PICTURES = os.environ.get("PILOT_TEST_PICTURES")  # a folder, to look at the page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def address(session_factory: SessionFactory) -> Iterator[str]:
    with session_scope(session_factory) as session:
        draft = a_pilot(session, cost={"engineer_usd_per_hour": 90, "other_usd_per_month": 100})
        began = datetime(2026, 10, 26, tzinfo=UTC)
        pilot, first = mark_started(session, draft, starts_at=began, at=began), began.date()
        notes = [
            "vLLM on two H100",
            "pager at night: " + "the server ran out of memory " * 5,
            "",
            "averylongwordwithoutanyspace" * 6,
        ]
        kinds = ("set-up", "on-call", "incident", "evaluation")
        entries = [
            HoursEntry(
                0, ("ada", "Bob Featherstonehaugh")[day % 3 // 2], first + timedelta(days=day), Decimal(f"{1 + day % 5}.25"),
                kinds[day // 2 % 4], day // 2 % 4 in (1, 2), notes[day // 2 % 4],
            )
            for day in range(0, 26, 2)
        ]  # fmt: skip
        insert_hours(session, pilot.id, entries, by="ops")
        days = [{"pilot_id": pilot.id, "day": day, "content_hash": ""} for day in range(1, 25)]
        session.execute(insert(ClosedDayRow), days)
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with served(web) as served_at:
        yield served_at


def picture(page: Page, name: str) -> None:
    if PICTURES is not None:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def a_page_without_scripts(browser: Browser, address: str, key: str) -> Page:
    page = browser.new_context(viewport={"width": 380, "height": 900}, java_script_enabled=False).new_page()
    page.goto(address)
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    return page


def test_hours_are_logged_corrected_and_removed_by_keyboard_without_any_script(
    browser: Browser, address: str, session_factory: SessionFactory
) -> None:
    page = a_page_without_scripts(browser, f"{address}/pilots/support-bot", key_for(Role.LABELLER, session_factory, "ann"))
    page.get_by_role("link", name="Hours", exact=True).press("Enter")
    form = page.get_by_role("form", name="Log hours")
    form.get_by_label("Hours").fill("one")
    form.get_by_label("Kind of work").press("t")
    form.get_by_label("Comes again").press("Space")
    form.get_by_label("Note").fill("<b>rerank</b>")
    form.get_by_role("button", name="Log these hours").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("must be a number above 0")
    assert form.get_by_label("Note").input_value() == "<b>rerank</b>"
    picture(page, "wrong")
    form.get_by_label("Hours").fill("1.5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The hours are stored.")).to_be_visible()
    entry = page.locator("li", has_text="<b>rerank</b>").filter(has_text="ann · tuning · comes again")
    entry.locator("summary").press("Enter")
    entry.get_by_label("Hours").fill("2.75")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The hours are corrected")).to_be_visible()
    expect(entry.locator(".amount")).to_have_text("2.75 h")
    entry.locator("summary").press("Enter")
    picture(page, "open")
    entry.get_by_label("Why").fill("was for another team")
    entry.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_text("The hours are removed")).to_be_visible()
    expect(entry).to_have_count(0)
    page.context.close()


def test_the_page_of_hours_is_without_barriers(browser: Browser, address: str, session_factory: SessionFactory) -> None:
    watched = Watched(browser)
    page = watched.page
    watched.sign_in(address, key_for(Role.OPERATOR, session_factory, "ops"))
    page.goto(f"{address}/pilots/support-bot/hours")
    expect(page.get_by_text("95% sure: 8.6 to 63.6 h, from 4 weeks and 6 entries; $2,110 a month")).to_be_visible()
    expect(page.get_by_role("rowheader", name="4, from 16 Nov 2026")).to_be_visible()
    page.locator("main summary").first.click()
    for width, scheme in (LOOKS[0], LOOKS[-1]):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert_no_barrier(page)
        picture(page, f"{width}-{scheme}")
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("History of an entry")
    assert_no_barrier(page)
    picture(page, "history")
    assert watched.complaints == []
    assert all(url.startswith(address) or url.startswith("data:") for url in watched.requests)
    watched.context.close()
