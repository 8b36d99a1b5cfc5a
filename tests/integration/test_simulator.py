"""The simulated models over real HTTP."""

import json
import subprocess
import sys
import time
from typing import Any

import httpx2
import pytest

from app.domain.exchange import Json, Reply
from app.graders.judge import pairwise_question
from app.graders.judge_prompt import Comparison
from app.simulator.assistant import CANDIDATE, INCUMBENT, reply_text, request_of
from app.simulator.faults import Fault, Faults
from app.simulator.judge import SimulatedJudge
from app.simulator.models import SimulatedModel
from app.simulator.recorded import RecordedModel
from app.simulator.serving import Endpoint, Speed, serve
from app.simulator.truth import ANSWERS, case_number, outcome_of

SEED = 5
HELLO: Json = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
MODEL = SimulatedModel(CANDIDATE, "m", SEED)


def asked(url: str, body: Any, *, timeout_seconds: float = 5.0) -> httpx2.Response:
    return httpx2.post(f"{url}/v1/chat/completions", json=body, timeout=timeout_seconds)


def streamed_content(response: httpx2.Response) -> str:
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert events.pop() == "[DONE]"
    deltas = [json.loads(event)["choices"] for event in events]
    return "".join(choices[0]["delta"].get("content") or "" for choices in deltas if choices)


def a_case(*, fails: bool = False) -> int:
    cases = (case_number(ANSWERS, index) for index in range(5000))
    return next(case for case in cases if bool(outcome_of(SEED, case, 2).candidate_failure) is fails)


def test_both_arms_answer_a_case_as_the_truth_says_streamed_and_not() -> None:
    case = a_case()
    arms = {arm: Endpoint(SimulatedModel(arm, arm, SEED)) for arm in (INCUMBENT, CANDIDATE)}
    with serve(arms) as url:
        for arm in arms:
            request = request_of(SEED, case, 2, model=arm, stream=False)
            whole = asked(f"{url}/{arm}", request).json()
            assert whole["choices"][0]["message"]["content"] == reply_text(SEED, case, 2, arm)
            assert whole["usage"]["prompt_tokens"] > 100
            assert streamed_content(asked(f"{url}/{arm}", request | {"stream": True})) == reply_text(SEED, case, 2, arm)


def test_a_case_that_the_truth_lets_fail_is_answered_with_503_each_time() -> None:
    request = request_of(SEED, a_case(fails=True), 2, model="m")
    with serve(Endpoint(MODEL)) as url:
        assert [asked(url, request).status_code for _ in range(2)] == [503, 503]


def test_health_and_models() -> None:
    with serve({"candidate": Endpoint(MODEL)}) as url:
        assert httpx2.get(f"{url}/health").json() == {"status": "ok"}
        for prefix in ("", "/candidate"):
            assert [model["id"] for model in httpx2.get(f"{url}{prefix}/v1/models").json()["data"]] == ["m"]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "parse"),
        (b'{"messages": []}', 400, "model"),
        (b'{"model": "m", "messages": []}', 400, "messages"),
        (b'{"model": "m", "messages": ["hi"]}', 400, "messages"),
    ],
)
def test_a_malformed_request_is_refused_in_openai_s_shape(body: bytes, status: int, word: str) -> None:
    with serve(Endpoint(MODEL)) as url:
        response = httpx2.post(f"{url}/v1/chat/completions", content=body)
    assert response.status_code == status
    assert word in response.json()["error"]["message"]
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_errors_come_by_script() -> None:
    script = [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.EMPTY, Fault.NONE]
    with serve(Endpoint(MODEL, faults=Faults(script=script))) as url:
        answers = [asked(url, HELLO) for _ in script]
    assert [answer.status_code for answer in answers] == [429, 500, 503, 200, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].json()["error"]["code"] == "rate_limit_exceeded"
    contents = [answer.json()["choices"][0]["message"]["content"] for answer in answers[3:]]
    assert contents[0] == ""
    assert contents[1]


@pytest.mark.parametrize("stream", [False, True])
def test_garbage_is_not_json(stream: bool) -> None:
    with serve(Endpoint(MODEL)) as url:
        response = asked(url, HELLO | {"stream": stream, "metadata": {"fault": "garbage"}})
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting value|codec"):
        json.loads(response.content.removeprefix(b"data: "))


