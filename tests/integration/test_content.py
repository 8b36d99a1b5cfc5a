"""Content levels where text comes from elsewhere than live traffic: imports and replays, and what is said of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope
from app.store.tables import PayloadRow
from tests.api import PILOT_TOML, an_api
from tests.integration.importing import counts, dump, import_lines, opened, refusal, try_import
from tests.integration.replay_runs import Recorder, replay
from tests.integration.replaying import a_candidate, a_replayable_pilot, add_exchanges
from tests.model_servers import model_server
from tests.text_keys import plain
from tests.unit.capture.lines import a_judgement, a_line

MAIL = "eve.planted@example.com"
SAID = {"content": f"I wrote to {MAIL}.", "reasoning": f"{MAIL} it is"}
MASKED = '[content]\nlevel = "masked"\npatterns = [{ name = "ticket", pattern = "KD-[0-9]{4,8}" }]\n'
HR = '[[segment]]\nname = "hr"\ncontent = "metadata"\n'


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        yield made


def create(api: TestClient, more: str) -> None:
    answer = api.post("/api/v1/pilots", content=PILOT_TOML + more)
    assert answer.status_code == 201, answer.text


def a_planted_line(**more: Any) -> dict[str, Any]:
    request = {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"Write to {MAIL} about KD-12345"}], "user": MAIL}
    failed = {"failure": "http", "status": 400, "message": f"{MAIL} is no user"}
    replies = {"incumbent": SAID, "qwen": failed}
    return a_line(request=request, replies=replies, conversation_id=MAIL, exchange_id=f"{MAIL}-1") | more


def everything(sessions: SessionFactory) -> str:
    """Every table of the database as text."""
    with sessions() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        rows = [row for table in tables for row in session.execute(text(f'SELECT * FROM "{table}"'))]
    return "\n".join(str([bytes(value) if isinstance(value, memoryview) else value for value in row]) for row in rows)


def test_what_is_imported_into_a_masked_pilot_is_masked_before_it_is_stored(
    api: TestClient, session_factory: SessionFactory
) -> None:
    create(api, MASKED)
    line = a_planted_line(preferences=[a_judgement(reason=f"names {MAIL}", value=0.0)], reference={"to": MAIL})
    assert import_lines(api, line) == counts(1, new=1)
    assert "planted" not in everything(session_factory)
    assert "KD-12345" not in everything(session_factory)
    assert b"[EMAIL:" in dump(session_factory)["references"][0][1]
    (exchange,) = dump(session_factory)["exchanges"]
    request = orjson.loads(bytes(exchange[-1]))
    assert request["messages"][0]["content"].startswith("Write to [EMAIL:")
    assert "[TICKET:" in request["messages"][0]["content"]
    assert request["user"].startswith("[USER:")
    assert (request["model"], exchange[0][:2], exchange[2][:2]) == ("gpt-5.1", "n-", "n-")


def test_a_masked_line_that_comes_again_is_the_same_and_can_be_added_to(api: TestClient) -> None:
    create(api, MASKED)
    only = a_planted_line()
    replies = only["replies"]
    first = only | {"replies": {"incumbent": replies["incumbent"]}}
    assert import_lines(api, first) == counts(1, new=1)
    assert import_lines(api, first, a_planted_line(exchange_id="other")) == counts(2, new=1, unchanged=1)
    assert import_lines(api, only) == counts(1, merged=1)


def test_what_is_wrong_with_a_line_is_said_without_its_text(api: TestClient, session_factory: SessionFactory) -> None:
    create(api, MASKED)
    error = refusal(try_import(api, a_planted_line(segment=MAIL)))
    assert "[EMAIL:" in error["problems"][0]["message"]
    assert "planted" not in everything(session_factory)


def test_without_any_text_nothing_is_imported(api: TestClient) -> None:
    create(api, '[content]\nlevel = "metadata"\n')
    answer = api.post("/api/v1/pilots/support-bot/imports", json={"file_key": "0" * 64, "format": "pilot"})
    assert answer.status_code == 409
    assert "keeps no text" in answer.json()["error"]["message"]


def test_a_segment_without_text_refuses_its_lines_only(api: TestClient, session_factory: SessionFactory) -> None:
    create(api, HR)
    error = refusal(try_import(api, a_line(), a_planted_line(segment="hr")))
    assert [(problem["line"], problem["field"], problem["code"]) for problem in error["problems"]] == [
        (2, "segment", "no_text")
    ]
    assert "planted" not in everything(session_factory)
    assert import_lines(api, a_line()) == counts(1, new=1)


def test_another_level_begins_an_unfinished_import_anew(api: TestClient) -> None:
    create(api, "")
    first = opened(api, b"x\n")
    assert api.put("/api/v1/pilots/support-bot/configuration", content=PILOT_TOML + MASKED).status_code == 200
    answer = api.put(f"/api/v1/imports/{first['id']}/chunks", params={"offset": 0}, content=orjson.dumps(a_line()))
    assert answer.status_code == 409
    assert "content levels changed" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "asked", "kept"),
    [
        ({"level": "masked"}, MAIL, "[EMAIL:"),
        ({"level": "masked", "candidate_sees": "masked"}, "[EMAIL:", "[EMAIL:"),
        ({"candidate_sees": "masked"}, "[EMAIL:", "[EMAIL:"),
        ({}, MAIL, MAIL),
    ],
)
def test_a_replay_asks_and_keeps_what_the_level_allows(
    session_factory: SessionFactory, content: dict[str, str], asked: str, kept: str
) -> None:
    """The stored request is from a time when the pilot was not masked yet."""
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            pilot = a_replayable_pilot(session, a_candidate(url), exchanges=0, content=content)
            add_exchanges(session, pilot, [{"model": "gpt-5.1", "messages": [{"role": "user", "content": f"mail {MAIL}"}]}])
        assert replay(session_factory).replay.progress["qwen"].answered == 1
    assert asked in server.questions[0]
    assert (MAIL in server.questions[0]) == (asked == MAIL)
    with session_factory() as session:
        arm = get_pilot(session, "support-bot").arm_named("qwen").id
        body = plain(session, session.scalar(select(PayloadRow.body).where(PayloadRow.arm_id == arm)) or b"").decode()
    assert kept in body
    assert (MAIL in body) == (kept == MAIL)


def test_a_replay_asks_nothing_where_no_text_may_be_kept(session_factory: SessionFactory) -> None:
    server = Recorder()
    with model_server(server) as url:
        with session_scope(session_factory) as session:
            a_replayable_pilot(session, a_candidate(url), exchanges=2, content={"level": "metadata"})
        found = replay(session_factory)
    assert (server.bodies, found.replay.progress["qwen"].not_asked, found.remaining) == ([], 2, 0)


def test_a_verdict_says_what_content_levels_keep_from_being_compared(api: TestClient) -> None:
    create(api, '[content]\nlevel = "masked"\ncandidate_sees = "masked"\n' + HR)
    card = api.get("/api/v1/pilots/support-bot/scorecard").json()
    said = " ".join(card["candidates"]["qwen"]["verdict"]["not_tested"])
    assert "asked with masked texts" in said
    assert "no judge reads the rest" in said


def test_levels_are_registered_at_the_start_and_a_later_change_is_listed(api: TestClient) -> None:
    create(api, MASKED)
    assert api.post("/api/v1/pilots/support-bot/start").status_code == 200
    later = PILOT_TOML + MASKED.replace('"masked"', '"metadata"').replace("{4,8}", "{4,9}")
    assert api.put("/api/v1/pilots/support-bot/configuration", content=later).status_code == 200
    card = api.get("/api/v1/pilots/support-bot/scorecard").json()
    changes = {change["path"]: (change["before"], change["after"]) for change in card["registration"]["changes"]}
    assert changes == {
        "content.level": ("masked", "metadata"),
        "content.patterns[ticket].pattern": ("KD-[0-9]{4,8}", "KD-[0-9]{4,9}"),
    }
