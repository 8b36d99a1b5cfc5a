"""Who may judge: kin behind an alias is found, and data that must stay goes to allowed hosts alone."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typing_extensions import override

from app.domain.hosts import allowed_host, host_of, is_allowed
from app.errors import InvalidInput
from app.pipeline.configuration import load_configuration
from app.pipeline.judge_independence import look_at_judges
from app.providers.model_list import list_models
from app.providers.model_server import Target
from tests.unit.test_configuration import NOW, SMALL, only_problem_of


@contextmanager
def serving(*models: dict[str, Any]) -> Iterator[str]:
    """A server that lists these models; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"object": "list", "data": list(models)}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def toml(judge: str, candidate: str, *, judge_model: str = "graders-choice", more: str = "") -> str:
    return f"""
[pilot]
name = "support-bot"
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "local"
base_url = "{candidate}"
model = "house-model"
[judge]
base_url = "{judge}"
model = "{judge_model}"
family = "other"
input_usd_per_million_tokens = 0
output_usd_per_million_tokens = 0
{more}
"""


@pytest.mark.parametrize(
    ("judges", "arms", "said"),
    [
        ("Qwen/Qwen3-32B", "meta-llama/Llama-4", None),
        ("Qwen/Qwen3-32B", "Qwen/Qwen3.5-27B", "family 'qwen', as is the candidate 'local'"),
        ("acme/tuned", "acme/tuned", "the same model as the candidate 'local' ('house-model' is 'acme/tuned' on its server)"),
        ("openai/gpt-oss-120b", "acme/tuned", "family 'openai', as is the incumbent"),
    ],
)
def test_an_alias_is_looked_up_where_it_is_served(judges: str, arms: str, said: str | None) -> None:
    with (
        serving({"id": "graders-choice", "root": judges}) as judge,
        serving({"id": "house-model", "root": arms}, {"id": "unrelated", "root": "Qwen/Qwen1"}) as candidate,
    ):
        text = toml(judge, candidate)
        assert load_configuration(text, NOW)  # the names alone give nothing away
        if said is None:
            assert look_at_judges(text, NOW, environment={}) == ()
            return
        with pytest.raises(InvalidInput) as refused:
            look_at_judges(text, NOW, environment={})
        (problem,) = refused.value.problems
        assert (problem.field, problem.code) == ("judge.model", "same_family")
        assert said in problem.message
        assert "allow_same_family = true" in problem.message
        assert look_at_judges(toml(judge, candidate, more="allow_same_family = true"), NOW, environment={}) == ()


def test_a_server_that_cannot_tell_is_said_and_refuses_nothing() -> None:
    with serving({"id": "graders-choice", "root": "Qwen/Qwen3-32B"}) as judge:
        notes = look_at_judges(toml(judge, "http://127.0.0.1:9/v1"), NOW, environment={})
    assert len(notes) == 1
    assert notes[0].startswith("what the candidate 'local' serves is not known (")
    assert notes[0].endswith("its kinship is told by its name alone")


def test_a_pilot_without_a_judge_to_ask_asks_nobody() -> None:
    assert look_at_judges(SMALL, NOW, environment={}) == ()


def test_the_list_is_that_of_the_server_itself() -> None:
    with serving({"id": "a", "root": "b"}) as url:
        listed = asyncio.run(list_models(Target(base_url=url, model="a"), timeout_seconds=5))
    assert [(model.id, model.root) for model in listed.models] == [("a", "b")]


@pytest.mark.parametrize(
    ("host", "allowed", "may"),
    [
        ("judge.example.com", ["judge.example.com"], True),
        ("judge.example.com", ["*.example.com"], True),
        ("example.com", ["*.example.com"], False),
        ("judge.example.com.evil.net", ["*.example.com"], False),
        ("evilexample.com", ["*.example.com"], False),
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("::1", ["::1"], True),
        ("vllm", ["other"], False),
        ("vllm", [], True),
        ("127.0.0.1", [], True),
        ("192.168.1.4", [], True),
        ("8.8.8.8", [], False),
        ("134744072", [], False),
        ("0x08080808", [], False),
        ("8.8.2056", [], False),
        ("169.254.169.254", [], False),
        ("gpu1", [], True),
        ("judge.ml.internal", [], True),
        ("api.openai.com", [], False),
    ],
)
def test_hosts_that_data_may_go_to(host: str, allowed: list[str], may: bool) -> None:
    assert is_allowed(host, [allowed_host(entry) for entry in allowed]) is may


def test_hosts_are_compared_without_port_case_and_last_dot() -> None:
    assert host_of("https://Judge.Example.com.:8443/v1") == "judge.example.com"
    assert host_of("http://[::1]:8000/v1") == "::1"


@pytest.mark.parametrize("entry", ["", "*", "https://x.com", "a b", "10.0.0.0/99"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="must be a host"):
        allowed_host(entry)


def test_where_data_must_stay_an_outside_judge_is_refused() -> None:
    table = '[judge]\nbase_url = "https://judge.example.com/v1"\nmodel = "some/judge"\nfamily = "x"\n'
    table += "input_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n"
    stay = "[constraints]\ndata_must_stay = true\n"
    problem = only_problem_of(SMALL.replace("https://qwen.example.com/v1", "http://vllm:8000/v1") + table + stay)
    assert (problem.field, problem.code) == ("judge.base_url", "host_not_allowed")
    assert "the judge is at 'judge.example.com'" in problem.message
    allowed = stay + 'allowed_hosts = ["*.example.com", "vllm"]\n'
    assert load_configuration(SMALL + table + allowed, NOW)
    assert load_configuration(SMALL + table, NOW)
