"""`pilot plan`: what it asks for, and what it prints of a real answer."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import override

from app.domain.model_plan import ModelPlanQuestion
from app.domain.plan import PlanQuestion
from app.pipeline.model_plan import plan_models
from app.pipeline.planning import plan_pilot
from parallel_pilot.cli import main
from tests.api import PILOT_TOML

ASKED: list[dict[str, Any]] = []


class _Planner(BaseHTTPRequestHandler):
    """Answers like the service does."""

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        ASKED.append({"path": self.path, **question})
        answer = self._answer(question).model_dump_json().encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, question: dict[str, Any]) -> BaseModel:
        if self.path.endswith("/models"):
            return plan_models(ModelPlanQuestion(**question), datetime.now(UTC))
        return plan_pilot(PlanQuestion(**question), datetime.now(UTC))

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(autouse=True)
def _service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ASKED.clear()
    server = HTTPServer(("127.0.0.1", 0), _Planner)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("PILOT_SERVICE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PILOT_API_KEY", "pp_test")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def test_options_become_parameters_and_the_answer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--segments", "a:0.8,b:0.15", "--true", "0.45,0.52", "--labels-per-day", "20", "--runs", "100"]
    assert main.run(["plan", "--conversations-per-day", "50", *asked]) == 0
    assert ASKED == [
        {
            "path": "/api/v1/plan",
            "conversations_per_day": 50.0,
            "segments": {"a": 0.8, "b": 0.15},
            "true_win_rates": [0.45, 0.52],
            "labels_per_day": 20,
            "runs": 100,
        }
    ]
    said = capsys.readouterr().out
    assert "28 days, 50 conversations and 20 labels a day, margin 5.0%; the rule looks after day 14, 21, 28" in said
    assert "20 labels a day take 10 days for the 200 that a judge's calibration needs" in said
    assert "segment b gets 84 labels and 210 conversations: it will stay unknown" in said
    assert said.splitlines()[-1].startswith("the plan settles the whole, not every segment: ")


def test_a_file_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pilot.toml"
    file.write_text(PILOT_TOML)
    assert main.run(["plan", str(file), "--true", "0.5", "--runs", "100", "--labels-per-day", "0", "--json"]) == 0
    assert ASKED[0]["toml"] == PILOT_TOML
    answer = json.loads(capsys.readouterr().out)
    assert answer["plan"]["conversations"] == 1400
    assert answer["whole"]["chances"][0]["corrected"] is None


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--segments", "a=0.5"], "'a=0.5' is not NAME:SHARE"),
        (["--segments", "a:half"], "'half' is not a number"),
        (["--segments", "a:0.5,a:0.1"], "'a' is given twice"),
        (["--true", "0.45;0.5"], "'0.45;0.5' is not a number"),
    ],
)
def test_wrong_lists_are_wrong_use(option: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", *option]) == 2
    assert words in capsys.readouterr().err
    assert ASKED == []


def test_gpu_asks_for_a_plan_of_models_and_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", "--gpu", "A100, RTX 4090", "--tokens-per-month", "1e9", "--users", "4"]) == 0
    assert ASKED == [
        {"path": "/api/v1/plan/models", "gpus": ["A100", "RTX 4090"], "tokens_per_month": 1e9, "users": 4},
    ]
    printed = capsys.readouterr().out
    for said in ("1,000,000,000 tokens a month", "Llama 3.1 70B", "INT4 37.1 GB", "$2,000-3,000 (1)", "SH, 2026"):
        assert said in printed
    for said in ("not a verdict", "contradicts itself", "215 GB of INT4", "does not fit on RTX 4090"):
        assert said in printed


def test_gpu_list_says_which_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", "--gpu", "list"]) == 0
    assert ASKED == [{"path": "/api/v1/plan/models"}]
    printed = capsys.readouterr().out
    assert "$1,460-2,920" in printed
    assert "unknown" in printed


def test_gpu_with_json_prints_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["plan", "--gpu", "H100", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gpus"][0]["name"] == "H100 80GB"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpu", "H100", "--days", "28"], "--days cannot go with --gpu"),
        (["--tokens-per-month", "5"], "--tokens-per-month need --gpu"),
        (["--pilot", "support-bot", "--users", "3"], "--pilot, --users need --gpu"),
        (["--gpu", "H100", "--tokens-per-month", "nan"], "--tokens-per-month must be a number"),
    ],
)
def test_options_that_would_be_ignored_are_wrong_use(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["plan", *arguments]) == 2
    assert ASKED == []
    assert said in capsys.readouterr().err
