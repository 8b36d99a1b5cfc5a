"""Plans by the API: who may ask, what is answered, what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.store.session import SessionFactory
from tests.api import an_api


@pytest.fixture
def api(session_factory: SessionFactory, tmp_path: Path) -> Iterator[TestClient]:
    with an_api(session_factory, tmp_path, role=Role.VIEWER) as made:
        yield made


def test_a_viewer_gets_a_plan_and_wrong_questions_are_named(api: TestClient) -> None:
    question: dict[str, Any] = {"runs": 100, "true_win_rates": [0.5], "labels_per_day": 40}
    answer = api.post("/api/v1/plan", json=question)
    assert answer.status_code == 200
    chance = answer.json()["whole"]["chances"][0]["corrected"]["migrate"]
    assert (chance["n"], chance["method"]) == (100, "wilson")
    assert chance["low"] <= chance["value"] <= chance["high"]
    for wrong, words in (
        ({"margn": 0.05}, "did you mean 'margin'?"),
        ({"segments": {"a": 0.7, "b": 0.7}}, "add up to 1.4"),
        ({"days": 7}, "greater than or equal to 14"),
        ({"toml": "[pilot]\n"}, "pilot.name is missing"),
    ):
        refused = api.post("/api/v1/plan", json=wrong)
        assert refused.status_code == 422
        assert any(words in problem["message"] for problem in refused.json()["error"]["problems"]), refused.json()
