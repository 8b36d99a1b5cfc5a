"""Logged hours: one by one, from CSV, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import PILOT_TOML, an_api

HOURS = "/api/v1/pilots/support-bot/hours"
GOOD = {"who": "ada", "worked_on": "2026-11-02", "hours": 3.5, "kind": "set-up"}
CSV = """\
who,worked_on,hours,kind,recurring,note
ada,2026-11-02,3.5,set-up,false,"first, with a
line break"
bob,2026-11-03,1,on-call,true,
bob,2026-11-03,1,on-call,true,
"""


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as made:
        assert made.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        yield made


def entries(api: TestClient) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = api.get(HOURS).json()["entries"]
    return listed


def test_hours_are_logged_and_summed(api: TestClient) -> None:
    assert api.post(HOURS, json=GOOD).status_code == 201
    assert (
        api.post(HOURS, json=GOOD | {"hours": 0.25, "kind": "prompt porting", "recurring": True, "note": "x"}).status_code
        == 201
    )
    listed = api.get(HOURS).json()
    assert (listed["one_off_hours"], listed["recurring_hours"]) == (3.5, 0.25)
    assert [(e["who"], e["hours"], e["kind"], e["recurring"]) for e in listed["entries"]] == [
        ("ada", 3.5, "set-up", False), ("ada", 0.25, "prompt porting", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"hours": 0}, "hours"), ({"hours": -1}, "hours"), ({"hours": 745}, "hours"), ({"hours": 0.001}, "hours"),
        ({"hours": "NaN"}, "hours"), ({"hours": True}, "body.hours"), ({"kind": "coffee"}, "body.kind"), ({"who": " "}, "who"),
        ({"worked_on": "yesterday"}, "body.worked_on"), ({"note": "x" * 2000}, "note"), ({"mood": "good"}, "body.mood"),
    ],
)  # fmt: skip
def test_a_wrong_entry_names_its_field(api: TestClient, wrong: dict[str, Any], field: str) -> None:
    answer = api.post(HOURS, json=GOOD | wrong)
    assert answer.status_code == 422
    assert field in {
        problem["field"].removesuffix(".float").removesuffix(".str") for problem in answer.json()["error"]["problems"]
    }
    assert entries(api) == []


def test_a_csv_file_is_imported_once(api: TestClient) -> None:
    assert api.post(f"{HOURS}/import", content=CSV).json() == {"lines": 3, "new": 3, "unchanged": 0}
    assert entries(api)[0]["note"] == "first, with a\nline break"
    assert api.post(f"{HOURS}/import", content=CSV).json() == {"lines": 3, "new": 0, "unchanged": 3}
    more = CSV + "bob,2026-11-03,1,on-call,true,\n"
    assert api.post(f"{HOURS}/import", content="\ufeff" + more).json() == {"lines": 4, "new": 1, "unchanged": 3}


def test_all_wrong_lines_are_named_and_nothing_is_imported(api: TestClient) -> None:
    wrong = CSV + "ada,2026-13-02,x,coffee,perhaps,\nada,2026-11-02,1,tuning\n"
    answer = api.post(f"{HOURS}/import", content=wrong)
    assert answer.status_code == 422
    found = [(p["line"], p["field"]) for p in answer.json()["error"]["problems"]]
    assert found == [(6, "worked_on"), (6, "hours"), (6, "kind"), (6, "recurring"), (7, None)]
    assert entries(api) == []


@pytest.mark.parametrize(
    "text", [b"", b"who,hours\n", b"who,worked_on,hours,kind,mood\n", b'who,worked_on,hours,kind\n"a', b"\xff"]
)
def test_what_is_not_such_a_file_is_refused(api: TestClient, text: bytes) -> None:
    answer = api.post(f"{HOURS}/import", content=text)
    assert answer.status_code == 422
    assert answer.json()["error"]["problems"]


def test_a_thousand_lines_with_three_wrong_ones_import_nothing_and_name_the_three(api: TestClient) -> None:
    lines = ["who,worked_on,hours,kind", *(f"ada,2026-11-{day % 28 + 1:02},1.5,tuning" for day in range(1000))]
    lines[17], lines[500], lines[1000] = "ada,2026-11-31,1,tuning", "ada,2026-11-02,1,tunning", "ada,2026-11-02,-1,tuning"
    answer = api.post(f"{HOURS}/import", content="\n".join(lines))
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["message"] == "no hours were imported: 3 problems"
    assert [(p["line"], p["field"]) for p in error["problems"]] == [(18, "worked_on"), (501, "kind"), (1001, "hours")]
    assert entries(api) == []
