"""How much stands in the streams, for people who ask how a pilot is."""

import redis

from app.capture.streams import MIRROR, RECORD

ANSWER_SECONDS = 1.0


def waiting_events(redis_url: str) -> dict[str, int] | None:
    """Events of all pilots that are not finished, by stream; `None` if Redis does not answer."""
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    client = redis.Redis.from_url(plain, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
    try:
        return {stream: int(client.xlen(stream)) for stream in (MIRROR, RECORD)}
    except redis.RedisError:
        return None
    finally:
        client.close()
