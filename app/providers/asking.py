"""Asks model servers over HTTP: one call in, one `Answer` out, whatever the server does."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from errno import ECONNRESET, EPIPE
from http import HTTPStatus

import aiohttp
import orjson

from app.domain.exchange import Failure, Json
from app.domain.requests import CHAT
from app.domain.words import FailureKind
from app.providers.adaptation import adapt
from app.providers.draft import MalformedReply, cut
from app.providers.model_server import Adaptation, Answer, Target
from app.providers.reading import EVENT_STREAM, Reading, body_reader, draft_of, retry_after
from app.providers.refusals import REFUSAL_STATUSES, Refusals, is_ours, refused_parameters
from app.providers.routes import Routes
from app.providers.timing import LoopLag, now
from app.providers.transport import Wire, current_wire, make_session

CALLS_PER_ANSWER = 5
DIRECT_BYTES = 1024 * 1024  # aiohttp warns that larger bytes block the loop: those are sent in pieces
PROBE_SECONDS = 10.0
DRAIN_SECONDS = 0.02
# A server whose address is a gateway of ours would be mirrored in turn; what has this header is not.
NOT_MIRRORED = {"X-Pilot-Mirror": "off"}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one client: bytes kept of one reply, connections open at once (0 = as many as there are calls)."""

    reply_bytes: int = 8 * 1024 * 1024
    connections: int = 0


@asynccontextmanager
async def open_client(limits: Limits) -> AsyncIterator["HttpModelServers"]:
    """A client for the running event loop, none of whose calls is mirrored; closes its connections at the end."""
    lag = LoopLag()
    async with make_session(connections=limits.connections, headers=NOT_MIRRORED) as session:
        lag.start()
        try:
            yield HttpModelServers(session, lag, limits)
        finally:
            lag.stop()


class HttpModelServers:
    """`ModelServers` over aiohttp (decision 2). Redirects are not followed, cookies and proxies not used."""

    def __init__(self, session: aiohttp.ClientSession, lag: LoopLag, limits: Limits) -> None:
        self._session = session
        self._lag = lag
        self._limits = limits
        self._refusals = Refusals()
        self._routes = Routes()

    async def ask(self, request: Json, target: Target, *, stream: bool, path: str = CHAT) -> Answer:
        """Asks once; again only where the server has no such route, refused a parameter or closed a kept connection.

        Args:
            request: Of the path's shape, as production sent it.
            target: Whom to ask.
            stream: As production asked.
            path: Under `/v1`; where the server does not offer it, the request is put to `/chat/completions`.
        """
        call = self._prepare(request, target, path, stream=stream)
        calls = 0
        while True:
            calls += 1
            reading = await self._call_on_live_connection(call, target)
            self._routes.note(target, call.path, path, request, reading.status)
            self._refusals.add(target, refused_parameters(reading.status, reading.refusal, call.sent))
            spared = self._prepare(request, target, path, stream=stream)
            is_helped = reading.status in REFUSAL_STATUSES or call.path != spared.path == CHAT
            if calls == CALLS_PER_ANSWER or not is_helped or spared.sent == call.sent:
                return _answer(reading, call.log, calls)
            call = spared

    async def illness(self, target: Target) -> str | None:
        """Why the server cannot be reached, in one sentence; `None` if anything answers at its address."""
        url = f"{target.base_url.rstrip('/')}/models"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async with self._session.get(url, headers=_headers(target), allow_redirects=False):
                    return None
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return f"no model server answers at {target.base_url}: {cut(str(error))}"
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None  # somebody took the connection; how it answers is for the calls to say

    def _prepare(self, request: Json, target: Target, path: str, *, stream: bool) -> "_Call":
        asked, path, log = self._routes.asked(request, target, path)
        sent, adapted = adapt(asked, target, stream=stream, path=path)
        return _Call(path, sent, log + adapted + self._refusals.apply(sent, target))

    async def _call_on_live_connection(self, call: "_Call", target: Target) -> Reading:
        """A server may close a kept connection just as it is used again: such a call never reached it."""
        reading = await self._call(call, target)
        return await self._call(call, target) if reading.never_reached_server else reading

    async def _call(self, call: "_Call", target: Target) -> Reading:
        wire = Wire()
        current_wire.set(wire)
        reading = Reading(draft_of(call.path, strip_think=target.strip_think), wire, self._lag)
        begun = now()
        try:
            async with asyncio.timeout(target.timeout_seconds):
                await self._exchange(call, target, reading)
        except TimeoutError:
            reading.fail(FailureKind.TIMEOUT, f"no complete reply within {target.timeout_seconds:g} s", at=now(), since=begun)
        except aiohttp.ClientResponseError as error:
            reading.fail(FailureKind.MALFORMED, f"not HTTP: {error.message}", at=now(), since=begun)
        except (aiohttp.ClientError, OSError) as error:
            reading.never_reached_server = _is_lost(error) and wire.is_reused and not wire.has_received
            reading.fail(FailureKind.CONNECTION, str(error) or type(error).__name__, at=now(), since=begun)
        return reading

    async def _exchange(self, call: "_Call", target: Target, reading: Reading) -> None:
        url = target.base_url.rstrip("/") + call.path
        text = orjson.dumps(call.sent)
        body = text if len(text) <= DIRECT_BYTES else io.BytesIO(text)
        headers = {"Content-Type": "application/json"} | _headers(target)
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            await _read(response, reading, is_stream=bool(call.sent.get("stream")), reply_bytes=self._limits.reply_bytes)


