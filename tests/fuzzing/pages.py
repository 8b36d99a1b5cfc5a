"""Every page and form with odd paths, queries and fields: a page says what is wrong, it never breaks."""

import re
from random import Random
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from starlette.testclient import TestClient

from app.dashboard.page_roles import ANYBODY, ROLES
from tests.fuzzing.oddities import SERVER_ERROR, Caller, Tried
from tests.fuzzing.seeds import words

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


def plain(text: str) -> list[str]:
    """The words of a text."""
    return [word.decode() for word in words(text)]


ODD = (
    "", "a\0b", "\ud800", "é\u202e", "9" * 5000, "9" * 19, str(2**31), str(2**63), "x" * 3000, "\n", "' OR 1=1 --",
    "2026-11-02T10:00:00+00:00~5~2", "0.5~1~1",
    *plain(
        """0 1 2 -1 x support-bot % %00 ../.. 1e999 NaN inf -0 None null [] {} <script> 2026-11-02 9999-12-31 0001-01-01 html
        json zip xlsx yes start qwen admin viewer made uncertain first on_demand weekly MIGRATE 1.5 other newest worst random"""
    ),
)  # fmt: skip
FIELDS = plain(
    """said after report format part queue candidate on of as text in outcome sort segment turn day seed actor action pilot
    since until before from to name role password kind reason hours worked_on who note is_recurring answer pair skip critical
    days token next key chosen again present rate requests gpu_usd gpus utilisation discount months conversation"""
)


def ask_pages(web: FastAPI, callers: list[Caller], tried: Tried, *, requests: int, seed: int) -> None:
    """So many requests to pages and forms, each to another one, by one caller after the other."""
    random = Random(f"pages {seed}")
    addresses = sorted(set(ROLES) | ANYBODY)
    with TestClient(web, follow_redirects=False, raise_server_exceptions=False) as client:
        for number in range(requests):
            _one(client, addresses[number % len(addresses)], callers[number // len(addresses) % len(callers)], tried, random)


def _one(client: TestClient, address: str, caller: Caller, tried: Tried, random: Random) -> None:
    method, _, path = address.partition(" ")
    target = _PARAMETER.sub(lambda found: _value(found, random), path)
    query = urlencode(_fields(random), errors="surrogatepass") if random.random() < 0.8 else ""
    form = urlencode(_fields(random), errors="surrogatepass") if method == "POST" else None
    client.cookies.clear()
    headers = caller.headers | ({"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {})
    answer = client.request(method, f"{target}?{query}" if query else target, headers=headers, content=form)
    tried.calls += 1
    tried.statuses[answer.status_code] += 1
    if answer.status_code >= SERVER_ERROR:
        words = f"{caller.name}: {target[:200]}?{query[:300]} {(form or '')[:300]} -> {answer.text[:200]}"
        tried.note(tried.server_errors, f"{address} {answer.status_code}", words)


def _value(found: "re.Match[str]", random: Random) -> str:
    name, kind = found[1], found[2]
    if kind == "int":
        return random.choice(("1", "2", "0", "9" * 18, "9" * 19, str(2**31), str(2**63), "9" * 5000))
    if name == "name" and random.random() < 0.6:
        return "support-bot"
    return quote(random.choice(ODD), safe="", errors="surrogatepass") or "x"


def _fields(random: Random) -> list[tuple[str, str]]:
    return [(random.choice(FIELDS), random.choice(ODD)) for _ in range(random.randrange(5))]
