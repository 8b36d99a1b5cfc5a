"""Corrections and removals keep what was there; trackers' files come in once and follow the tracker; sums of what counts."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.access import Principal
from app.domain.words import Role
from app.errors import Conflict
from app.pipeline.hours import correct_hours
from app.store.audit import list_actions
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api, bearer, key_for

HOURS = "/api/v1/pilots/support-bot/hours"
GOOD = {"who": "ada", "worked_on": "2026-11-02", "hours": 3.5, "kind": "set-up"}
TOGGL = "User,Email,Project,Description,Start date,Start time,End date,End time,Duration,Tags\n"
LINE = "Ada,ada@x.org,Pilot,vLLM,2026-11-02,09:00:00,2026-11-02,11:30:00,02:30:00,setup\n"


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        assert made.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        yield made


def logged(api: TestClient, **changes: Any) -> int:
    number: int = api.post(HOURS, json=GOOD | changes).json()["id"]
    return number


def counting(api: TestClient) -> list[tuple[str, float, str, bool]]:
    return [(e["who"], e["hours"], e["kind"], e["recurring"]) for e in api.get(HOURS).json()["entries"]]


def test_a_correction_counts_and_what_it_replaced_stays(api: TestClient, session_factory: SessionFactory) -> None:
    first = logged(api)
    second = api.patch(f"{HOURS}/{first}", json={"hours": 2.25, "reason": "half of it was for another team"}).json()
    assert (second["hours"], second["who"], second["kind"]) == (2.25, "ada", "set-up")
    third = api.patch(f"{HOURS}/{second['id']}", json={"kind": "tuning", "recurring": True}).json()["id"]
    assert counting(api) == [("ada", 2.25, "tuning", True)]
    assert api.delete(f"{HOURS}/{third}", params={"reason": "not for this pilot"}).status_code == 204
    assert counting(api) == []
    for number in (first, second["id"], third):
        versions = api.get(f"{HOURS}/{number}/history").json()["versions"]
        assert [(v["id"], v["hours"], v["counts"]) for v in versions] == [
            (first, 3.5, False), (second["id"], 2.25, False), (third, 2.25, False),
        ]  # fmt: skip
        assert [v["reason"] for v in versions] == ["half of it was for another team", "", "not for this pilot"]
        assert (versions[-1]["removed_by"], versions[0]["superseded_by"]) == ("test-operator", second["id"])
    with session_scope(session_factory) as session:
        actions = [action for _, action in list_actions(session) if action.startswith("hours.")]
    assert actions == ["hours.add", "hours.correct", "hours.correct", "hours.remove"]
    assert api.get("/api/v1/pilots/support-bot/status").json()["hours"] == 0


def test_a_wrong_correction_changes_nothing(api: TestClient) -> None:
    number = logged(api)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"hours": 0}, "hours"), ({"kind": "coffee"}, "body.kind"), ({"mood": 1}, "body.mood"), ({}, ""),
        ({"hours": "3.50"}, ""), ({"hours": True}, "body.hours"), ({"hours": 1, "reason": "x" * 2000}, "reason"),
    ]  # fmt: skip
    for changes, field in wrong:
        answer = api.patch(f"{HOURS}/{number}", json=changes)
        assert answer.status_code == 422, changes
        assert (answer.json()["error"]["problems"][0]["field"] or "").removesuffix(".float") == field
    assert counting(api) == [("ada", 3.5, "set-up", False)]


def test_what_does_not_count_any_more_cannot_be_corrected_or_removed_again(api: TestClient) -> None:
    number = logged(api)
    assert api.patch(f"{HOURS}/{number}", json={"hours": 1}).status_code == 200
    for answer in (api.patch(f"{HOURS}/{number}", json={"hours": 2}), api.delete(f"{HOURS}/{number}")):
        assert answer.status_code == 409
        assert "was corrected already" in answer.json()["error"]["message"]
    assert counting(api) == [("ada", 1.0, "set-up", False)]
    for address in (f"{HOURS}/999999", f"{HOURS}/999999/history"):
        assert (api.get if address.endswith("history") else api.delete)(address).status_code == 404


def test_of_two_corrections_at_once_one_wins(api: TestClient, session_factory: SessionFactory) -> None:
    number, who = logged(api), Principal("ops", Role.OPERATOR)
    outcomes: list[str] = []
    holds, goes = threading.Event(), threading.Event()

    def first() -> None:
        with session_scope(session_factory) as session:
            correct_hours(session, "support-bot", number, {"hours": "1"}, who)
            holds.set()
            goes.wait(10)
        outcomes.append("stored")

    def second() -> None:
        holds.wait(10)
        try:
            with session_scope(session_factory) as session:
                goes.set()
                correct_hours(session, "support-bot", number, {"hours": "2"}, who)
            outcomes.append("stored")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["conflict", "stored"]
    assert counting(api) == [("ada", 1.0, "set-up", False)]


def test_a_labeller_corrects_only_what_they_logged(api: TestClient, session_factory: SessionFactory) -> None:
    ann = bearer(key_for(Role.LABELLER, session_factory, "ann"))
    own, others = api.post(HOURS, json=GOOD, headers=ann).json()["id"], logged(api)
    assert api.patch(f"{HOURS}/{own}", json={"hours": 1}, headers=ann).status_code == 200
    assert api.patch(f"{HOURS}/{others}", json={"hours": 1}, headers=ann).status_code == 403
    assert api.delete(f"{HOURS}/{others}", headers=ann).status_code == 403
    viewer = bearer(key_for(Role.VIEWER, session_factory, "vera"))
    assert api.delete(f"{HOURS}/{others}", headers=viewer).status_code == 403
    assert api.get(f"{HOURS}/{others}/history", headers=viewer).status_code == 200


def test_a_trackers_file_comes_in_once_and_follows_the_tracker_until_somebody_corrects_here(api: TestClient) -> None:
    done = api.post(f"{HOURS}/import", content=TOGGL + LINE).json()
    assert done == {
        "lines": 1, "new": 1, "unchanged": 0, "source": "toggl", "corrected": 0, "too_short": 0, "one_off_hours": 2.5,
        "recurring_hours": 0.0, "hours_by_kind": {"set-up": 2.5},
    }  # fmt: skip
    again = api.post(f"{HOURS}/import", content=TOGGL + LINE).json()
    assert (again["new"], again["unchanged"], again["corrected"]) == (0, 1, 0)
    other = LINE.replace("02:30:00,setup", "02:00:00,on-call")
    assert api.post(f"{HOURS}/import", content=TOGGL + other).json()["corrected"] == 1
    assert counting(api) == [("Ada", 2.0, "on-call", True)]
    number = api.get(HOURS).json()["entries"][0]["id"]
    versions = api.get(f"{HOURS}/{number}/history").json()["versions"]
    assert [(v["source"], v["reason"]) for v in versions] == [("toggl", "changed in the tracker"), ("toggl", "")]
    api.patch(f"{HOURS}/{number}", json={"hours": 1})
    for content in (LINE, other):  # what somebody corrected here stays
        assert api.post(f"{HOURS}/import", content=TOGGL + content).json()["unchanged"] == 1
    assert counting(api) == [("Ada", 1.0, "on-call", True)]


def test_kinds_and_dates_are_told_with_the_file(api: TestClient) -> None:
    line = LINE.replace("2026-11-02", "02/11/2026").replace("setup", "ops")
    assert api.post(f"{HOURS}/import", content=TOGGL + line).status_code == 422
    query = {"kind_of": ["zoo=other", "OPS=incident"], "dates": "day-first"}
    assert api.post(f"{HOURS}/import", content=TOGGL + line, params=query).json()["hours_by_kind"] == {"incident": 2.5}
    assert api.get(HOURS).json()["entries"][0]["worked_on"] == "2026-11-02"
    assert api.post(f"{HOURS}/import", content=TOGGL + line, params={"kind_of": "ops"}).status_code == 422


def test_an_own_file_does_not_bring_back_what_was_corrected_or_removed(api: TestClient) -> None:
    csv = "who,worked_on,hours,kind\nada,2026-11-02,3,tuning\nbob,2026-11-02,1,tuning\n"
    api.post(f"{HOURS}/import", content=csv)
    ada, bob = (entry["id"] for entry in api.get(HOURS).json()["entries"])
    api.patch(f"{HOURS}/{ada}", json={"hours": 2})
    api.delete(f"{HOURS}/{bob}")
    assert api.post(f"{HOURS}/import", content=csv).json() == {"lines": 2, "new": 0, "unchanged": 2}
    assert counting(api) == [("ada", 2.0, "tuning", False)]


def test_an_export_of_before_a_correction_brings_nothing_back(api: TestClient) -> None:
    first, second = logged(api, hours=8), logged(api, who="bob", hours=2)
    export = api.get(f"{HOURS}/export").content
    assert api.patch(f"{HOURS}/{first}", json={"hours": 4}).status_code == 200
    assert api.delete(f"{HOURS}/{second}").status_code in (200, 204)
    done = api.post(f"{HOURS}/import", content=export, headers={"content-type": "text/csv"}).json()
    assert (done["lines"], done["new"]) == (2, 0)
    assert counting(api) == [("ada", 4.0, "set-up", False)]


def test_an_export_can_be_imported_again(api: TestClient, tmp_path: Path) -> None:
    logged(api, note='two\n"lines", and a comma', recurring=True)
    api.post(f"{HOURS}/import", content=TOGGL + LINE)
    answer = api.get(f"{HOURS}/export")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0] == "who,worked_on,hours,kind,recurring,note"
    assert api.post(f"{HOURS}/import", content=answer.text).json() == {"lines": 2, "new": 0, "unchanged": 2}
    api.post("/api/v1/pilots", content=PILOT_TOML.replace("support-bot", "other"))
    there = HOURS.replace("support-bot", "other")
    assert api.post(f"{there}/import", content=answer.text).json()["new"] == 2
    assert api.get(f"{there}/export").text == answer.text


def test_sums_are_given_by_kind_person_and_week(api: TestClient) -> None:
    logged(api)
    logged(api, who="bob", worked_on="2026-11-08", hours=1, kind="on-call", recurring=True)
    logged(api, who="bob", worked_on="2026-11-09", hours=2)
    found = api.get(HOURS).json()
    both = {"one_off_hours": 5.5, "recurring_hours": 0.0, "entries": 2}
    assert found["by_kind"] == {"set-up": both, "on-call": {"one_off_hours": 0.0, "recurring_hours": 1.0, "entries": 1}}
    assert {who: of["entries"] for who, of in found["by_person"].items()} == {"ada": 1, "bob": 2}
    assert [(of["week"], of["starts_on"], of["entries"]) for of in found["by_week"]] == [
        (None, "2026-11-09", 1), (None, "2026-11-02", 2),
    ]  # fmt: skip
    assert found["recurring_hours_per_month"] is None
