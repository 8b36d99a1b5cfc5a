"""The labelling page without a browser: who gets in, what forms need, strict headers, what it says when there is nothing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.integration.labelling import NAME, a_labelled_pilot, a_line, judged, made
from tests.integration.test_reports_pages import sign_in, token_in

PAGE = f"/pilots/{NAME}/label"


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with TestClient(web, follow_redirects=False) as made_:
        yield made_


def pair_in(html: str) -> str:
    found = re.search(r'name="pair" value="([\w-]+)"', html)
    assert found is not None
    return found[1]


def test_a_form_of_another_site_stores_nothing(session_factory: SessionFactory, tmp_path: Path, client: TestClient) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        assert client.get(PAGE).status_code == 401
        sign_in(client, key_for(Role.LABELLER, session_factory, "ann"))
        shown = client.get(PAGE)
        form = {"pair": pair_in(shown.text), "answer": "tie", "queue": "drawn"}
        assert client.post(PAGE, data=form).status_code == 403
        assert client.post(f"{PAGE}/undo", data={}).status_code == 403
        assert made(api) == []
        stored = client.post(PAGE, data=form | {"token": token_in(shown.text)})
        assert (stored.status_code, stored.headers["location"]) == (303, f"{PAGE}?said=stored")
        assert [label["rater"] for label in made(api)] == ["ann"]


def test_whose_texts_were_shown_to_be_labelled_is_in_the_audit_log(
    session_factory: SessionFactory, tmp_path: Path, client: TestClient
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), labels="[content]\naudit_reads = true") as api:
        ann = bearer(key_for(Role.LABELLER, session_factory, "ann"))
        assert 'name="pair"' in client.get(PAGE, headers=ann).text
        assert api.get(f"/api/v1/pilots/{NAME}/labels/next", headers=ann).json()["token"]
        assert api.get(f"/api/v1/pilots/{NAME}/labels/export", params={"queue": "drawn"}, headers=ann).text.count("e-0.1") == 0
    query = text("SELECT facts FROM audit_log WHERE action = 'pair.read' AND actor = 'ann' ORDER BY id")
    with session_factory() as session:
        seen = list(session.scalars(query))
    assert seen == [{"page": page, "exchanges": ["e-0.1"]} for page in ("label", "label", "labels export")]


def test_a_viewer_does_not_label(session_factory: SessionFactory, tmp_path: Path, client: TestClient) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)):
        viewer = bearer(key_for(Role.VIEWER, session_factory))
        assert client.get(PAGE, headers=viewer).status_code == 403
        assert "Label pairs" not in client.get(f"/pilots/{NAME}", headers=viewer).text
        labeller = bearer(key_for(Role.LABELLER, session_factory))
        assert "Label pairs" in client.get(f"/pilots/{NAME}", headers=labeller).text


def test_the_page_runs_our_script_alone_and_shows_texts_as_they_are(
    session_factory: SessionFactory, tmp_path: Path, client: TestClient
) -> None:
    request = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "<script>alert(1)</script>"}]}
    with a_labelled_pilot(session_factory, tmp_path, a_line(0, request=request, preferences=judged(1.0, 1.0))):
        shown = client.get(PAGE, headers=bearer(key_for(Role.LABELLER, session_factory)))
    policy = shown.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert(1)" in shown.text
    for word in ("qwen", "gpt-5.1", "candidate", "incumbent"):
        assert word not in re.sub(r"the (incumbent|candidate)&#39;s words on", "", shown.text).casefold(), word
    for address, kind in re.findall(r'(?:href|src)="(/static/label\.(\w+)\?v=\w+)"', shown.text):
        assert kind in client.get(address).headers["content-type"].replace("javascript", "js")


@pytest.mark.parametrize(
    ("labels", "stop", "says"),
    [
        ("per_day = 100", False, "those of all closed days have an answer"),
        ("per_day = 0", False, "No pair of a closed day is drawn yet"),
        ("per_day = 100", True, "The pilot is stopped"),
    ],
)
def test_where_there_is_nothing_it_says_why(
    session_factory: SessionFactory, tmp_path: Path, client: TestClient, labels: str, stop: bool, says: str
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), labels=labels) as api:
        ann = bearer(key_for(Role.LABELLER, session_factory))
        first = client.get(PAGE, headers=ann).text
        if stop:
            api.post(f"/api/v1/pilots/{NAME}/stop")
        elif 'name="pair"' in first:
            client.post(PAGE, data={"pair": pair_in(first), "answer": "first"}, headers=ann)
        assert says in client.get(PAGE, headers=ann).text


def test_texts_that_are_not_kept_are_said_plainly(session_factory: SessionFactory, tmp_path: Path, client: TestClient) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)):
        with session_scope(session_factory) as session:
            session.execute(text("DELETE FROM payloads"))
        shown = client.get(PAGE, headers=bearer(key_for(Role.LABELLER, session_factory))).text
    assert "1 pair cannot be shown: its text is not kept" in shown
    assert 'name="pair"' not in shown


def test_an_answer_that_is_none_is_refused_in_words(
    session_factory: SessionFactory, tmp_path: Path, client: TestClient
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        ann = bearer(key_for(Role.LABELLER, session_factory))
        pair = pair_in(client.get(PAGE, headers=ann).text)
        for form, says in (
            ({"pair": pair}, "choose an answer"),
            ({"pair": "x", "answer": "tie"}, "the token is none of this service"),
            ({"pair": pair, "skip": ""}, "choose an answer"),
        ):
            answer = client.post(PAGE, data=form, headers=ann)
            assert (answer.status_code, says in answer.text) == (422, True), form
        assert made(api) == []
