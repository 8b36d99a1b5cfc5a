"""One call of the provider to a test's own server."""

import asyncio
from typing import Any

from app.domain.exchange import Failure, Json, Reply
from app.providers.asking import Limits, open_client
from app.providers.model_server import Answer, Target
from tests.model_servers import Handler, model_server

REQUEST: Json = {"model": "recorded", "messages": [{"role": "user", "content": "Hi"}]}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5}


def ask(url: str, *, stream: bool = False, request: Json | None = None, limits: Limits | None = None, **target: Any) -> Answer:
    whom = Target(url, "candidate", **({"timeout_seconds": 5.0} | target))

    async def once() -> Answer:
        async with open_client(limits or Limits()) as client:
            return await client.ask(request or REQUEST, whom, stream=stream)

    return asyncio.run(once())


def ask_handler(handler: Handler, **options: Any) -> Answer:
    with model_server(handler) as url:
        return ask(url, **options)


def failure_of(answer: Answer) -> Failure:
    assert isinstance(answer.reply, Failure), answer
    return answer.reply


def reply_of(answer: Answer) -> Reply:
    assert isinstance(answer.reply, Reply), answer
    return answer.reply
