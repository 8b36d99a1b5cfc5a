"""Names and what belongs to each, for a while, in Redis hashes of some hundred names of one span of time.

A key for each name takes six times the memory, and every request may begin a conversation that nobody comes back to.

pilot:{kind}:{pilot}:{bucket}:{era}    digest of the name -> what belongs to it
"""

import hashlib
from typing import Any

import redis.asyncio
from redis.exceptions import NoScriptError

# What is remembered is forgotten by whole eras: at most a quarter later than was asked for.
ERAS = 4
BUCKET_DIGITS = 4
NAME_BYTES = 14
# By Redis' own clock: those of the mirrors may differ. An era's keys end once none of its names can be asked for.
_LOOK = """
local long = tonumber(ARGV[2])
local era = math.floor(redis.call('TIME')[1] / long)
local newest, found = KEYS[1] .. ':' .. era, false
for back = 0, tonumber(ARGV[3]) do
  found = redis.call('HGET', KEYS[1] .. ':' .. (era - back), ARGV[1])
  if found then
    if back == 0 or not ARGV[4] then return found end
    break
  end
end
if not ARGV[4] then return found end
redis.call('HSET', newest, ARGV[1], found or ARGV[4])
redis.call('EXPIREAT', newest, (era + 1 + tonumber(ARGV[3])) * long)
return found or ARGV[4]
"""
_SHA = hashlib.sha1(_LOOK.encode(), usedforsecurity=False).hexdigest()


class Remembered:
    """What belongs to names of one kind.

    Args:
        client: Of Redis.
        kind: Part of the keys.
        seconds: How long after a name was last met it is known at least.
    """

    def __init__(self, client: "redis.asyncio.Redis", kind: str, *, seconds: float) -> None:
        self._client = client
        self._kind = kind
        self._era_seconds = max(1, -int(-seconds // ERAS))

    def meet(self, into: "redis.asyncio.client.Pipeline", pilot: str, name: str, value: str) -> None:
        """Adds to a pipeline: what belongs to the name, which is the value where it is new. `scripted` sends it."""
        into.evalsha(_SHA, 1, *self._asked(pilot, name), value)

    async def keep(self, pilot: str, name: str, value: str) -> None:
        """The name is new."""
        async with self._client.pipeline(transaction=False) as pipeline:
            self.meet(pipeline, pilot, name, value)
            await scripted(self._client, pipeline)

    async def look(self, pilot: str, name: str) -> str | None:
        """What belongs to the name, if it is known; it is not met by that."""
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.evalsha(_SHA, 1, *self._asked(pilot, name))
            (found,) = await scripted(self._client, pipeline)
        return found.decode() if found is not None else None

    def _asked(self, pilot: str, name: str) -> tuple[str, bytes, int, int]:
        digest = hashlib.sha256(name.encode())
        bucket, rest = digest.hexdigest()[:BUCKET_DIGITS], digest.digest()[BUCKET_DIGITS // 2 :][:NAME_BYTES]
        return f"pilot:{self._kind}:{pilot}:{bucket}", rest, self._era_seconds, ERAS


async def scripted(client: "redis.asyncio.Redis", pipeline: "redis.asyncio.client.Pipeline") -> list[Any]:
    """Sends a pipeline whose commands may be sent twice; a Redis that started anew is told the script first."""
    commands = list(pipeline.command_stack)
    try:
        return await pipeline.execute()
    except NoScriptError:
        await client.script_load(_LOOK)
        pipeline.command_stack = commands
        return await pipeline.execute()
