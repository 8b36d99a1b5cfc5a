"""The page of settings: what it shows to whom, and steps that ask before they are taken."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.testclient import TestClient

from app.dashboard.pages import make_pages_router
from app.dashboard.settings_steps import STEPS
from app.domain.pilot import Pilot
from app.domain.words import PilotState, Role
from app.jobs import Job
from app.pipeline.configuration_changes import change_configuration
from app.pipeline.pilots import create_pilot, start_pilot
from app.store.audit import list_actions
from app.store.pilots import get_pilot
from app.store.scorecards import keep_scorecard
from app.store.session import SessionFactory, session_scope
from tests.api import PEPPER, Published, bearer, key_for
from tests.unit.reports.examples import SCORECARDS

NAME = "support-bot"
TOML = """\
[pilot]
name = "support-bot"
starts = 2026-11-02
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://127.0.0.1:9/v1"
model = "Qwen/Qwen3.5"
license = "Apache-2.0"
api_key_env = "QWEN_KEY"
[latency]
total_p95_seconds = 3.0
[mirror]
budget_usd = 100
[notify]
webhook_url = "https://hooks.example.com/services/T000/secret-path"
"""


@pytest.fixture
def sent() -> Published:
    return Published()


@pytest.fixture
def client(session_factory: SessionFactory, sent: Published) -> Iterator[TestClient]:
    web = FastAPI()
    web.include_router(make_pages_router(session_factory=session_factory, pepper=PEPPER, publish=sent))
    with session_scope(session_factory) as session:
        create_pilot(session, TOML, "ops", datetime(2026, 11, 1, tzinfo=UTC))
    with TestClient(web, follow_redirects=False) as made:
        yield made


def pilot_of(factory: SessionFactory) -> Pilot:
    with session_scope(factory) as session:
        return get_pilot(session, NAME)


def started(factory: SessionFactory) -> None:
    with session_scope(factory) as session:
        start_pilot(session, NAME, "ops", datetime(2026, 11, 2, tzinfo=UTC))


def test_it_shows_every_table_and_never_a_secret(client: TestClient, session_factory: SessionFactory) -> None:
    viewer, operator = (bearer(key_for(role, session_factory)) for role in (Role.VIEWER, Role.OPERATOR))
    seen = client.get(f"/pilots/{NAME}/settings", headers=viewer).text
    for says in (
        "Whole answer, 95 of 100", ">3 s<", "latency.total_p95_seconds", "QWEN_KEY", "$100", "Full: requests and replies",
        "Nothing is registered yet", "15 drawn pairs a day", "https://hooks.example.com/…",
    ):  # fmt: skip
        assert says in seen, says
    assert "as it was given" not in seen
    assert "settings/start" not in seen
    own = client.get(f"/pilots/{NAME}/settings", headers=operator).text
    assert "[incumbent]" in own
    assert f"/pilots/{NAME}/settings/start" in own
    assert "secret-path" not in seen + own


def test_what_changed_after_the_registration_is_listed(client: TestClient, session_factory: SessionFactory) -> None:
    started(session_factory)
    other = TOML.replace("3.0", "4.0").replace("secret-path", "another-path")
    with session_scope(session_factory) as session:
        change_configuration(session, NAME, other, "grace", datetime(2026, 11, 5, tzinfo=UTC))
    seen = client.get(f"/pilots/{NAME}/settings", headers=bearer(key_for(Role.OPERATOR, session_factory))).text
    assert re.search(r"fingerprint \(SHA-256\) is [0-9a-f]{64}", seen)
    row = seen[seen.index("grace") : seen.index("latency limit")]
    assert ">3.0<" in row
    assert ">4.0<" in row
    assert "another-path" not in seen
    assert "secret-path" not in seen


def test_each_step_says_what_happens_before_it_is_taken(client: TestClient, session_factory: SessionFactory) -> None:
    operator, viewer = (bearer(key_for(role, session_factory)) for role in (Role.OPERATOR, Role.LABELLER))
    for slug, step in STEPS.items():
        page = client.get(f"/pilots/{NAME}/settings/{slug}", headers=operator)
        is_open = not step.why_not(pilot_of(session_factory))
        assert page.status_code == 200
        assert (f'action="/pilots/{NAME}/settings/{slug}"' in page.text) is is_open
        assert (step.consequences[0].replace("'", "&#39;") in page.text) is is_open
        for answer in (client.get(page.request.url.path, headers=viewer), client.post(page.request.url.path, headers=viewer)):
            assert (answer.status_code, "needs the role operator" in answer.text) == (403, True)
    assert client.get(f"/pilots/{NAME}/settings/delete", headers=operator).status_code == 404


def test_steps_are_taken_as_by_the_api_and_audited(
    client: TestClient, session_factory: SessionFactory, sent: Published
) -> None:
    operator = bearer(key_for(Role.OPERATOR, session_factory))

    def take(slug: str, **form: str) -> Any:
        return client.post(f"/pilots/{NAME}/settings/{slug}", data=form, headers=operator)

    assert take("compute").status_code == 409
    assert take("start").headers["location"] == f"/pilots/{NAME}/settings?said=start"
    assert "The pilot runs" in client.get(f"/pilots/{NAME}/settings?said=start", headers=operator).text
    assert take("start").status_code == 409
    for days in ("0", "15", "x", ""):
        assert take("extend", days=days).status_code == 422
    answers = [take("extend", days="7"), take("mirror-off"), take("default"), take("compute"), take("stop")]
    assert [answer.status_code for answer in answers] == [303] * 5
    pilot = pilot_of(session_factory)
    assert (pilot.state, pilot.extended_days, pilot.mirror_on, pilot.is_default) == (PilotState.STOPPED, 7, False, True)
    assert take("extend", days="7").status_code == 409
    assert sent == [(Job.SCORECARD, [NAME])]
    with session_scope(session_factory) as session:
        done = [action for _, action in list_actions(session, pilot.id)]
    assert done[1:] == ["pilot.start", "pilot.extend", "pilot.mirror", "pilot.default", "pilot.compute", "pilot.stop"]


def test_a_form_without_its_token_takes_no_step(client: TestClient, session_factory: SessionFactory) -> None:
    key = key_for(Role.OPERATOR, session_factory)
    token = re.search(r'name="token" value="([0-9a-f]{64})"', client.get("/sign-in").text)
    assert token is not None
    assert client.post("/sign-in", data={"token": token[1], "key": key}).status_code == 303
    for form in ({}, {"token": "0" * 64}):
        assert client.post(f"/pilots/{NAME}/settings/start", data=form).status_code == 403
    assert pilot_of(session_factory).state is PilotState.DRAFT
    own = re.search(r'name="token" value="([0-9a-f]{64})"', client.get(f"/pilots/{NAME}/settings/mirror-off").text)
    assert own is not None
    assert client.post(f"/pilots/{NAME}/settings/mirror-off", data={"token": own[1]}).status_code == 303
    assert not pilot_of(session_factory).mirror_on


def test_pages_of_figures_never_compute_them(client: TestClient, session_factory: SessionFactory) -> None:
    """Whoever opens a page reads what is stored: no evidence is read, whether or not there are figures."""
    started(session_factory)
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    asked: list[str] = []
    with session_factory() as session:
        engine = session.get_bind()
    note = lambda *given: asked.append(given[2])  # noqa: E731 - one line says it
    event.listen(engine, "before_cursor_execute", note)
    for is_stored in (False, True):
        for place in ("latency", "latency?time=tpot_seconds", "capacity", "settings"):
            answer = client.get(f"/pilots/{NAME}/{place}", headers=viewer)
            assert answer.status_code == 200, (place, answer.text)
        if not is_stored:
            content = SCORECARDS["hybrid"]().model_dump_json(by_alias=True)
            with session_scope(session_factory) as session:
                pilot = get_pilot(session, NAME)
                keep_scorecard(session, pilot.id, as_of=None, data_hash="x", content=content, inputs_hash="x")
    page = client.get(f"/pilots/{NAME}/latency", headers=viewer).text
    assert "Time to the whole answer: qwen and gpt-5.1" in page
    assert "Replicas needed" in client.get(f"/pilots/{NAME}/capacity", headers=viewer).text
    event.remove(engine, "before_cursor_execute", note)
    assert any("scorecards" in statement for statement in asked)
    evidence = re.compile(r"\b(exchanges|replies|pairs|grades|labels|payloads|day_parts)\b")
    assert [statement for statement in asked if evidence.search(statement)] == []


def test_a_time_is_chosen_by_links(client: TestClient, session_factory: SessionFactory) -> None:
    started(session_factory)
    viewer = bearer(key_for(Role.VIEWER, session_factory))
    wrong = client.get(f"/pilots/{NAME}/latency?time=speed", headers=viewer)
    assert (wrong.status_code, "there is no time &#39;speed&#39;; allowed: total_seconds" in wrong.text) == (422, True)
    page = client.get(f"/pilots/{NAME}/latency?time=ttft_any_seconds", headers=viewer).text
    assert 'href="/pilots/support-bot/latency?time=tpot_seconds"' in page
    assert 'aria-current="true">Time to the first sign of an answer' in page
