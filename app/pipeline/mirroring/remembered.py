"""Names and what belongs to each, for a while, in Redis hashes of some hundred names of one span of time.

A key for each name takes up to six times the memory, and every request may begin a conversation that nobody comes back to
(decision 45).

pilot:{kind}:{pilot}:{bucket}:{era}    digest of the name -> what belongs to it
pilot:{kind}:{pilot}:{digest}          the same, as it was written before 2026-11-22: read, never written
"""

import hashlib
from typing import Any

import redis.asyncio
from redis.exceptions import NoScriptError

# What is remembered is forgotten by whole eras: at most a quarter later than was asked for.
ERAS = 4
BUCKET_DIGITS = 4
DIGEST_DIGITS = 32
NAME_BYTES = 14
_MEET, _PUT, _LOOK = "meet", "put", "look"
# By Redis' own clock, since those of the mirrors differ; if it is put back, the era that had begun is looked at too. An era's
# hashes end once none of their names can be asked for: not all in the same second, so that Redis never stands still for it.
# Numbers of ten digits are written out, as some versions of Redis would hand over 1.8e+09.
_SCRIPT = """
local name, long, eras, shift, what, value = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6]
local era, found = math.floor((redis.call('TIME')[1] + shift) / long), false
local function of(number) return KEYS[1] .. ':' .. string.format('%d', number) end
if what ~= 'put' then
  for back = -1, eras do
    found = redis.call('HGET', of(era - back), name)
    if found then
      if back <= 0 or what == 'look' then return found end
      break
    end
  end
  if not found then found = redis.call('GET', KEYS[2]) end
  if what == 'look' then return found end
end
redis.call('HSET', of(era), name, found or value)
redis.call('EXPIREAT', of(era), string.format('%d', (era + 1 + eras) * long - shift))
return found or value
"""
_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


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
        into.evalsha(_SHA, 2, *self._asked(pilot, name), _MEET, value)

    async def put(self, pilot: str, name: str, value: str) -> None:
        """From now on the value belongs to the name."""
        await self._do(pilot, name, _PUT, value)

    async def look(self, pilot: str, name: str) -> str | None:
        """What belongs to the name, if it is known; it is not met by that."""
        found = await self._do(pilot, name, _LOOK)
        return found.decode() if found is not None else None

    async def _do(self, pilot: str, name: str, *what: str) -> bytes | None:
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.evalsha(_SHA, 2, *self._asked(pilot, name), *what)
            (found,) = await scripted(pipeline)
        return found if isinstance(found, bytes) else None

    def _asked(self, pilot: str, name: str) -> tuple[str, str, bytes, int, int, int]:
        digest = hashlib.sha256(name.encode())
        digits, begin = digest.hexdigest(), f"pilot:{self._kind}:{pilot}:"
        bucket, rest = digits[:BUCKET_DIGITS], digest.digest()[BUCKET_DIGITS // 2 :][:NAME_BYTES]
        shift = int(bucket, 16) % self._era_seconds
        return begin + bucket, begin + digits[:DIGEST_DIGITS], rest, self._era_seconds, ERAS, shift


async def scripted(pipeline: "redis.asyncio.client.Pipeline") -> list[Any]:
    """Sends a pipeline whose commands may be sent twice: again with the script itself where Redis does not know it yet."""
    commands = list(pipeline.command_stack)
    try:
        return await pipeline.execute()
    except NoScriptError:
        for arguments, options in commands:
            is_script = arguments[:2] == ("EVALSHA", _SHA)
            pipeline.execute_command(*(("EVAL", _SCRIPT, *arguments[2:]) if is_script else arguments), **options)
        return await pipeline.execute()
