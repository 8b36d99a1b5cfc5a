"""Counts the API's answers."""

from prometheus_client import Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = ("2xx", "3xx", "4xx", "5xx")
ANSWERS = Counter("pilot_api_answers_total", "Answers of the API by the kind of their status.", ["status"])
for _kind in KINDS:
    ANSWERS.labels(_kind)


class CountAnswers:
    """Pure ASGI: every answer counts, whoever gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                ANSWERS.labels(f"{message['status'] // 100}xx").inc()
            await send(message)

        await self.app(scope, receive, counted)
