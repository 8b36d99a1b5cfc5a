"""Imports through the API, and everything that is stored of a pilot as comparable rows."""

import hashlib
from typing import Any

from httpx2 import Response
from sqlalchemy import text
from starlette.testclient import TestClient

from app.store.session import SessionFactory
from tests.text_keys import plain
from tests.unit.capture.lines import text_of

PILOT = "support-bot"
STAGED = ("staged_exchanges", "staged_replies", "staged_grades", "staged_labels")

_DUMPS = {
    "exchanges": """
        SELECT e.external_id, e.arrived_at, e.conversation_id, e.turn, e.segment, e.inclusion_probability, e.sample_point,
               e.source, e.reason, e.given, encode(e.content_hash, 'hex'), e.closed_at IS NOT NULL, p.body
        FROM exchanges e JOIN payloads p ON p.exchange_id = e.id AND p.arrived_at = e.arrived_at AND p.arm_id = 0""",
    "references": """
        SELECT e.external_id, p.body
        FROM exchanges e JOIN payloads p ON p.exchange_id = e.id AND p.arrived_at = e.arrived_at AND p.arm_id = -1""",
    "replies": """
        SELECT e.external_id, a.name, r.source, r.failure, r.status, r.finish_reason, r.model, r.content_chars, r.input_tokens,
               r.cached_input_tokens, r.output_tokens, r.reasoning_tokens, r.ttft_any_seconds, r.ttft_visible_seconds,
               r.total_seconds, p.body
        FROM replies r JOIN exchanges e ON e.id = r.exchange_id JOIN arms a ON a.id = r.arm_id
        JOIN payloads p ON p.exchange_id = e.id AND p.arrived_at = e.arrived_at AND p.arm_id = r.arm_id""",
    "grades": """
        SELECT e.external_id, a.name, g.grader, g.rater, g.version, g.shown_first, g.value, g.ungraded, g.reason, g.source,
               g.at, g.at_given
        FROM grades g JOIN exchanges e ON e.id = g.exchange_id JOIN arms a ON a.id = g.arm_id""",
    "labels": """
        SELECT e.external_id, a.name, l.rater, l.value, l.skipped, l.critical, l.draw_probability, l.source, l.at, l.at_given
        FROM labels l JOIN exchanges e ON e.id = l.exchange_id JOIN arms a ON a.id = l.arm_id""",
    "pairs": """
        SELECT e.external_id, a.name, p.state, p.rule, p.preference, p.ungraded
        FROM pairs p JOIN exchanges e ON e.id = p.exchange_id JOIN arms a ON a.id = p.arm_id""",
}


def dump(session_factory: SessionFactory, pilot: str = PILOT) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a pilot that imports write, by the users' own ids, sorted; without numbers and times of recording."""
    where = " WHERE e.pilot_id = (SELECT id FROM pilots WHERE name = :pilot)"
    with session_factory() as session:
        return {
            table: sorted(
                (
                    tuple(plain(session, value, pilot) for value in row)
                    for row in session.execute(text(query + where), {"pilot": pilot})
                ),
                key=repr,
            )
            for table, query in _DUMPS.items()
        }


def staged_rows(session_factory: SessionFactory) -> int:
    with session_factory() as session:
        return sum(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in STAGED)


def opened(api: TestClient, file: bytes, *, pilot: str = PILOT, format_: str = "pilot") -> dict[str, Any]:
    answer = api.post(f"/api/v1/pilots/{pilot}/imports", json={"file_key": hashlib.sha256(file).hexdigest(), "format": format_})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def send(api: TestClient, number: int, offset: int, chunk: bytes) -> Response:
    return api.put(f"/api/v1/imports/{number}/chunks", params={"offset": offset}, content=chunk)


def commit(api: TestClient, number: int) -> Response:
    return api.post(f"/api/v1/imports/{number}/commit")


def try_import(api: TestClient, *lines: Any, pilot: str = PILOT, format_: str = "pilot", chunk_lines: int = 1000) -> Response:
    """Sends lines as one file, in chunks of so many lines; the answer to the commit."""
    file = text_of(*lines)
    current = opened(api, file, pilot=pilot, format_=format_)
    pieces = file.splitlines(keepends=True)
    offset = 0
    for start in range(0, len(pieces), chunk_lines):
        chunk = b"".join(pieces[start : start + chunk_lines])
        answer = send(api, current["id"], offset, chunk)
        assert answer.status_code == 200, answer.text
        offset += len(chunk)
    return commit(api, current["id"])


def import_lines(api: TestClient, *lines: Any, **more: Any) -> dict[str, Any]:
    """Imports lines that are right; lines, new, unchanged, merged."""
    answer = try_import(api, *lines, **more)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return {key: body[key] for key in ("lines", "new", "unchanged", "merged")}


def counts(lines: int, new: int = 0, unchanged: int = 0, merged: int = 0) -> dict[str, int]:
    return {"lines": lines, "new": new, "unchanged": unchanged, "merged": merged}


def refusal(answer: Response) -> dict[str, Any]:
    assert answer.status_code == 422, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error
