"""The sweep asks again every few seconds; queues of busy workers do not grow by it."""

import pytest
from redis import Redis

from app.domain.queues import BATCH, LIVE
from app.jobs import Job, make_publish, publish_where_room
from app.stack.redis import EmbeddedRedis


def test_what_is_asked_for_again_and_again_does_not_pile_up(redis_server: EmbeddedRedis) -> None:
    url = redis_server.url
    publish = make_publish(url)
    with Redis.from_url(url) as client:
        client.delete(LIVE, BATCH)
        try:
            for _ in range(5):  # sweeps, while the workers are busy with something else
                again = publish_where_room(url, publish, most=7)
                for pilot in range(3):
                    again(Job.GRADE, [pilot])
            assert client.llen(LIVE) == 9
            publish_where_room(url, publish, most=7)(Job.REPLAY, [1])
            assert client.llen(BATCH) == 1, "another queue has room"
            client.ltrim(LIVE, 0, 5)
            publish_where_room(url, publish, most=7)(Job.GRADE, [1])
            assert client.llen(LIVE) == 7, "what waits is asked for as soon as the workers are through"
        finally:
            client.delete(LIVE, BATCH)


def test_where_the_lengths_are_not_known_it_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[Job] = []
    publish_where_room("redis://127.0.0.1:1/0", lambda job, _: asked.append(job))(Job.GRADE, [1])
    publish_where_room(None, lambda job, _: asked.append(job))(Job.REPLAY, [1])
    assert asked == [Job.GRADE, Job.REPLAY]
    assert "not known" in caplog.text
