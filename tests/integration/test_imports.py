"""Imports through the API: stored, merged, refused, resumed."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from app.domain.exchange import Reply
from app.domain.replay import NewReply
from app.domain.words import Role, Source
from app.pipeline.importing import abandon_stale_imports
from app.store.pilots import get_pilot
from app.store.replies import record_replies
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api, bearer, key_for
from tests.integration.importing import (
    PILOT,
    commit,
    counts,
    dump,
    import_lines,
    opened,
    refusal,
    send,
    staged_rows,
    try_import,
)
from tests.unit.capture.lines import a_judgement, a_label, a_line, text_of

ANSWER = {"content": "On its way."}
BOTH = {"incumbent": ANSWER, "qwen": {"content": "Soon."}}
SEGMENT = '[[segment]]\nname = "extraction"\n'


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path) as made:
        assert made.post("/api/v1/pilots", content=PILOT_TOML + SEGMENT).status_code == 201
        yield made


def test_a_file_is_stored_with_all_that_it_says(api: TestClient, session_factory: SessionFactory) -> None:
    lines = [
        a_line(replies=BOTH, preferences=[a_judgement(), a_label(critical=True)], conversation_id="c", segment="extraction"),
        a_line(exchange_id="e-2", reference="Tomorrow.", arrived_at="2026-12-24T10:00:00+01:00"),
        a_line(exchange_id=None),
    ]
    assert import_lines(api, *lines, chunk_lines=2) == counts(3, new=3)
    rows = dump(session_factory)
    assert {name: len(found) for name, found in rows.items()} == {
        "exchanges": 3, "references": 1, "replies": 4, "grades": 1, "labels": 1, "pairs": 1,
    }  # fmt: skip
    assert rows["pairs"] == [("e-1", "qwen", "pending", None, None, None)]
    assert all(row[11] for row in rows["exchanges"]), "imported exchanges are closed"
    assert staged_rows(session_factory) == 0


def test_a_committed_import_says_the_same_again(api: TestClient) -> None:
    file = text_of(a_line())
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    first = commit(api, number)
    assert commit(api, number).json() == first.json()
    told = api.get(f"/api/v1/imports/{number}").json()
    assert (told["state"], told["result"], told["problem_count"]) == ("done", first.json(), 0)
    late = send(api, number, len(file), file)
    assert (late.status_code, late.json()["error"]["facts"]["state"]) == (409, "done")


def test_the_same_file_again_changes_nothing(api: TestClient, session_factory: SessionFactory) -> None:
    lines = [a_line(replies=BOTH, preferences=[a_judgement()]), a_line(exchange_id=None)]
    import_lines(api, *lines)
    rows = dump(session_factory)
    assert import_lines(api, *lines) == counts(2, unchanged=2)
    assert import_lines(api, *lines, *lines, a_line(exchange_id="e-9")) == counts(5, new=1, unchanged=4)
    assert [row for row in dump(session_factory)["exchanges"] if row[0] != "e-9"] == rows["exchanges"]


def test_additions_are_merged_and_open_their_pairs_again(api: TestClient, session_factory: SessionFactory) -> None:
    import_lines(api, a_line(), a_line(exchange_id="e-2", replies=BOTH))
    with session_scope(session_factory) as session:
        session.execute(text("UPDATE pairs SET state = 'settled', rule = 'grader', preference = 1"))
    more = a_line(replies=BOTH, preferences=[a_judgement(), a_label()], segment="extraction", turn=3, conversation_id="c")
    assert import_lines(api, more, a_line(exchange_id="e-2")) == counts(2, unchanged=1, merged=1)
    rows = dump(session_factory)
    assert rows["exchanges"][0][2:5] == ("c", 3, "extraction")
    assert [row[:3] for row in rows["pairs"]] == [("e-1", "qwen", "pending"), ("e-2", "qwen", "settled")]
    assert import_lines(api, a_line(exchange_id="e-2", preferences=[a_label()])) == counts(1, merged=1)
    assert [row[2] for row in dump(session_factory)["pairs"]] == ["pending", "pending"]
    assert import_lines(api, more) == counts(1, unchanged=1)


def test_one_file_may_speak_of_one_exchange_twice(api: TestClient, session_factory: SessionFactory) -> None:
    lines = [a_line(), a_line(replies=BOTH), a_line(preferences=[a_judgement()]), a_line()]
    assert import_lines(api, *lines, chunk_lines=1) == counts(4, new=1, unchanged=1, merged=2)
    assert {name: len(found) for name, found in dump(session_factory).items()} == {
        "exchanges": 1, "references": 0, "replies": 2, "grades": 1, "labels": 0, "pairs": 1,
    }  # fmt: skip


def test_all_bad_lines_are_listed_and_nothing_is_stored(api: TestClient, session_factory: SessionFactory) -> None:
    bad = [b'{"half": \n', a_line(segment="nowhere"), a_line(arrived_at="2026-11-02T10:00:00"), b'{"cut": "of']
    lines = [a_line(), bad[0], b"\n", a_line(exchange_id="e-2"), bad[1], bad[2], a_line(exchange_id="e-3"), bad[3]]
    answer = try_import(api, *lines, chunk_lines=3)
    error = refusal(answer)
    assert [(p["line"], p["code"], p["field"]) for p in error["problems"]] == [
        (2, "not_json", None), (5, "unknown_segment", "segment"), (6, "no_zone", "arrived_at"), (8, "cut_off", None),
    ]  # fmt: skip
    assert (error["code"], error["facts"]["bad_lines"], error["facts"]["lines_read"]) == ("invalid_input", 4, 8)
    assert error["message"] == "nothing was imported: 4 lines are wrong"
    number = error["facts"]["import_id"]
    assert commit(api, number).json() == answer.json()
    assert api.get(f"/api/v1/imports/{number}").json()["state"] == "refused"
    assert not any(dump(session_factory).values())
    assert staged_rows(session_factory) == 0


def test_fifty_bad_lines_are_listed_and_all_are_counted(api: TestClient) -> None:
    error = refusal(try_import(api, *(a_line(turn=-1, exchange_id=f"e-{n}") for n in range(63)), chunk_lines=10))
    assert [problem["line"] for problem in error["problems"]] == list(range(1, 51))
    assert error["facts"]["bad_lines"] == 63
    assert "63 lines are wrong; the first 50 are listed" in error["message"]


def test_a_line_of_5_mb_and_an_unknown_arm_are_named_by_the_api(api: TestClient) -> None:
    long = a_line(request={"messages": [], "text": "x" * 5_000_000})
    error = refusal(try_import(api, a_line(), long, a_line(replies={"incumbent": ANSWER, "qwn": ANSWER})))
    assert [(p["line"], p["code"], p["field"]) for p in error["problems"]] == [
        (2, "line_too_long", None), (3, "unknown_arm", "replies.qwn"),
    ]  # fmt: skip


def test_contradictions_name_line_id_and_field(api: TestClient, session_factory: SessionFactory) -> None:
    import_lines(api, a_line(replies=BOTH))
    rows = dump(session_factory)
    lines = [
        a_line(exchange_id="e-2"),
        a_line(replies={"incumbent": ANSWER, "qwen": {"content": "Never."}}),
        a_line(exchange_id="e-2", turn=1),
        a_line(exchange_id="e-2", turn=2),
        b"{}\n",
    ]
    error = refusal(try_import(api, *lines))
    assert [(p["line"], p["code"], p["field"]) for p in error["problems"] if p["code"] == "conflict"] == [
        (2, "conflict", "replies.qwen.content"), (4, "conflict", "turn"),
    ]  # fmt: skip
    messages = [p["message"] for p in error["problems"] if p["code"] == "conflict"]
    assert "'e-1'" in messages[0]
    assert "what is stored" in messages[0]
    assert "line 1" in messages[1]
    assert {p["line"] for p in error["problems"]} == {2, 4, 5}, "bad lines and contradictions are told together"
    assert dump(session_factory) == rows


def test_a_reply_that_was_asked_for_is_not_overwritten(api: TestClient, session_factory: SessionFactory) -> None:
    import_lines(api, a_line())
    with session_scope(session_factory) as session:
        pilot = get_pilot(session, PILOT)
        number = session.scalar(text("SELECT id FROM exchanges"))
        assert number is not None
        record_replies(session, pilot, [NewReply(number, pilot.candidates[0].id, Reply("Soon."), Source.REPLAY)])
    error = refusal(try_import(api, a_line(replies=BOTH)))
    assert [(p["field"], p["code"]) for p in error["problems"]] == [("replies.qwen", "conflict")]
    assert "not from an import" in error["problems"][0]["message"]
    assert import_lines(api, a_line(preferences=[a_label()])) == counts(1, merged=1)


def test_a_broken_upload_goes_on_where_it_stopped(api: TestClient, session_factory: SessionFactory) -> None:
    first, second = text_of(a_line(), b"\n"), text_of(a_line(exchange_id="e-2"))
    number = opened(api, first + second)["id"]
    assert send(api, number, 0, first).json()["bytes_staged"] == len(first)
    again = opened(api, first + second)
    assert (again["id"], again["bytes_staged"], again["lines_staged"]) == (number, len(first), 1)
    for offset in (0, len(first) - 1, len(first) + 1):
        refused = send(api, number, offset, second)
        assert (refused.status_code, refused.json()["error"]["facts"]["bytes_staged"]) == (409, len(first))
    assert send(api, number, len(first), second).status_code == 200
    assert commit(api, number).json()["new"] == 2
    assert len(dump(session_factory)["exchanges"]) == 2


def test_two_uploads_of_one_file_do_not_disturb_each_other(api: TestClient, session_factory: SessionFactory) -> None:
    chunks = [text_of(*(a_line(exchange_id=f"e-{n}-{m}") for m in range(40))) for n in range(6)]
    offsets = [sum(len(chunk) for chunk in chunks[:n]) for n in range(6)]
    number = opened(api, b"".join(chunks))["id"]
    statuses: list[list[int]] = []

    def upload() -> None:
        statuses.append([send(api, number, offset, chunk).status_code for offset, chunk in zip(offsets, chunks, strict=True)])

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(sum(found[n] == 200 for found in statuses) == 1 for n in range(6))
    assert {status for found in statuses for status in found} <= {200, 409}
    assert commit(api, number).json() == counts(240, new=240) | {"skipped": 0}


def test_two_commits_at_once_store_once(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(*(a_line(exchange_id=f"e-{n}", replies=BOTH) for n in range(300)))
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(commit(api, number))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.json()["new"] for answer in answers] == [300] * 3
    assert len(dump(session_factory)["exchanges"]) == 300


def test_two_files_with_the_same_exchanges_at_once(api: TestClient, session_factory: SessionFactory) -> None:
    files = [
        text_of(*(a_line(exchange_id=f"e-{n}") for n in range(200))),
        text_of(*(a_line(exchange_id=f"e-{n}", replies=BOTH) for n in reversed(range(200)))),
    ]
    numbers = [opened(api, file)["id"] for file in files]
    for number, file in zip(numbers, files, strict=True):
        send(api, number, 0, file)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda number=number: answers.append(commit(api, number))) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert sum(answer.json()["new"] for answer in answers) == 200
    assert {name: len(found) for name, found in dump(session_factory).items() if found} == {
        "exchanges": 200, "replies": 400, "pairs": 200,
    }  # fmt: skip


def test_an_import_can_be_thrown_away(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(a_line(replies=BOTH, preferences=[a_judgement(), a_label()]))
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    assert staged_rows(session_factory) == 5
    assert api.delete(f"/api/v1/imports/{number}").json()["state"] == "abandoned"
    assert staged_rows(session_factory) == 0
    assert commit(api, number).status_code == 409
    assert send(api, number, len(file), file).status_code == 409
    again = opened(api, file)
    assert (again["id"] > number, again["bytes_staged"]) == (True, 0)
    assert api.get("/api/v1/imports/999").status_code == 404


def test_a_stopped_pilot_takes_nothing(api: TestClient, session_factory: SessionFactory) -> None:
    file, more = text_of(a_line()), text_of(a_line(exchange_id="e-2"))
    number = opened(api, file + more)["id"]
    send(api, number, 0, file)
    assert api.post(f"/api/v1/pilots/{PILOT}/start").status_code == 200
    import_lines(api, a_line(exchange_id="e-3"))
    assert api.post(f"/api/v1/pilots/{PILOT}/stop").status_code == 200
    answers = [
        api.post(f"/api/v1/pilots/{PILOT}/imports", json={"file_key": "0" * 64}),
        send(api, number, len(file), more),
        commit(api, number),
    ]
    assert [(answer.status_code, answer.json()["error"]["facts"]["state"]) for answer in answers] == [(409, "stopped")] * 3
    assert [row[0] for row in dump(session_factory)["exchanges"]] == ["e-3"]


def test_lines_are_checked_against_the_arms_and_segments_that_there_are(api: TestClient) -> None:
    file = text_of(a_line(replies=BOTH))
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    changed = PILOT_TOML.replace('name = "qwen"', 'name = "llama"')
    assert api.put(f"/api/v1/pilots/{PILOT}/configuration", content=changed).status_code == 200
    assert commit(api, number).status_code == 409
    again = opened(api, file)
    assert (again["id"], again["bytes_staged"], again["lines_staged"]) == (number, 0, 0)
    send(api, number, 0, file)
    assert refusal(commit(api, number))["problems"][0]["code"] == "unknown_arm"


def test_a_crash_of_the_database_that_lost_the_staging_is_noticed(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(a_line())
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    with session_scope(session_factory) as session:
        session.execute(text("TRUNCATE staged_exchanges, staged_replies, staged_grades, staged_labels"))
    assert "send the file again" in commit(api, number).json()["error"]["message"]
    assert opened(api, file)["bytes_staged"] == 0
    send(api, number, 0, file)
    assert commit(api, number).json()["new"] == 1


def test_another_format_for_the_same_file_begins_anew(api: TestClient) -> None:
    file = text_of(a_line())
    first = opened(api, file)
    send(api, first["id"], 0, file)
    second = opened(api, file, format_="openai")
    assert (second["id"] != first["id"], second["bytes_staged"]) == (True, 0)
    assert api.get(f"/api/v1/imports/{first['id']}").json()["state"] == "abandoned"


def test_foreign_formats_are_imported_and_other_records_are_counted(api: TestClient, session_factory: SessionFactory) -> None:
    samples = Path(__file__).parents[1] / "unit" / "capture" / "samples"
    told = {
        name: try_import(api, (samples / f"{name}.jsonl").read_bytes(), format_=name).json()
        for name in ("openai", "litellm", "langfuse")
    }
    assert {name: (body["new"], body["skipped"]) for name, body in told.items()} == {
        "openai": (3, 0), "litellm": (5, 1), "langfuse": (4, 1),
    }  # fmt: skip
    assert len(dump(session_factory)["replies"]) == 12


def test_exchanges_of_too_many_weeks_are_refused(api: TestClient, session_factory: SessionFactory) -> None:
    lines = [a_line(exchange_id=f"{y}-{m}-{d}", arrived_at=f"20{y:02d}-{m:02d}-{d:02d}T00:00:00Z")
             for y in range(12) for m in range(1, 13) for d in (1, 8, 15, 22)]  # fmt: skip
    error = refusal(try_import(api, *lines))
    assert [(p["code"], p["field"]) for p in error["problems"]] == [("too_many_weeks", "arrived_at")]
    assert not any(dump(session_factory).values())


def test_an_empty_file_is_an_import_of_nothing(api: TestClient) -> None:
    assert import_lines(api) == counts(0)
    assert import_lines(api, b"\n \n\n") == counts(0)


@pytest.mark.parametrize("key", ["", "xyz", "A" * 64, "0" * 63])
def test_a_file_key_is_a_sha256(api: TestClient, key: str) -> None:
    assert api.post(f"/api/v1/pilots/{PILOT}/imports", json={"file_key": key}).status_code == 422


def test_importing_needs_an_operator_and_looking_a_viewer(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(a_line())
    number = opened(api, file)["id"]
    for role, status in ((Role.VIEWER, 403), (Role.LABELLER, 403), (Role.OPERATOR, 200)):
        headers = bearer(key_for(role, session_factory))
        assert api.get(f"/api/v1/imports/{number}", headers=headers).status_code == 200
        opening = api.post(f"/api/v1/pilots/{PILOT}/imports", json={"file_key": "0" * 64}, headers=headers)
        assert opening.status_code == status
        assert api.delete(f"/api/v1/imports/{number}", headers=headers).status_code == status


def test_an_upload_that_nobody_goes_on_with_is_thrown_away(api: TestClient, session_factory: SessionFactory) -> None:
    file = text_of(a_line(replies=BOTH))
    number = opened(api, file)["id"]
    send(api, number, 0, file)
    with session_scope(session_factory) as session:
        assert abandon_stale_imports(session, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert staged_rows(session_factory) > 0
    with session_scope(session_factory) as session:
        assert abandon_stale_imports(session, datetime.now(UTC) + timedelta(hours=1)) == 1
    assert staged_rows(session_factory) == 0
    assert api.get(f"/api/v1/imports/{number}").json()["state"] == "abandoned"
