"""Asks model servers over HTTP: one call in, one `Answer` out, whatever the server does."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from errno import ECONNRESET, EPIPE

import aiohttp
import orjson

from app.domain.exchange import Failure, Json
from app.domain.words import FailureKind
from app.providers.adaptation import adapt
from app.providers.chat import cut
from app.providers.model_server import Adaptation, Answer, Target
from app.providers.reading import Reading, read_reply
from app.providers.refusals import REFUSAL_STATUSES, Refusals, is_ours, refused_parameters
from app.providers.timing import LoopLag, now
from app.providers.transport import Wire, current_wire, make_session

CALLS_PER_ANSWER = 5
DIRECT_BYTES = 1024 * 1024  # aiohttp warns that larger bytes block the loop: those are sent in pieces
PROBE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one client: bytes kept of one reply, connections open at once (0 = as many as there are calls)."""

    reply_bytes: int = 8 * 1024 * 1024
    connections: int = 0


@asynccontextmanager
async def open_client(limits: Limits) -> AsyncIterator["HttpModelServers"]:
    """A client for the running event loop; closes its connections at the end."""
    lag = LoopLag()
    async with make_session(connections=limits.connections) as session:
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

    async def ask(self, request: Json, target: Target, *, stream: bool) -> Answer:
        """Asks once; again only where the server refused a parameter by name, or closed a kept connection unasked."""
        sent, log = self._prepare(request, target, stream=stream)
        calls = 0
        while True:
            calls += 1
            reading = await self._call_on_live_connection(sent, target)
            self._refusals.add(target, refused_parameters(reading.status, reading.refusal, sent))
            spared, spared_log = self._prepare(request, target, stream=stream)
            if calls == CALLS_PER_ANSWER or reading.status not in REFUSAL_STATUSES or spared == sent:
                return _answer(reading, log, calls)
            sent, log = spared, spared_log

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

    def _prepare(self, request: Json, target: Target, *, stream: bool) -> tuple[Json, list[Adaptation]]:
        sent, log = adapt(request, target, stream=stream)
        return sent, log + self._refusals.apply(sent, target)

    async def _call_on_live_connection(self, sent: Json, target: Target) -> Reading:
        """A server may close a kept connection just as it is used again: such a call never reached it."""
        reading = await self._call(sent, target)
        return await self._call(sent, target) if reading.never_reached_server else reading

    async def _call(self, sent: Json, target: Target) -> Reading:
        wire = Wire()
        current_wire.set(wire)
        reading = Reading(wire, self._lag, strip_think=target.strip_think)
        begun = now()
        try:
            async with asyncio.timeout(target.timeout_seconds):
                await self._exchange(sent, target, reading)
        except TimeoutError:
            reading.fail(FailureKind.TIMEOUT, f"no complete reply within {target.timeout_seconds:g} s", since=begun)
        except aiohttp.ClientResponseError as error:
            reading.fail(FailureKind.MALFORMED, f"not HTTP: {error.message}", since=begun)
        except (aiohttp.ClientError, OSError) as error:
            reading.never_reached_server = _is_lost(error) and wire.is_reused and not wire.has_received
            reading.fail(FailureKind.CONNECTION, str(error) or type(error).__name__, since=begun)
        return reading

    async def _exchange(self, sent: Json, target: Target, reading: Reading) -> None:
        url = f"{target.base_url.rstrip('/')}/chat/completions"
        text = orjson.dumps(sent)
        body = text if len(text) <= DIRECT_BYTES else io.BytesIO(text)
        headers = {"Content-Type": "application/json"} | _headers(target)
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            await read_reply(response, reading, is_stream=bool(sent.get("stream")), reply_bytes=self._limits.reply_bytes)


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
    )
