"""What the mirrors know together, for a while: Redis keys with a time to live, none of which holds a text.

pilot:segment:{pilot}:…                 the segment of a conversation's first exchange (`remembered`)
pilot:response:{pilot}:…                the conversation of a reply of the Responses API (`remembered`)
pilot:chained:{pilot}:{exchange}        the same, until that reply is there
pilot:attempts:{pilot}:{request}        first and last attempt of a request
pilot:failed:{pilot}:{exchange}         when an attempt failed
pilot:answered:{pilot}:{exchange}       arms whose reply the recorder has
"""

import asyncio
import hashlib
from dataclasses import dataclass
from weakref import WeakValueDictionary

import orjson
import redis.asyncio
from redis.asyncio import BlockingConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.capture.streams import ANSWER_SECONDS
from app.pipeline.mirroring.attempts import SAID_WINDOWS, Attempt, Attempts, is_retry
from app.pipeline.mirroring.remembered import Remembered, scripted

UNDER_WAY_SECONDS = 3600
CONNECTIONS = 16
_SWAP = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Met:
    """What was known of a request when it came.

    Attributes:
        segment: Of its conversation's first exchange.
        retry_of: The exchange of which it is another attempt.
        answered: Arms whose reply was delivered in an earlier life of the mirror.
    """

    segment: str
    retry_of: str | None
    answered: frozenset[str]


def open_memory(redis_url: str) -> "redis.asyncio.Redis":
    """A client for one event loop on a few connections: whoever finds none waits."""
    pool = BlockingConnectionPool.from_url(
        redis_url.replace("redis+socket://", "unix://", 1),
        max_connections=CONNECTIONS,
        timeout=None,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.asyncio.Redis.from_pool(pool)


class Memory:
    """The keys of one installation. Every method raises `REDIS_ERRORS` while Redis is away and may be called again.

    Args:
        client: Of Redis.
        retry_window_seconds: How long after a failure the client's SDK may try again.
        conversation_seconds: How long after its last request a conversation is known at least.
    """

    def __init__(self, client: "redis.asyncio.Redis", *, retry_window_seconds: float, conversation_seconds: float) -> None:
        self._client = client
        self._segments = Remembered(client, "segment", seconds=conversation_seconds)
        self._responses = Remembered(client, "response", seconds=conversation_seconds)
        self._window = retry_window_seconds
        self._attempts_seconds = int(retry_window_seconds * SAID_WINDOWS) + 1
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def meet(self, pilot: str, conversation: str, segment: str, attempt: Attempt, request: str) -> Met:
        """One request comes: `request` is the digest of its body and conversation. Equal ones are met one after the other."""
        turn = self._turns.setdefault(request, asyncio.Lock())
        async with turn:
            return await self._meet(pilot, conversation, segment, attempt, request)

    async def _meet(self, pilot: str, conversation: str, segment: str, attempt: Attempt, request: str) -> Met:
        attempts = f"pilot:attempts:{pilot}:{request}"
        mine = _written(Attempts(attempt.external_id, attempt.external_id, attempt.at_us))
        async with self._client.pipeline(transaction=False) as pipeline:
            self._segments.meet(pipeline, pilot, conversation, segment)
            pipeline.set(attempts, mine, nx=True, ex=self._attempts_seconds)
            pipeline.get(attempts)
            pipeline.smembers(_answered(pilot, attempt.external_id))
            known, _, there, answered = await scripted(pipeline)
        retry_of = await self._retry_of(pilot, attempt, attempts, there) if there not in (None, mine) else None
        return Met(
            segment=known.decode(),
            retry_of=retry_of,
            answered=frozenset(name.decode() for name in answered),
        )

    async def _retry_of(self, pilot: str, attempt: Attempt, attempts: str, there: bytes | None) -> str | None:
        """The exchange that the attempt belongs to; others may write the key at the same time."""
        while there is not None:
            earlier = _read(there)
            if attempt.external_id in (earlier.first, earlier.last):  # it was met before
                return earlier.first if attempt.external_id != earlier.first else None
            if attempt.at_us < earlier.last_at_us:
                return None
            failed = await self._client.get(_failed(pilot, earlier.last))
            folds = is_retry(
                attempt, earlier, failed_at_us=int(failed) if failed is not None else None, window_seconds=self._window
            )
            first = earlier.first if folds else attempt.external_id
            now = _written(Attempts(first, attempt.external_id, attempt.at_us))
            if await self._client.eval(_SWAP, 1, attempts, there, now, self._attempts_seconds):
                return first if folds else None
            found = await self._client.get(attempts)
            there = found.encode() if isinstance(found, str) else found
        return None

    async def first_segment(self, pilot: str, conversation: str) -> str | None:
        """The segment of a conversation's first exchange, if that is known."""
        return await self._segments.look(pilot, conversation)

    async def note_failed(self, pilot: str, external_id: str, at_us: int) -> None:
        """An attempt failed in a way that SDKs try again."""
        await self._client.set(_failed(pilot, external_id), at_us, ex=int(self._window * 2) + 1)

    async def note_answered(self, pilot: str, external_id: str, arm: str) -> None:
        """The recorder's stream has an arm's reply: the arm is not asked again."""
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.sadd(_answered(pilot, external_id), arm)
            pipeline.expire(_answered(pilot, external_id), UNDER_WAY_SECONDS)
            await pipeline.execute()

    async def forget_answered(self, pilot: str, external_id: str) -> None:
        """The request is acknowledged: nobody will read it again."""
        await self._client.delete(_answered(pilot, external_id))

    async def note_chained(self, pilot: str, external_id: str, conversation: str | None) -> None:
        """A request of the Responses API: its reply's id will stand for its conversation; `None` = nobody can name it."""
        await self._client.set(f"pilot:chained:{pilot}:{external_id}", conversation or "", ex=UNDER_WAY_SECONDS)

    async def name_response(self, pilot: str, external_id: str, response_id: str) -> bool:
        """The reply came: who names it as the one before belongs to its conversation. False = its request is not known."""
        chained = f"pilot:chained:{pilot}:{external_id}"
        conversation = await self._client.get(chained)
        if conversation is None:
            return False
        if name := conversation.decode() if isinstance(conversation, bytes) else conversation:
            await self._responses.put(pilot, response_id, name)
        await self._client.delete(chained)  # last: until then the same may be asked again
        return True

    async def conversation_of_response(self, pilot: str, response_id: str) -> str | None:
        """The conversation that a reply belongs to, if it is known."""
        return await self._responses.look(pilot, response_id)


def key(kind: str, pilot: str, name: str) -> str:
    """A key for something that a client named: its words do not stand in Redis."""
    return f"pilot:{kind}:{pilot}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _failed(pilot: str, external_id: str) -> str:
    return f"pilot:failed:{pilot}:{external_id}"


def _answered(pilot: str, external_id: str) -> str:
    return f"pilot:answered:{pilot}:{external_id}"


def _written(attempts: Attempts) -> bytes:
    return orjson.dumps([attempts.first, attempts.last, attempts.last_at_us])


def _read(text: bytes) -> Attempts:
    return Attempts(*orjson.loads(text))
