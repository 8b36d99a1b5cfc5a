"""What a model server lists, and every way in which it does not."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from app.providers.model_list import ListedModel, ModelList, list_models
from app.providers.model_server import Target
from tests.model_servers import model_server

VLLM = {"id": "qwen", "object": "model", "created": 1793613600, "owned_by": "vllm", "root": "/weights/a", "max_model_len": 8192}


def asked(answer: web.Response | None, *, timeout_seconds: float = 5.0) -> ModelList:
    async def handler(_: web.Request) -> web.Response:
        if answer is None:
            await asyncio.sleep(30)
        return answer or web.Response()

    with model_server(handler, gets=("/v1/models",)) as url:
        return asyncio.run(list_models(Target(url, "qwen"), timeout_seconds=timeout_seconds))


def test_a_list_is_read_with_all_that_it_says() -> None:
    found = asked(web.json_response({"object": "list", "data": [VLLM, {"id": "other"}, {"id": 3}, "junk"]}))
    assert found == ModelList((ListedModel("qwen", "/weights/a", 1793613600, 8192), ListedModel("other")))
    assert found.served("qwen") == found.models[0]
    assert found.served("missing") is None


def test_the_only_model_answers_to_any_name() -> None:
    assert ModelList((ListedModel("llama"),)).served("qwen") == ListedModel("llama")


@pytest.mark.parametrize("value", [True, "8192", 1e300, None, [1]])
def test_a_number_that_is_none_is_unknown(value: Any) -> None:
    found = asked(web.json_response({"data": [{"id": "m", "created": value}]}))
    assert found.models == (ListedModel("m"),)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, "{}", "it answers with status 401"),
        (302, "", "it answers with status 302"),
        (200, "<html>", "not a list of models: not JSON: '<html>'"),
        (200, '{"data": 3}', "not a list of models: no 'data'"),
        (200, "[]", "not a list of models: no 'data'"),
        (200, " " * (1024 * 1024 + 1), "its list is longer than 1 MiB"),
    ],
)
def test_an_answer_that_is_none_says_why(status: int, body: str, said: str) -> None:
    headers = {"Location": "/v1/chat/completions"} if status == 302 else None
    assert asked(web.Response(status=status, text=body, headers=headers)) == ModelList(failure=said)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    assert asked(None, timeout_seconds=0.05).failure == "no answer within 0.05 s"


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:9/v1", "Cannot connect"), ("http://169.254.169.254/v1", "link-local"), ("http:// bad/v1", "")],
)
def test_who_cannot_be_reached_or_may_not_be_is_a_failure(url: str, said: str) -> None:
    found = asyncio.run(list_models(Target(url, "qwen"), timeout_seconds=5.0))
    assert found.failure
    assert said in found.failure
