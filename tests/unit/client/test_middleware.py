"""The middleware: what a request says holds for the calls inside it; OpenAI-shaped routes of the application are copied."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from parallel_pilot import ShadowMiddleware, async_shadow_transport, shadow_transport
from tests.unit.client.servers import PIECES, PILOT, WHOLE, Server, Service, until

BODY = {"model": "m", "messages": []}


@contextmanager
def running(app: Any) -> Iterator[str]:
    """The application under uvicorn, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def calling_app(arguments: dict[str, Any], vendor_url: str, **options: Any) -> Iterator[FastAPI]:
    """An application that asks a model in a synchronous and in an asynchronous endpoint, and serves none."""
    app = FastAPI()
    app.add_middleware(ShadowMiddleware, **arguments, **options)
    plain = httpx2.Client(transport=shadow_transport(**arguments), base_url=vendor_url, trust_env=False)

    @app.get("/sync")
    def in_a_thread() -> str:
        plain.post("/v1/responses", json=BODY)
        return "done"

    @app.get("/async/{wish}")
    async def on_the_loop(wish: str) -> str:
        transport = async_shadow_transport(**arguments)
        async with httpx2.AsyncClient(transport=transport, base_url=vendor_url, trust_env=False) as client:
            await asyncio.gather(*(client.post("/v1/responses", json=BODY | {"wish": wish}) for _ in range(2)))
        return "done"

    with plain:
        yield app


def hints_of(service: Service) -> list[tuple[str | None, str | None, str | None]]:
    told = (event["hints"] for event in service.of("request"))
    return [(hints["segment"], hints["conversation"], hints["content"]) for hints in told]


