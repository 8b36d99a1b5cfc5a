"""The dollars that a pilot's mirror may spend: one counter in Redis for all mirrors, reserved before a call, settled after.

pilot:spend:{pilot}       billionths of a dollar that were spent
pilot:reserved:{pilot}    the same that calls under way may cost, by mirror
"""

from decimal import Decimal

import redis.asyncio

_BILLION = 1_000_000_000
_TAKE = """
redis.call('SET', KEYS[1], ARGV[4], 'NX')
local total = tonumber(redis.call('GET', KEYS[1])) + tonumber(ARGV[2])
for _, held in ipairs(redis.call('HVALS', KEYS[2])) do total = total + tonumber(held) end
if total > tonumber(ARGV[3]) then return 0 end
redis.call('HINCRBY', KEYS[2], ARGV[1], ARGV[2])
return 1
"""


class Budget:
    """What one mirror takes from it. Methods raise `REDIS_ERRORS` while Redis is away.

    Args:
        client: From `open_streams`.
        slot: Which of several mirrors this is.
    """

    def __init__(self, client: "redis.asyncio.Redis", slot: str) -> None:
        self._client = client
        self._slot = slot
        self._cleared: set[str] = set()

    async def take(self, pilot: str, reserve_usd: Decimal, limit_usd: Decimal, *, spent_usd: Decimal = Decimal(0)) -> bool:
        """Whether a call that may cost so much is within the limit; then its reserve is taken.

        `spent_usd` is what counts as spent where Redis has lost its counter.
        """
        spent, reserved = keys(pilot)
        if pilot not in self._cleared:  # what an earlier life of this mirror reserved is under way no longer
            await self._client.hdel(reserved, self._slot)
            self._cleared.add(pilot)
        numbers = (_billionths(reserve_usd), _billionths(limit_usd), _billionths(spent_usd))
        return bool(await self._client.eval(_TAKE, 2, spent, reserved, self._slot, *numbers))

    async def settle(self, pilot: str, reserve_usd: Decimal, spent_usd: Decimal) -> None:
        """The call is over: its reserve is given back, what it cost is spent."""
        spent, reserved = keys(pilot)
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hincrby(reserved, self._slot, -_billionths(reserve_usd))
            pipeline.incrby(spent, _billionths(spent_usd))
            await pipeline.execute()


def keys(pilot: str) -> tuple[str, str]:
    """The keys of a pilot: spent, reserved."""
    return f"pilot:spend:{pilot}", f"pilot:reserved:{pilot}"


def _billionths(usd: Decimal) -> int:
    """Rounded up: a budget is never overdrawn by rounding."""
    return int((usd * _BILLION).to_integral_value(rounding="ROUND_CEILING"))
