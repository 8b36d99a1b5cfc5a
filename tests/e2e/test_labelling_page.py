"""The labelling page in a real browser: by keys and without any script, both orders, without barriers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import PEPPER, key_for
from tests.e2e.served import served
from tests.e2e.test_pages import CHROMIUM, LOOKS, Watched, assert_no_barrier
from tests.integration.labelling import CANDIDATE, a_labelled_pilot, a_line, judged, made

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install -y --no-install-recommends chromium")
PAIRS = 8
HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    """A running pilot with pairs to label."""
    request = {"model": "gpt-5.1", "messages": [{"role": "system", "content": HOSTILE}, {"role": "user", "content": "Hi"}]}
    lines = [a_line(number, day=number % 2, request=request, preferences=judged(1.0, 0.0)) for number in range(PAIRS)]
    with a_labelled_pilot(session_factory, tmp_path, *lines) as api:
        yield api


@pytest.fixture
def address(session_factory: SessionFactory) -> Iterator[str]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with served(web) as address:
        yield f"{address}/pilots/support-bot/label"


def sign_in(page: Page, address: str, key: str) -> None:
    page.goto(address)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which reply is better?")


def first_is_the_candidates(page: Page) -> bool:
    return (page.get_by_role("region", name="First reply").inner_text()).startswith(CANDIDATE)


def number_of(page: Page) -> str:
    return page.get_by_role("region", name="First reply").inner_text().rpartition(" ")[2]


def test_a_person_labels_by_keys_and_each_answer_is_the_candidates(
    browser: Browser, api: TestClient, address: str, session_factory: SessionFactory
) -> None:
    watched = Watched(browser)
    page = watched.page
    sign_in(page, address, key_for(Role.LABELLER, session_factory, "ann"))
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert_no_barrier(page)
    expected: dict[str, Any] = {}
    for turn in range(PAIRS - 1):
        expect(page.locator("#progress")).to_contain_text(f"answered by you {turn} · open {PAIRS - turn}")
        is_first, number = first_is_the_candidates(page), number_of(page)
        page.keyboard.press("c")  # marks the first
        page.keyboard.press("1" if turn % 2 else "2")
        expected[f"e-{number}"] = (float((turn % 2 == 1) == is_first), is_first)
    expect(page.locator("#progress")).to_contain_text("open 1")
    assert {one["exchange_id"]: (one["value"], one["critical"]) for one in made(api)} == expected
    assert {is_first for _, is_first in expected.values()} == {True, False}
    assert_keys_take_back_skip_and_turn_off(page, api, last=list(expected)[-1])
    assert page.title() == "Label pairs of support-bot · Parallel Pilot"
    assert watched.complaints == []
    watched.context.close()


def assert_keys_take_back_skip_and_turn_off(page: Page, api: TestClient, last: str) -> None:
    page.keyboard.press("u")
    expect(page.get_by_text("Your last answer is taken back.")).to_be_visible()
    assert f"e-{number_of(page)}" == last
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your answer is stored.")).to_be_visible()
    assert [one["skipped"] for one in made(api) if "skipped" in one] == ["cannot tell"]
    page.get_by_role("button", name="Keys are on").click()
    page.keyboard.press("t")
    expect(page.locator("#progress")).to_contain_text("open 1")
    assert len(made(api)) == PAIRS - 1


def test_the_page_is_whole_without_any_script(
    browser: Browser, api: TestClient, address: str, session_factory: SessionFactory
) -> None:
    context = browser.new_context(viewport={"width": 380, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address, key_for(Role.LABELLER, session_factory, "bob"))
    is_first = first_is_the_candidates(page)
    page.get_by_label("Second: Critical").check()
    page.get_by_role("button", name="Both bad").click()
    expect(page.get_by_text("Your answer is stored.")).to_be_visible()
    (label,) = made(api)
    assert (label["value"], label["reason"], label["critical"]) == (0.5, "both_bad", not is_first)
    page.get_by_role("button", name="Take my last answer back").click()
    expect(page.get_by_text("Your last answer is taken back.")).to_be_visible()
    page.get_by_text("Skip, because").click()
    page.get_by_role("button", name="I lack the knowledge").click()
    expect(page.get_by_text("Your answer is stored.")).to_be_visible()
    assert [one["skipped"] for one in made(api)] == ["no expertise"]
    page.get_by_role("link", name="uncertain pairs").click()
    expect(page.get_by_text("There is no uncertain pair left for you.")).to_be_visible()
    context.close()
