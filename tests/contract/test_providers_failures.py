"""Model servers that hang, cut, flood and lie: each a failure of its kind."""

import asyncio
import json
import ssl
import subprocess
import tracemalloc
from typing import Any

import pytest
from aiohttp import web

from app.domain.words import FailureKind
from app.providers.asking import Limits
from tests.contract.asking import ask, ask_handler, failure_of
from tests.model_servers import completion, event, event_stream, raw_server


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_hangs(stream: bool) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.json_response(completion())

    failure = failure_of(ask_handler(handler, stream=stream, timeout_seconds=0.3))
    assert failure.kind is FailureKind.TIMEOUT
    assert failure.timing.total_seconds == pytest.approx(0.3, abs=0.2)


def test_a_server_that_hangs_in_the_middle_keeps_its_first_token() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "x"}), 30.0)

    failure = failure_of(ask_handler(handler, stream=True, timeout_seconds=0.5))
    assert failure.kind is FailureKind.TIMEOUT
    assert failure.timing.ttft_any_seconds is not None


def test_nobody_there() -> None:
    assert failure_of(ask("http://127.0.0.1:1/v1")).kind is FailureKind.CONNECTION


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_server_that_closes_early(raw: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    with raw_server(handler) as url:
        assert failure_of(ask(url)).kind is FailureKind.CONNECTION


def test_a_stream_that_is_cut_is_no_reply() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = await event_stream(request, event({"content": "half of"}))
        assert request.transport is not None
        request.transport.abort()
        return response

    assert failure_of(ask_handler(handler, stream=True)).kind is FailureKind.CONNECTION


def test_a_stream_that_ends_without_an_end_is_malformed() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "half of"}))

    assert failure_of(ask_handler(handler, stream=True)).kind is FailureKind.MALFORMED


def test_bytes_that_are_not_http() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\xff garbage\r\n\r\n")
        await writer.drain()

    with raw_server(handler) as url:
        assert failure_of(ask(url)).kind is FailureKind.MALFORMED


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>not found</html>", "text/html"), (b"", "application/json"), (b'{"choices": [{"message"', "application/json"),
        (b'{"choices": [{"message": {"content": "\xff\xfe"}}]}', "application/json"), (b"[]", "application/json"),
        (b'{"choices": []}', "application/json"), (b"[" * 200_000, "application/json"), (b"NaN", "application/json"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_reply(body: bytes, kind: str) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=kind)

    failure = failure_of(ask_handler(handler))
    assert failure.kind is FailureKind.MALFORMED
    assert kind in (failure.message or "")


@pytest.mark.parametrize("piece", [b"data: {\n\n", b"data: \xff\xfe\n\n", b"data: []\n\n", b"<html>", b": nothing\n\n"])
def test_a_stream_that_is_no_reply(piece: bytes) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream(request, event({"content": "x"}), piece)

    assert failure_of(ask_handler(handler, stream=True)).kind is FailureKind.MALFORMED


def test_a_compressed_reply_is_not_unpacked() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.json_response(completion())
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert failure_of(ask_handler(handler)).kind is FailureKind.MALFORMED


@pytest.mark.parametrize("message", [{"content": ""}, {"content": None}, {"content": None, "reasoning_content": "hm"}])
def test_an_empty_reply(message: dict[str, Any]) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.json_response(completion(**message))

    answer = ask_handler(handler)
    assert failure_of(answer).kind is FailureKind.EMPTY
    assert answer.usage.output_tokens == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_hundred_megabytes_are_not_kept(stream: bool) -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream" if stream else "application/json"})
        await response.prepare(request)
        piece = event({"content": "x" * 100_000}) if stream else b"x" * 100_000
        for _ in range(1000):
            await response.write(piece)
            sent += len(piece)
        return response

    tracemalloc.start()
    failure = failure_of(ask_handler(handler, stream=stream, limits=Limits(reply_bytes=1_000_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert failure.kind is FailureKind.TOO_LARGE
    assert sent < 50_000_000
    assert peak < 30_000_000


def test_an_error_status_keeps_its_words_cut_and_its_retry_after() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        body = {"error": {"message": "slow down\n" + "x" * 5000}}
        return web.json_response(body, status=429, headers={"Retry-After": "7"})

    answer = ask_handler(handler)
    failure = failure_of(answer)
    assert (failure.kind, failure.status, answer.retry_after_seconds) == (FailureKind.HTTP, 429, 7.0)
    assert failure.message is not None
    assert failure.message.startswith("slow down xxx")
    assert len(failure.message) <= 300


def test_an_error_page_without_end_is_cut() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 100_000)
        return response

    failure = failure_of(ask_handler(handler))
    assert (failure.kind, failure.status) == (FailureKind.HTTP, 500)


def test_an_error_in_a_reply_or_a_stream_is_the_servers_word() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        error = {"error": {"message": "out of memory", "code": 503}}
        if (await request.json()).get("stream"):
            return await event_stream(request, event({"content": "x"}), b"data: " + json.dumps(error).encode() + b"\n\n")
        return web.json_response(error)

    for stream in (False, True):
        failure = failure_of(ask_handler(handler, stream=stream))
        assert (failure.kind, failure.status, failure.message) == (FailureKind.HTTP, 503, "out of memory")


def test_redirects_are_not_followed_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    calls = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        raise web.HTTPTemporaryRedirect("/v1/chat/completions")

    failure = failure_of(ask_handler(handler))
    assert (failure.kind, failure.status, calls) == (FailureKind.HTTP, 307, 1)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "file:///etc/passwd", "http://", "nothing"])
def test_only_http_is_asked(url: str) -> None:
    assert failure_of(ask(url)).kind is FailureKind.CONNECTION


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Any) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def unreached(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError(await reader.read())

    with raw_server(unreached, ssl=context) as url:
        failure = failure_of(ask(url.replace("http://", "https://")))
    assert failure.kind is FailureKind.CONNECTION
    assert "certificate" in (failure.message or "").lower()


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[fe80::1]", "[::ffff:169.254.169.254]", "100.100.100.200"])
def test_addresses_that_hand_out_credentials_are_not_called(host: str) -> None:
    failure = failure_of(ask(f"http://{host}/v1", timeout_seconds=2.0))
    assert failure.kind is FailureKind.CONNECTION
