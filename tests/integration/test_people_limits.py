"""Processes share their counts of attempts in a real Redis."""

import pytest
from redis import Redis

from app.errors import TooManyAttempts
from app.pipeline.people_limits import LimitTerms, SignInLimits
from app.stack.redis import EmbeddedRedis


def test_processes_share_what_they_counted(redis_server: EmbeddedRedis) -> None:
    terms = LimitTerms(window_seconds=60, by_name=3, by_address=50)
    first, second = (SignInLimits(terms, redis_server.url) for _ in range(2))
    for limits in (first, second, first):
        limits.take_password(address="192.0.2.1", name="ada", browser=None)
    for limits in (first, second):
        with pytest.raises(TooManyAttempts) as refused:
            limits.take_password(address="192.0.2.1", name="ada", browser=None)
        assert 30 < refused.value.retry_after_seconds <= 60
    second.note_wrong_key("192.0.2.9")
    with Redis.from_url(redis_server.url) as redis:
        kept = [(key, redis.ttl(key)) for key in redis.keys("pilot:sign-in*")]
    assert len(kept) == 3
    assert all(0 < seconds <= 61 for _, seconds in kept)
    assert not any(b"ada" in key or b"192.0.2" in key for key, _ in kept)
