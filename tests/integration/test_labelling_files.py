"""Files of labels: a queue answered elsewhere, labels in our own form, and what is wrong with them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.store.session import SessionFactory
from tests.integration.importing import import_lines
from tests.integration.labelling import (
    CANDIDATE,
    LABELS,
    NAME,
    a_labelled_pilot,
    a_line,
    as_labeller,
    judged,
    made,
    next_of,
    tell,
)

DONE = {"lines": 0, "new": 0, "unchanged": 0, "merged": 0, "unanswered": 0}


def lines_of(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def exported(api: TestClient, **query: str) -> str:
    answer = api.get(f"{LABELS}/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def imported(api: TestClient, file: bytes, **query: str) -> dict[str, int]:
    answer = api.post(f"{LABELS}/import", content=file, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()
    return found


def refused(api: TestClient, *lines: dict[str, Any] | bytes, **query: str) -> list[tuple[int, str, str]]:
    """Line, field and code of each problem; nothing may be stored."""
    before = made(api)
    file = b"".join(line if isinstance(line, bytes) else lines_of(line) for line in lines)
    answer = api.post(f"{LABELS}/import", content=file, params=query)
    assert answer.status_code == 422, answer.text
    assert made(api) == before
    return [(each["line"], each["field"], each["code"]) for each in answer.json()["error"]["problems"]]


def label(**keys: Any) -> dict[str, Any]:
    return {"exchange_id": "e-0.1", "arm": "qwen", "rater": "ann", "value": 1.0} | keys


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_queue_answered_elsewhere_counts_as_if_answered_here(
    session_factory: SessionFactory, tmp_path: Path, form: str
) -> None:
    formula = {"incumbent": {"content": "=1+1"}, "qwen": {"content": f"{CANDIDATE} 9.1"}}
    lines = [a_line(number) for number in range(8)] + [a_line(9, replies=formula)]
    with a_labelled_pilot(session_factory, tmp_path, *lines) as api:
        file = exported(api, queue="drawn", format=form)
        assert "qwen" not in file
        assert "incumbent" not in file.replace("the incumbent's words", "")
        rows = _rows(file, form)
        assert len(rows) == 9
        for row in rows[:-2]:
            row["answer"] = "first" if row["first"].startswith(CANDIDATE) else "second"
        rows[-2] |= {"answer": "skip", "reason": "cannot tell"}
        filled = _file(rows, form)
        assert imported(api, filled, format=form, rater="ann") == DONE | {"lines": 9, "new": 8, "unanswered": 1}
        assert imported(api, filled, format=form, rater="ann") == DONE | {"lines": 9, "unchanged": 8, "unanswered": 1}
        found = made(api)
        summary = api.get(LABELS).json()["candidates"]["qwen"]
    assert sorted(one.get("value", -1.0) for one in found) == [-1.0] + [1.0] * 7
    assert {(one["rater"], one["draw_probability"]) for one in found} == {("ann", 1.0)}
    assert (summary["labelled"], summary["skipped"], summary["missing"]) == (7, 1, 1)
    if form == "csv":
        assert "'=1+1" in file


def _rows(file: str, form: str) -> list[dict[str, Any]]:
    if form == "jsonl":
        return [json.loads(line) for line in file.splitlines()]
    return list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"), newline="")))


def _file(rows: list[dict[str, Any]], form: str) -> bytes:
    if form == "jsonl":
        return lines_of(*rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")  # as some countries' spreadsheets write it
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_what_is_exported_is_imported_again_and_changes_nothing(
    session_factory: SessionFactory, tmp_path: Path, form: str
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, *(a_line(number) for number in range(3))) as api:
        ann = as_labeller(session_factory, "ann")
        tell(api, next_of(api, ann), "first", ann, critical_second=True)
        tell(api, next_of(api, ann), "skip", ann, reason='-odd, "quoted"')
        imported(api, lines_of(label(exchange_id="e-2.1", rater="bob", value=0.25, at="2025-09-03T10:00:00Z")))
        before = made(api)
        assert imported(api, exported(api, format=form).encode(), format=form) == DONE | {"lines": 3, "unchanged": 3}
        assert made(api) == before


def test_labels_that_came_with_their_exchanges_and_those_of_a_file_are_the_same(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    given = {"arm": "qwen", "by": "person", "rater": "ann", "value": 1.0, "draw_probability": 0.5}
    with a_labelled_pilot(session_factory, tmp_path, a_line(0, preferences=[given]), a_line(1)) as api:
        assert imported(api, lines_of(label(draw_probability=0.5))) == DONE | {"lines": 1, "unchanged": 1}
        assert imported(api, lines_of(label(critical=True))) == DONE | {"lines": 1, "merged": 1}
        assert imported(api, lines_of(label(exchange_id="e-1.1"))) == DONE | {"lines": 1, "new": 1}
        assert import_lines(api, a_line(0, preferences=[given]), a_line(1))["unchanged"] == 2
        assert [one.get("critical") for one in made(api)] == [True, None]


def test_every_wrong_line_is_named_and_nothing_is_half_imported(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0), a_line(1), labels="per_day = 0") as api:
        imported(api, lines_of(label(exchange_id="e-1.1", value=0.0)))
        assert refused(
            api,
            label(rater="new"),
            label(exchange_id="e-7.1"),
            label(arm="qwe"),
            label(valu=1.0),
            label(value=1.5),
            label(value=None),
            label(skipped="why"),
            label(draw_probability=0),
            label(at="yesterday"),
            label(rater=None),
            label(exchange_id="e-1.1", value=1.0),
            label(rater="two"),
            label(rater="two", value=0.0),
            {"token": "what", "answer": "first", "rater": "ann"},
            b"{nonsense\n",
            b"[1]\n",
            label(rater="a\0b"),
            {"token": "x", "answer": "maybe", "rater": "ann"},
        ) == [
            (2, "exchange_id", "unknown_exchange"),
            (3, "arm", "unknown_arm"),
            (4, "valu", "unknown_key"),
            (5, "value", "out_of_range"),
            (6, None, "no_value"),
            (7, None, "value_and_reason"),
            (8, "draw_probability", "out_of_range"),
            (9, "at", "not_a_time"),
            (10, "rater", "missing"),
            (11, "value", "conflict"),
            (13, "value", "conflict"),
            (14, "token", "unknown_token"),
            (15, None, "not_json"),
            (16, None, "not_an_object"),
            (17, "rater", "nul"),
            (18, "answer", "invalid"),
        ]


def test_a_label_made_on_the_page_is_not_overwritten_by_a_file_nor_the_other_way(
    session_factory: SessionFactory, tmp_path: Path
) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0, preferences=judged(1.0, 1.0))) as api:
        ann = as_labeller(session_factory, "ann")
        task = next_of(api, ann)
        tell(api, task, "tie", ann)
        assert refused(api, label(value=1.0)) == [(1, "value", "conflict")]
        imported(api, lines_of(label(rater="bob")))
        bob = as_labeller(session_factory, "bob")
        answer = api.post(LABELS, json={"token": task["token"], "answer": "tie"}, headers=bob)
        assert answer.status_code == 409
        assert [one["value"] for one in made(api)] == [0.5, 1.0]


def test_a_stopped_pilot_takes_no_file(session_factory: SessionFactory, tmp_path: Path) -> None:
    with a_labelled_pilot(session_factory, tmp_path, a_line(0)) as api:
        assert api.post(f"/api/v1/pilots/{NAME}/stop").status_code == 200
        assert api.post(f"{LABELS}/import", content=lines_of(label())).status_code == 409
