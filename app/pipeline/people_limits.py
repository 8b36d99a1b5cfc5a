"""How often anybody may try to sign in: by address, and by name or by browser that the name was used in before."""

import hashlib
import ipaddress
import math
import time
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import Counter

from app.domain.people import folded
from app.errors import TooManyAttempts

log = structlog.get_logger(__name__)
# Names and addresses fall into so many buckets: a flood of made-up ones takes no memory.
BUCKET_DIGITS = 4
NETWORK_BITS = 64
REDIS_SECONDS = 1.0
AWAY = Counter("pilot_sign_in_limits_away_total", "Attempts counted in one process alone, as Redis did not answer")


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """Attempts within the last `window_seconds`."""

    window_seconds: int = 300
    by_name: int = 10
    by_address: int = 50


class SignInLimits:
    """Counts attempts in Redis, so that processes share them, else in the process.

    A browser in which the name was signed in before has a count of its own. So a flood of attempts on a name, from
    however many addresses, shuts out nobody who comes back, and others only as long as it lasts.
    """

    def __init__(self, terms: LimitTerms | None = None, redis_url: str | None = None) -> None:
        given = terms or LimitTerms()
        self._by_name = RateLimitItemPerSecond(given.by_name, given.window_seconds)
        self._by_address = RateLimitItemPerSecond(given.by_address, given.window_seconds)
        self._here = MovingWindowRateLimiter(MemoryStorage())
        self._shared = None if redis_url is None else MovingWindowRateLimiter(_redis(redis_url))

    def take_password(self, *, address: str, name: str, browser: str | None) -> None:
        """Counts an attempt with a password, before it is looked at; `TooManyAttempts`."""
        self._take(self._by_address, "address", _network(address), "from this address")
        if browser is None:
            self._take(self._by_name, "name", folded(name), "for this name")
        else:
            self._take(self._by_name, "browser", browser, "in this browser")

    def take_own_password(self, person_id: int) -> None:
        """Counts an attempt of a signed-in person to give the present password."""
        self._take(self._by_name, "person", str(person_id), "with the present password")

    def check_key(self, address: str) -> None:
        """`TooManyAttempts` for an address that tried too many wrong keys; a right key costs nothing."""
        bucket = ("key", _bucket(_network(address)))
        if not self._ask("test", self._by_address, bucket):
            raise self._refusal(self._by_address, bucket, "from this address")

    def note_wrong_key(self, address: str) -> None:
        """Counts a wrong key."""
        self._ask("hit", self._by_address, ("key", _bucket(_network(address))))

    def _take(self, limit: RateLimitItem, kind: str, what: str, words: str) -> None:
        bucket = (kind, _bucket(what))
        if not self._ask("hit", limit, bucket):
            raise self._refusal(limit, bucket, words)

    def _refusal(self, limit: RateLimitItem, bucket: tuple[str, str], words: str) -> TooManyAttempts:
        seconds = max(1, math.ceil(self._free_at(limit, bucket) - time.time()))
        message = f"there were too many attempts {words}; try again in {_spoken(seconds)}"
        return TooManyAttempts(message, retry_after_seconds=float(seconds), limit=bucket[0])

    def _ask(self, what: str, limit: RateLimitItem, bucket: tuple[str, str]) -> bool:
        if self._shared is not None:
            try:
                return bool(getattr(self._shared, what)(limit, *bucket))
            except StorageError as error:
                AWAY.inc()
                log.warning("sign_in_limits_away", reason=str(error.storage_error))
        return bool(getattr(self._here, what)(limit, *bucket))

    def _free_at(self, limit: RateLimitItem, bucket: tuple[str, str]) -> float:
        if self._shared is not None:
            try:
                return self._shared.get_window_stats(limit, *bucket).reset_time
            except StorageError:
                AWAY.inc()
        return self._here.get_window_stats(limit, *bucket).reset_time


def _redis(url: str) -> RedisStorage:
    told = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    return RedisStorage(
        told,
        key_prefix="pilot:sign-in",
        wrap_exceptions=True,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )


def _network(address: str) -> str:
    """The address; of one of IPv6 its network, in which one person has as many addresses as wanted."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((found.packed, NETWORK_BITS), strict=False))
    return str(found)


def _bucket(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:BUCKET_DIGITS]


def _spoken(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
