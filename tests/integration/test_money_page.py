"""The page of money and its what-if without a browser: the story, the live part, addresses that keep values."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.unit.reports.examples import two_candidates

PAGE = "/pilots/support-bot/money"


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    card = two_candidates()
    with session_scope(session_factory) as session:
        pilot = a_pilot(session)
        keep_scorecard(session, pilot.id, as_of=card.as_of, data_hash="", content=card.model_dump_json(by_alias=True))
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with TestClient(web, headers=bearer(key_for(Role.VIEWER, session_factory))) as made:
        yield made


def test_the_page_tells_the_month_and_answers_what_if(client: TestClient) -> None:
    page = client.get(PAGE).text
    for said in (
        "As measured, moving everything to qwen saves $5,282 a month",
        "$9,412.31",
        "-$2,190.00",
        "$5,282.31",
        "Nothing can be moved while the saving is unknown",  # of the second candidate
        'name="gpu_price"',
    ):
        assert said in page, said
    assert "style=" not in page


def test_the_live_part_says_the_same_as_the_page_at_that_address(client: TestClient) -> None:
    query = "candidate=qwen&volume=642000&gpu_price=6&hours=0"
    live = client.get(f"{PAGE}/what-if?{query}", headers={"HX-Request": "true"})
    assert (live.status_code, "<html" in live.text) == (200, False)
    # 4,706.155 of tokens against 4,380 of GPUs, no upkeep, 500 of other cost.
    assert "As set, moving everything to qwen costs $174 more a month" in live.text
    assert live.headers["HX-Replace-Url"] == f"{PAGE}?{query}"
    page = client.get(live.headers["HX-Replace-Url"]).text
    assert "costs $174 more a month" in page
    assert 'value="642000"' in page
    assert client.get(f"{PAGE}/what-if?candidate=qwen").headers["HX-Replace-Url"] == PAGE


def test_what_cannot_be_asked_is_a_clear_error(client: TestClient) -> None:
    for address in (f"{PAGE}?candidate=qwen&hours=1000", f"{PAGE}/what-if?candidate=qwen&hours=1000"):
        answer = client.get(address)
        assert answer.status_code == 422
        assert "must be a number from 0.0 to 160.0 (hours a month), not &#39;1000&#39;" in answer.text
        assert "HX-Replace-Url" not in answer.headers
    missing = client.get(f"{PAGE}?candidate=gpt")
    assert (missing.status_code, "there are: qwen, llama-70b" in missing.text) == (404, True)
    assert client.get(f"{PAGE}/what-if?candidate=llama-70b&hours=3").status_code == 200
    assert client.get("/pilots/nobody/money").status_code == 404