@dataclass(frozen=True, slots=True)
class _Call:
    """What is sent under which path, and what differs from production's request."""

    path: str
    sent: Json
    log: list[Adaptation]


async def _read(response: aiohttp.ClientResponse, reading: Reading, *, is_stream: bool, reply_bytes: int) -> None:
    """Reads the response into the reading; a reply that is wrong is a failure there, a broken connection raises."""
    reading.start()
    reading.status = response.status
    reading.retry_after_seconds = retry_after(response.headers.get("Retry-After"))
    with reading.judging(response.headers.get("Content-Type", ""), reply_bytes, now):
        is_compressed = response.headers.get("Content-Encoding", "identity") != "identity"
        if is_compressed and response.status == HTTPStatus.OK:
            raise MalformedReply("a compressed reply, which was not asked for")
        reader = body_reader(reading, is_event_stream=_is_event_stream(response, is_stream=is_stream), reply_bytes=reply_bytes)
        async for chunk in response.content.iter_any():
            if reader.feed(chunk):
                break
        else:
            reader.finish()
            return
        if reading.draft.is_done:
            await _drain(response)
        else:
            response.close()
            reader.finish()
    if reading.failure is FailureKind.TOO_LARGE:
        response.close()


def _is_event_stream(response: aiohttp.ClientResponse, *, is_stream: bool) -> bool:
    """By the content type, for some servers stream unasked or not when asked; in doubt as it was asked."""
    return response.content_type == EVENT_STREAM or (is_stream and response.content_type != "application/json")


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Waits a moment for the end of the response, so that its connection can be used again; the reply is complete."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()


def _headers(target: Target) -> dict[str, str]:
    key = target.api_key.get_secret_value() if target.api_key else ""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _is_lost(error: Exception) -> bool:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return True
    return isinstance(error, OSError) and (isinstance(error, ConnectionError) or error.errno in (ECONNRESET, EPIPE))


def _answer(reading: Reading, log: list[Adaptation], calls: int) -> Answer:
    reply = reading.result()
    if isinstance(reply, Failure):
        caused = reading.status in REFUSAL_STATUSES and is_ours(reading.refusal, log)
        reply = replace(reply, message=cut(reply.message or "") or None, adaptation=caused)
    return Answer(
        reply=reply,
        adaptations=tuple(log),
        model=reading.draft.model,
        usage=reading.draft.usage,
        lag_seconds=reading.lag_seconds,
        retry_after_seconds=reading.retry_after_seconds,
        calls=calls,
        fingerprint=reading.draft.fingerprint,
        sent_at=reading.sent_at,
        response_id=reading.draft.response_id,
    )