def test_calls_inside_a_request_get_what_its_headers_say(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    with calling_app(arguments, vendor_server.url) as app, running(app) as url, httpx2.Client(trust_env=False) as client:
        client.get(url + "/sync", headers={"X-Pilot-Segment": "a", "X-Pilot-Conversation": "c-1"})
        client.get(url + "/async/whole", headers={"X-Pilot-Segment": "b", "X-Pilot-Content": "masked"})
        client.get(url + "/sync")
        client.get(url + "/sync", headers={"X-Pilot-Mirror": "off"})
        until(lambda: service.counts().get("issued") == 5)
    assert hints_of(service) == [("a", "c-1", None), ("b", None, "masked"), ("b", None, "masked"), (None, None, None)]
    assert service.counts()["dropped"] == {"opted_out": 1}


def test_functions_of_the_scope_go_before_headers_and_a_calls_own_headers_before_both(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    def broken(scope: Any) -> str:
        raise KeyError(scope["type"])

    options = {"segment": lambda scope: scope["path"].strip("/"), "conversation": lambda _: 17, "content": "metadata"}
    with (
        calling_app(arguments, vendor_server.url, **options) as app,
        running(app) as url,
        httpx2.Client(trust_env=False) as client,
    ):
        client.get(url + "/sync", headers={"X-Pilot-Segment": "a"})
    with (
        calling_app(arguments, vendor_server.url, segment=broken) as app,
        running(app) as url,
        httpx2.Client(trust_env=False) as client,
    ):
        assert client.get(url + "/sync").json() == "done"
    until(lambda: len(service.of("request")) == 2)
    assert hints_of(service) == [("sync", "17", "metadata"), (None, None, None)]


def test_two_pilots_in_one_application_are_kept_apart(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    with calling_app(arguments, vendor_server.url) as app:
        app.add_middleware(ShadowMiddleware, **arguments | {"pilot": "another"}, segment=lambda _: "of another")
        with running(app) as url, httpx2.Client(trust_env=False) as client:
            client.get(url + "/sync", headers={"X-Pilot-Segment": "a"})
        until(lambda: service.of("request"))
        assert hints_of(service) == [("a", None, None)]


async def serving_app(scope: Any, receive: Any, send: Any) -> None:
    """A raw ASGI application that serves models itself."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    wish = json.loads(body).get("wish") if body else None
    if wish == "fails":
        raise ZeroDivisionError
    kind = b"text/event-stream" if wish else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for piece in PIECES if wish == "stream" else []:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"" if wish else WHOLE})


def test_routes_that_the_application_serves_are_copied(arguments: dict[str, Any], service: Service) -> None:
    with running(ShadowMiddleware(serving_app, **arguments)) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        whole = client.post(
            "/v1/chat/completions", json=BODY, headers={"X-Pilot-Conversation": "c-1", "Authorization": "Bearer k"}
        )
        assert whole.content == WHOLE
        with client.stream("POST", "/api/v1/completions", json={"wish": "stream"}) as response:
            assert b"".join(response.iter_raw()) == b"".join(PIECES)
        assert client.post("/v1/responses", json={"wish": "fails"}).status_code == 500
        client.post("/v1/responses", json=BODY, headers={"X-Pilot-Mirror": "off"})
        client.post("/v1/responses", content=b'{"more": "' + b"x" * 2**20 + b'"}')
        client.post("/v1/embeddings", json=BODY)
        client.get("/v1/responses")
        until(lambda: service.counts().get("issued") == 5 and len(service.of("reply")) == 3)
    first, second, third = service.of("reply")
    assert (first["status"], first["end"], first["parts"][0]) == (200, "complete", WHOLE)
    assert (second["path"], second["content_type"], second["parts"][0]) == (
        "/completions",
        "text/event-stream",
        b"".join(PIECES),
    )
    assert [size for _, size in second["chunks"]] == [len(piece) for piece in PIECES]
    assert (third["status"], third["end"]) == (500, "complete")
    assert service.of("request")[0]["hints"]["conversation"] == "c-1"
    assert json.loads(service.of("request")[0]["parts"][0]) == BODY
    assert service.counts()["dropped"] == {"opted_out": 1, "too_large": 1}
    assert "Bearer k" not in str(service.events)


def test_a_client_that_leaves_has_cancelled(arguments: dict[str, Any], service: Service) -> None:
    app = FastAPI()
    app.add_middleware(ShadowMiddleware, **arguments)

    @app.post("/v1/chat/completions")
    async def endless(request: Request) -> StreamingResponse:
        await request.body()

        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield PIECES[0]
                await asyncio.sleep(0.005)

        return StreamingResponse(pieces(), media_type="text/event-stream")

    with running(app) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        with client.stream("POST", "/v1/chat/completions", json=BODY) as response:
            next(response.iter_raw())
        until(lambda: service.of("reply"))
    assert service.of("reply")[0]["end"] == "client_cancelled"


def test_an_application_with_a_transport_of_the_same_pilot_is_copied_where_it_calls(
    arguments: dict[str, Any], vendor_server: Server, service: Service
) -> None:
    with calling_app(arguments, vendor_server.url) as app:

        @app.post("/v1/chat/completions")
        def relayed() -> str:
            with httpx2.Client(transport=shadow_transport(**arguments), trust_env=False) as client:
                return client.post(vendor_server.url + "/v1/chat/completions", json={"model": "inner"}).text

        with running(app) as url, httpx2.Client(trust_env=False) as client:
            client.post(url + "/v1/chat/completions", json={"model": "outer"})
            until(lambda: service.counts().get("issued") == 1)
        assert [json.loads(event["parts"][0])["model"] for event in service.of("request")] == ["inner"]


def in_process(app: Any, requests: int) -> None:
    async def story() -> None:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://app") as client:
            for _ in range(requests):
                await client.post("/elsewhere", json={})

    asyncio.run(story())


def test_it_says_once_that_it_saw_nothing(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("parallel_pilot.middleware.QUIET_REQUESTS", 5)
    in_process(ShadowMiddleware(serving_app, **arguments), 4)
    assert "no model call" not in caplog.text
    app = ShadowMiddleware(serving_app, **arguments)
    in_process(app, 12)
    assert caplog.text.count("no model call of pilot 'support-bot'") == 1
    monkeypatch.setattr("parallel_pilot.middleware.QUIET_SECONDS", 0.0)
    in_process(ShadowMiddleware(serving_app, **arguments), 2)
    assert caplog.text.count("no model call") == 2


def test_it_says_nothing_where_there_was_a_call(
    arguments: dict[str, Any], vendor_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("parallel_pilot.middleware.QUIET_REQUESTS", 2)
    with calling_app(arguments, vendor_server.url) as app:
        with running(app) as url, httpx2.Client(trust_env=False) as client:
            client.get(url + "/sync")
            for _ in range(5):
                client.get(url + "/nothing")
        assert "no model call" not in caplog.text


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "something else"])
def test_other_scopes_pass(arguments: dict[str, Any], kind: str) -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    scope = {"type": kind, "headers": [], "path": "/v1/responses"}
    asyncio.run(ShadowMiddleware(app, **arguments)(scope, None, None))  # type: ignore[arg-type]
    assert seen == [(scope, None, None)]


def test_switched_off_it_is_not_there(vendor_server: Server) -> None:
    app = ShadowMiddleware(serving_app, pilot=PILOT, enabled=False)
    with running(app) as url, httpx2.Client(trust_env=False) as client:
        assert client.post(url + "/v1/responses", json=BODY).content == WHOLE
    with pytest.raises(ValueError, match="service_url"):
        ShadowMiddleware(serving_app, pilot=PILOT)
