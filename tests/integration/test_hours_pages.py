"""The page of hours without a browser: who may do what, what forms need, strict headers, what two people do at once."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.dashboard.hours import PER_PAGE
from app.dashboard.pages import make_pages_router
from app.domain.words import Role
from app.pipeline.hours import log_hours
from app.store.hours import list_hours
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, bearer, key_for
from tests.builders import a_pilot
from tests.integration.test_reports_pages import sign_in, token_in

PAGE = "/pilots/support-bot/hours"
FORM = {"who": "ada", "worked_on": "2026-11-02", "hours": "3.5", "kind": "tuning", "note": "<b>x</b>"}


@pytest.fixture
def client(session_factory: SessionFactory) -> Iterator[TestClient]:
    with session_scope(session_factory) as session:
        a_pilot(session)
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER))
    with TestClient(web, follow_redirects=False) as made:
        yield made


def stored(session_factory: SessionFactory) -> list[tuple[int, str, str, bool]]:
    with session_scope(session_factory) as session:
        entries = list_hours(session, get_pilot(session, "support-bot").id)
    return [(entry.id, str(entry.hours), entry.kind, entry.is_recurring) for entry in entries]


def test_only_a_form_of_ours_from_one_who_may_changes_anything(session_factory: SessionFactory, client: TestClient) -> None:
    assert client.get(PAGE).status_code == 401
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    shown = client.get(PAGE, headers=viewer)
    assert (shown.status_code, "Log these hours" in shown.text) == (200, False)
    assert client.post(PAGE, data=FORM, headers=viewer).status_code == 403
    sign_in(client, key_for(Role.LABELLER, session_factory, "ann"))
    assert client.post(PAGE, data=FORM).status_code == 403
    assert stored(session_factory) == []
    token = token_in(client.get(PAGE).text)
    assert client.post(PAGE, data=FORM | {"token": token}).headers["location"] == f"{PAGE}?said=logged"
    ((number, *_),) = stored(session_factory)
    for action in ("correct", "remove"):
        assert client.post(f"{PAGE}/{number}/{action}", data=FORM).status_code == 403
    assert stored(session_factory) == [(number, "3.50", "tuning", False)]
    with session_scope(session_factory) as session:
        others = log_hours(session, "support-bot", FORM, "ops").id
    assert client.post(f"{PAGE}/{others}/remove", data={"token": token}).status_code == 403
    text = client.get(PAGE).text
    assert (f"{PAGE}/{number}/correct" in text, f"{PAGE}/{others}/correct" in text) == (True, False)


def test_what_is_wrong_is_said_beside_what_was_typed_and_the_faster_one_wins(
    session_factory: SessionFactory, client: TestClient
) -> None:
    ops = bearer(key_for(Role.OPERATOR, session_factory))
    wrong = client.post(PAGE, data=FORM | {"hours": "x"}, headers=ops)
    assert (wrong.status_code, "must be a number above 0" in wrong.text) == (422, True)
    assert ">&lt;b&gt;x&lt;/b&gt;</textarea>" in wrong.text
    assert "<b>" not in wrong.text
    policy = wrong.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    client.post(PAGE, data=FORM, headers=ops)
    ((first, *_),) = stored(session_factory)
    assert "nothing is changed" in client.post(f"{PAGE}/{first}/correct", data=FORM, headers=ops).text
    again = client.post(f"{PAGE}/{first}/correct", data=FORM | {"recurring": "true", "reason": "twice a week"}, headers=ops)
    assert again.headers["location"] == f"{PAGE}?said=corrected"
    late = client.post(f"{PAGE}/{first}/remove", data={"reason": "late"}, headers=ops)
    assert (late.status_code, "was corrected already" in late.text) == (409, True)
    ((second, *rest),) = stored(session_factory)
    assert rest == ["3.50", "tuning", True]
    history = client.get(f"{PAGE}/{second}", headers=ops).text
    assert "in its place: twice a week" in history
    assert client.post(f"{PAGE}/{second}/remove", headers=ops).headers["location"] == f"{PAGE}?said=removed"
    assert "No hours are logged" in client.get(PAGE, headers=ops).text
    assert client.get(f"{PAGE}/99999", headers=ops).status_code == 404
    assert "text/css" in client.get("/static/hours.css").headers["content-type"]


def test_a_row_is_corrected_and_removed_in_place(session_factory: SessionFactory, client: TestClient) -> None:
    ops = bearer(key_for(Role.OPERATOR, session_factory)) | {"HX-Request": "true"}
    with session_scope(session_factory) as session:
        number = log_hours(session, "support-bot", FORM, "ops").id
    wrong = client.post(f"{PAGE}/{number}/correct", data=FORM | {"hours": "x"}, headers=ops)
    assert (wrong.status_code, "<html" in wrong.text, "hx-swap-oob" in wrong.text) == (422, False, False)
    assert "must be a number above 0" in wrong.text
    assert "<details open>" in wrong.text
    right = client.post(f"{PAGE}/{number}/correct", data=FORM | {"hours": "4"}, headers=ops)
    ((new, *_),) = stored(session_factory)
    assert (right.status_code, f'id="entry-{new}"' in right.text, "4.00 h" in right.text) == (200, True, True)
    for part in ("hours-said", "hours-facts", "hours-count", "hours-sums"):
        assert f'id="{part}" hx-swap-oob="true"' in right.text
    late = client.post(f"{PAGE}/{number}/remove", data={}, headers=ops)
    assert (late.status_code, "was corrected already" in late.text) == (409, True)
    gone = client.post(f"{PAGE}/{new}/remove", data={}, headers=ops)
    assert (gone.status_code, "<li" in gone.text, "The hours are removed" in gone.text) == (200, False, True)
    assert stored(session_factory) == []


def test_many_entries_are_shown_in_parts(session_factory: SessionFactory, client: TestClient) -> None:
    with session_scope(session_factory) as session:
        for number in range(PER_PAGE + 1):
            log_hours(session, "support-bot", FORM | {"note": f"number {number:03}"}, "ops")
    ops = bearer(key_for(Role.OPERATOR, session_factory))
    first, second = client.get(PAGE, headers=ops).text, client.get(f"{PAGE}?after=1", headers=ops).text
    assert ("number 000" in first, "number 050" in first, "number 000" in second) == (False, True, True)
    assert "page 2 of 2" in second
    for after in ("-3", "99999999999"):
        assert client.get(PAGE, params={"after": after}, headers=ops).status_code == 200
