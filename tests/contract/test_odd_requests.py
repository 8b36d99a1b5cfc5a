"""A slice of `./run bench fuzz-api`: odd values at every operation and page get an answer that is described, never a fault."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from app.api.application import make_api
from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import PEPPER, bearer, key_for, services_for
from tests.contract.authorization import api_routes
from tests.fuzzing.oddities import Caller, Tried
from tests.fuzzing.pages import ODD, ask_pages
from tests.integration.labelling import NAME, a_labelled_pilot, a_line

SEED = 20261121
# A plan is simulated for seconds; `./run bench fuzz-api` asks it.
PLAN = "POST /api/v1/plan"
DEEP = b'{"a":' * 900 + b"1" + b"}" * 900
BODIES = (b"\xff{", DEEP, b"[]", b'"\\ud800"', b"null", b'{"name": "a\\u0000b"}', b"9" * 5000)


@pytest.fixture
def web(session_factory: SessionFactory, tmp_path: Path) -> Iterator[tuple[FastAPI, Caller]]:
    with a_labelled_pilot(session_factory, tmp_path, a_line(1)):
        services = services_for(session_factory, tmp_path)
        made = make_api(services)
        made.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
        yield made, Caller("admin", bearer(key_for(Role.ADMIN, session_factory, "odd")), {})


def address_of(path: str, random: Random) -> str:
    """An operation's address with the pilot's name, or with something odd in each place."""
    filled = [_filled(part, random) for part in path.split("/")]
    return "/".join(filled)


def _filled(part: str, random: Random) -> str:
    if part[:1] != "{":
        return part
    if part == "{name}" and random.random() < 0.5:
        return NAME
    return quote(random.choice(ODD) or "x", safe="", errors="surrogatepass")


def wrong_answers(web: FastAPI, caller: Caller) -> Iterator[str]:
    """Answers with a status that their operation does not describe, or that are a fault."""
    random, described = Random(SEED), web.openapi()
    with TestClient(web, raise_server_exceptions=False) as client:
        for route in api_routes(described):
            if route.name == PLAN:
                continue
            path, _, query = route.path.partition("?")
            documented: dict[str, Any] = described["paths"][path][route.method.lower()]["responses"]
            for number in range(3):
                address = f"{address_of(path, random)}{'?' if query else ''}{query}"
                body = random.choice(BODIES) if route.body and number else None
                headers = caller.headers | {"Content-Type": route.body[0] if route.body else "text/plain"}
                status = client.request(route.method, address, headers=headers, content=body).status_code
                is_away = status == 503 and "/health/" in path  # there is no Redis
                # A name with a slash in it is another address: there is nothing, or another method.
                if not is_away and (status >= 500 or str(status) not in {*documented, "404", "405"}):
                    yield f"{route.method} {address[:100]} {body and body[:40]!r}: {status}"


def test_odd_values_at_every_operation_and_page_get_a_described_answer(web: tuple[FastAPI, Caller]) -> None:
    tried = Tried()
    with capture_logs():  # drawing a traceback for a terminal takes seconds
        assert list(wrong_answers(*web)) == []
        ask_pages(web[0], [web[1]], tried, requests=160, seed=SEED)
    assert tried.server_errors == {}
    assert len(tried.statuses) > 3