@pytest.mark.parametrize("stream", [False, True])
def test_a_dropped_connection_ends_in_the_middle(stream: bool) -> None:
    with serve(Endpoint(MODEL)) as url, pytest.raises(httpx2.RemoteProtocolError):
        asked(url, HELLO | {"stream": stream, "metadata": {"fault": "drop"}})


def test_a_hanging_server_says_nothing_and_still_ends_at_once() -> None:
    started = time.monotonic()
    with serve(Endpoint(MODEL)) as url, pytest.raises(httpx2.ReadTimeout):
        asked(url, HELLO | {"metadata": {"fault": "hang"}}, timeout_seconds=0.3)
    assert time.monotonic() - started < 3


def test_a_slow_answer_comes_late_and_whole() -> None:
    with serve(Endpoint(MODEL, Speed(slow_seconds=0.3))) as url:
        started = time.monotonic()
        response = asked(url, HELLO | {"metadata": {"fault": "slow"}})
        assert time.monotonic() - started >= 0.3
    assert response.json()["choices"][0]["message"]["content"]


def test_an_answer_takes_as_long_as_the_speed_says() -> None:
    endpoint = Endpoint(MODEL, Speed(seconds_to_first=0.1, tokens_per_second=100))
    with serve(endpoint) as url, httpx2.Client() as client:
        started = time.monotonic()
        with client.stream("POST", f"{url}/v1/chat/completions", json=HELLO | {"stream": True}) as response:
            arrivals = [time.monotonic() - started for chunk in response.iter_raw() if b'"content": "' in chunk]
        total = time.monotonic() - started
    assert arrivals[0] >= 0.1
    assert total - arrivals[0] >= 0.05
    assert len(arrivals) > 5


def test_a_refused_parameter_is_named() -> None:
    with serve(Endpoint(MODEL, refuses=("max_tokens", "response_format.json_schema"))) as url:
        assert asked(url, HELLO).status_code == 200
        assert asked(url, HELLO | {"response_format": {"type": "json_object"}}).status_code == 200
        refused = [
            asked(url, HELLO | {"max_tokens": 5}),
            asked(url, HELLO | {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}),
        ]
    assert [answer.status_code for answer in refused] == [400, 400]
    assert [answer.json()["error"]["param"] for answer in refused] == ["max_tokens", "response_format"]
    assert refused[0].json()["error"]["code"] == "unsupported_parameter"


def test_a_recorded_model_answers_by_the_request_s_metadata() -> None:
    recorded = RecordedModel("rec", {"MT-Bench/1": {"content": "The real words.", "usage": {"completion_tokens": 3}}})
    with serve(Endpoint(recorded)) as url:
        known = asked(url, HELLO | {"metadata": {"pair": "MT-Bench/1"}})
        streamed = asked(url, HELLO | {"stream": True, "metadata": {"pair": "MT-Bench/1"}})
        unknown = [asked(url, HELLO | {"metadata": metadata}) for metadata in ({"pair": "MT-Bench/2"}, None)]
    assert known.json()["choices"][0]["message"]["content"] == "The real words."
    assert known.json()["usage"] == {"completion_tokens": 3}
    assert streamed_content(streamed) == "The real words."
    assert [answer.status_code for answer in unknown] == [404, 404]
    assert "MT-Bench/2" in unknown[0].json()["error"]["message"]


def test_a_judge_answers_the_product_s_own_prompt() -> None:
    case = a_case()
    first, second = (Reply(reply_text(SEED, case, 2, arm)) for arm in (INCUMBENT, CANDIDATE))
    question = pairwise_question(Comparison(request_of(SEED, case, 2, model="m"), first, second))
    body = {"model": "judge", "messages": question.build(), "response_format": question.schema_format}
    with serve(Endpoint(SimulatedJudge("judge", SEED))) as url:
        answer = asked(url, body)
        stranger = asked(url, HELLO)
    verdict = json.loads(answer.json()["choices"][0]["message"]["content"])
    assert verdict["preference"] in ("first", "second", "tie")
    assert stranger.status_code == 400


def test_a_process_prints_its_address_and_ends_with_its_parent() -> None:
    command = [sys.executable, "-m", "app.simulator", "--role", "candidate", "--role", "judge", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        printed = json.loads(process.stdout.readline())
        assert set(printed["roles"]) == {"candidate", "judge"}
        assert httpx2.get(f"{printed['roles']['judge']}/models").json()["data"][0]["id"] == "simulated-judge"
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_process_without_recorded_replies_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.simulator", "--role", "recorded"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--replies FILE" in done.stderr
