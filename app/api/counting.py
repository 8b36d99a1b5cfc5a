"""Counts the API's answers, and how long they took by the address as it is declared."""

from time import perf_counter

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.declared import NO_ROUTE, route_of

KINDS = ("2xx", "3xx", "4xx", "5xx")
SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ANSWERS = Counter("pilot_api_answers_total", "Answers of the API by the kind of their status.", ["status"])
TIMES = Histogram(
    "pilot_api_seconds", "From a request to its answer's end, by the address as it is declared.", ["route"], buckets=SECONDS
)
for _kind in KINDS:
    ANSWERS.labels(_kind)
TIMES.labels(NO_ROUTE)


class CountAnswers:
    """Pure ASGI: every answer counts, whoever gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                ANSWERS.labels(f"{message['status'] // 100}xx").inc()
            await send(message)

        began = perf_counter()
        try:
            await self.app(scope, receive, counted)
        finally:
            if scope["type"] == "http":
                TIMES.labels(route_of(scope)).observe(perf_counter() - began)
