"""Plans by the API: who may ask, what is answered, what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.domain.words import Role
from app.store.session import SessionFactory, session_scope
from tests.api import PILOT_TOML, an_api
from tests.integration.scorecard_pilots import TOKENS, started
from tests.integration.scorecard_rows import DAY, START, Row, both


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


def test_models_are_planned_at_the_volume_that_a_pilot_measured(api: TestClient, session_factory: SessionFactory) -> None:
    with session_scope(session_factory) as session:
        rows = [Row(START + day * DAY, f"c-{day}", said=both(0.5), incumbent=TOKENS, candidate=TOKENS) for day in range(28)]
        started(session, rows)
    answer = api.post("/api/v1/plan/models", json={"gpus": ["A100"], "pilot": "support-bot"}).json()
    volume = answer["volume"]
    assert (volume["source"], volume["context_tokens"]) == ("measured", 1100)
    assert volume["tokens_per_month"] == pytest.approx(28 * 1100 * 730 / (24 * 28))
    assert volume["input_tokens"] == pytest.approx(28 * 1000 * 730 / (24 * 28))
    assert volume["cached_input_tokens"] == 0
    assert (volume["requests_per_minute_peak"], volume["words"][0][-14:]) == (1.0, "28 closed days")
    card = api.get("/api/v1/pilots/support-bot/scorecard").json()["candidates"]["qwen"]
    rules = {rule["key"]: rule for rule in card["rules_of_thumb"]}
    assert rules["tokens_a_month"]["value"] == pytest.approx(volume["tokens_per_month"], rel=1e-9)  # ten digits are stored
    assert rules["api_spend_a_month"]["value"] == pytest.approx(28 * 0.2 * 730 / (24 * 28))
    values = [rules[key]["value"] for key in ("queries_a_day_8b", "around_it", "engineer", "first_deployment", "autoscaling")]
    assert values == [pytest.approx(1100 / 2500), 10, None, None, None]


def test_wrong_questions_about_models_are_named(api: TestClient) -> None:
    for wrong, status, words in (
        ({"gpu": ["H100"]}, 422, "did you mean 'gpus'?"),
        ({"gpus": ["H1000"]}, 422, "no GPU 'H1000'"),
        ({"gpus": ["H100"], "most_gpus": 3}, 422, "1, 2, 4 or 8"),
        ({"gpus": ["H100"], "pilot": "nobody"}, 404, "nobody"),
    ):
        refused = api.post("/api/v1/plan/models", json=wrong)
        assert refused.status_code == status
        assert words in refused.text


def test_a_wrong_licence_is_said_when_a_pilot_is_created(session_factory: SessionFactory, tmp_path: Path) -> None:
    toml = PILOT_TOML.replace('model = "Qwen/Qwen3.5-27B"', 'model = "google/gemma-3-27b-it"')
    assert "gemma" in toml
    with an_api(session_factory, tmp_path, role=Role.OPERATOR) as operator:
        made = operator.post("/api/v1/pilots", content=toml)
    assert made.status_code == 201, made.text
    assert any("the catalogue says Gemma Terms of Use" in note for note in made.json()["notes"])
