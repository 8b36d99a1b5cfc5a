"""A page in a real browser with all that it asked for and complained of, for tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "no chromium: apt-get install -y --no-install-recommends chromium"
LOOKS = [(1440, "light"), (380, "light"), (1440, "dark"), (380, "dark")]


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


class Watched:
    """A page with all that it asked for and complained of."""

    def __init__(self, browser: Browser, width: int = 1440, scheme: str = "light") -> None:
        dark = scheme == "dark"
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        # The page that asks to sign in is an answer of 401, which the browser reports as well.
        if message.type in ("error", "warning") and "401" not in message.text:
            self.complaints.append(message.text)

    def sign_in_by_key(self, address: str, key: str) -> None:
        """A cookie as the sign-in form gives it, without opening the form."""
        answer = self.context.request.get(f"{address}/sign-in")
        token = answer.text().split('name="token" value="')[1].split('"')[0]
        form: dict[str, str | bool | float] = {"token": token, "key": key, "next": "/"}
        assert self.context.request.post(f"{address}/sign-in", form=form, max_redirects=0).status == 303

    def draw_all(self) -> None:
        """Scrolls once over the page, so that every chart is drawn; each must be."""
        self.page.evaluate(
            """async () => {
                const charts = [...document.querySelectorAll('.chart.live')].filter(c => c.checkVisibility());
                for (const chart of charts) {
                    chart.scrollIntoView();
                    for (let tries = 0; tries < 200 && !chart.dataset.drawn; tries++) await new Promise(r => setTimeout(r, 25));
                }
                window.scrollTo(0, 0);
            }"""
        )
        drawn = self.page.evaluate(
            "[...document.querySelectorAll('.chart.live')].filter(c => c.checkVisibility()).map(c => c.dataset.drawn)"
        )
        assert all(state == "yes" for state in drawn), drawn


def barriers(page: Page) -> list[tuple[str, str]]:
    """What axe finds, by rule with the element; and a page that is wider than its window."""
    found = Axe().run(page).response["violations"]
    known = [(rule["id"], node["html"][:300]) for rule in found for node in rule["nodes"]]
    if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
        wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)"
            ".slice(0, 3).map(e => e.outerHTML.slice(0, 200))"
        )
        known.append(("wider than its window", str(wide)))
    return known
