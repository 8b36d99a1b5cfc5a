"""A running pilot with something to label, by the API alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import an_api, bearer, key_for
from tests.integration.importing import import_lines

START = datetime(2025, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "support-bot"
LABELS = f"/api/v1/pilots/{NAME}/labels"
INCUMBENT, CANDIDATE = "the incumbent's words on", "the candidate's words on"
TOML = """\
[pilot]
name = "support-bot"
starts = 2025-09-01
days = 14
planned_conversations = {planned}
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://vllm:8000/v1"
model = "Qwen/Qwen3.5-27B"
license = "Apache-2.0"
[[segment]]
name = "chat"
[[segment]]
name = "codes"
grader = "exact"
incumbent_is_reference = true
[judge]
rater = "gpt-4"
[labels]
{labels}
"""


def a_line(number: int, *, turn: int = 1, day: int = 0, segment: str = "chat", **more: Any) -> dict[str, Any]:
    """One exchange; conversation `c-NUMBER`."""
    what = f"{number}.{turn}"
    replies = {"incumbent": {"content": f"{INCUMBENT} {what}"}, "qwen": {"content": f"{CANDIDATE} {what}"}}
    return {
        "exchange_id": f"e-{what}",
        "conversation_id": f"c-{number}",
        "turn": turn,
        "segment": segment,
        "arrived_at": (START + day * DAY + timedelta(minutes=5 * number + turn)).isoformat(),
        "request": {"model": "gpt-5.1", "messages": [{"role": "user", "content": f"question {what}"}]},
        "replies": replies,
    } | more


def judged(*values: float) -> list[dict[str, Any]]:
    """The judge's grades: with the incumbent shown first, then the candidate."""
    orders = ("incumbent", "qwen")
    return [
        {"arm": "qwen", "by": "judge", "rater": "gpt-4", "shown_first": first, "value": value}
        for first, value in zip(orders, values, strict=False)
    ]


@contextmanager
def a_labelled_pilot(
    session_factory: SessionFactory, home: Path, *lines: dict[str, Any], labels: str = "per_day = 100", planned: int = 10
) -> Iterator[TestClient]:
    """The API of a running pilot with these exchanges; the client's key is an admin's."""
    with an_api(session_factory, home) as api:
        text = TOML.format(labels=labels, planned=planned)
        assert api.post("/api/v1/pilots", content=text).status_code == 201
        import_lines(api, *lines)
        assert api.post(f"/api/v1/pilots/{NAME}/start").status_code == 200
        yield api


def as_labeller(session_factory: SessionFactory, name: str) -> dict[str, str]:
    """The header of a new labeller."""
    return bearer(key_for(Role.LABELLER, session_factory, name))


def next_of(api: TestClient, who: dict[str, str] | None = None, **query: str) -> dict[str, Any]:
    answer = api.get(f"{LABELS}/next", params=query, headers=who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tell(api: TestClient, task: dict[str, Any], answer: str, who: dict[str, str] | None = None, **more: Any) -> None:
    response = api.post(LABELS, json={"token": task["token"], "answer": answer, **more}, headers=who)
    assert response.status_code == 201, response.text


def made(api: TestClient) -> list[dict[str, Any]]:
    """All labels, as they are exported."""
    answer = api.get(f"{LABELS}/export")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]
