"""Names of the background jobs and the queue they leave by; sent by name, so that nothing here imports a worker."""

import logging
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import redis
from celery import Celery, signals
from kombu import Queue
from kombu.exceptions import OperationalError

from app.domain.queues import BATCH, BATCH_QUEUES, LIVE, LIVE_QUEUES, NOW

# Longer than almost any batch: a message that is delivered again while its work still runs only finds claimed rows.
VISIBILITY_TIMEOUT_SECONDS = 3600.0
# How often a worker looks for messages that a dead one had, as a share of that time, and at least.
LOOK_SHARE, LOOK_SECONDS = 0.25, 60.0
CONNECT_TIMEOUT_SECONDS = 2.0
SENT_AT = "sent_at"
# The sweep asks every few seconds for all that nobody is at; beyond so many messages in a queue it asks no more.
MOST_ASKED_AGAIN = 100
SEND_RETRIES = {"max_retries": 2, "interval_start": 0.0, "interval_step": 0.2, "interval_max": 0.4}

log = logging.getLogger(__name__)


class Job(StrEnum):
    """What Celery workers can be asked to do; arguments are ids only."""

    ANCHORS = "pilot.anchors"
    GRADE = "pilot.grade"
    REGRADE = "pilot.regrade"
    REHEARSE = "pilot.rehearse"
    REPLAY = "pilot.replay"
    SWEEP = "pilot.sweep"
    MODELS = "pilot.models"
    SCORECARDS = "pilot.scorecards"
    SCORECARD = "pilot.scorecard"
    WEEKLY = "pilot.weekly"
    ALERTS = "pilot.alerts"
    MESSAGES = "pilot.messages"
    RETENTION = "pilot.retention"


QUEUES = {
    Job.SWEEP: NOW,
    Job.ALERTS: NOW,
    Job.MESSAGES: NOW,
    Job.SCORECARD: NOW,
    Job.GRADE: LIVE,
    Job.SCORECARDS: LIVE,
    Job.REGRADE: BATCH,
    Job.REPLAY: BATCH,
    Job.REHEARSE: BATCH,
    Job.ANCHORS: BATCH,
    Job.MODELS: BATCH,
    Job.WEEKLY: BATCH,
    Job.RETENTION: BATCH,
}


def broker_url(redis_url: str) -> str:
    """Celery's way to write an address of Redis: a Unix socket is `redis+socket:///path` there, `unix:///path` elsewhere."""
    return redis_url.replace("unix://", "redis+socket://", 1) if redis_url.startswith("unix://") else redis_url


def redis_illness(redis_url: str | None) -> str | None:
    """What is wrong with Redis, in one sentence; `None` if nothing is."""
    if redis_url is None:
        return "no address of Redis: set PILOT_REDIS_URL"
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    try:
        client = redis.Redis.from_url(
            plain, socket_timeout=CONNECT_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
    except ValueError as error:
        return f"PILOT_REDIS_URL is not an address of Redis: {error}"
    try:
        client.ping()
    except redis.RedisError as error:
        return f"Redis does not answer: {error}"
    finally:
        client.close()
    return None


def make_celery(redis_url: str | None, *, redelivered_seconds: float = VISIBILITY_TIMEOUT_SECONDS) -> Celery:
    """The Celery application that both ends of the queue configure alike: JSON only, no results, redelivered until done.

    Args:
        redis_url: Of the broker.
        redelivered_seconds: After it, a message whose worker has not said that it is done is another worker's.
    """
    celery = Celery("parallel-pilot", broker=redis_url and broker_url(redis_url), set_as_current=False)
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=NOW,
        task_queues=[Queue(name, routing_key=name) for name in (*LIVE_QUEUES, *BATCH_QUEUES)],
        task_routes={job.value: {"queue": queue} for job, queue in QUEUES.items()},
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": redelivered_seconds,
            "unacked_restore_interval": min(LOOK_SECONDS, redelivered_seconds * LOOK_SHARE),
            "unacked_restore_throttle": 1,
            # Round robin, the default, would serve a full queue of grading as often as the sweep.
            "queue_order_strategy": "priority",
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_keepalive": True,
        },
        enable_utc=True,
        timezone="UTC",
    )
    return celery


def make_publish(
    redis_url: str, *, redelivered_seconds: float = VISIBILITY_TIMEOUT_SECONDS
) -> Callable[[Job, list[Any]], None]:
    """A function that sends one job; connects at its first call.

    Jobs leave after the commit, so the row that asks for the work is stored by then: where Redis is away, a log line says
    so and the sweep asks again.
    """
    celery = make_celery(redis_url, redelivered_seconds=redelivered_seconds)

    def publish(job: Job, arguments: list[Any]) -> None:
        try:
            celery.send_task(job.value, args=arguments, ignore_result=True, retry=True, retry_policy=SEND_RETRIES)
        except OperationalError as error:
            log.warning("job %s %s was not sent, the sweep will ask for it: %s", job.value, arguments, error)

    return publish


def publish_where_room(
    redis_url: str | None, publish: Callable[[Job, list[Any]], None], *, most: int = MOST_ASKED_AGAIN
) -> Callable[[Job, list[Any]], None]:
    """For whoever asks again and again for work that may be asked for already: nothing is added to a queue that is long.

    Its workers are busy; once it is short again, all that nobody is at is asked for.
    """
    long = _long_queues(redis_url, most) if redis_url is not None else frozenset()

    def publish_some(job: Job, arguments: list[Any]) -> None:
        if QUEUES[job] not in long:
            publish(job, arguments)

    return publish_some


def _long_queues(redis_url: str, most: int) -> frozenset[str]:
    plain = redis_url.replace("redis+socket://", "unix://", 1)
    client = redis.Redis.from_url(plain, socket_timeout=CONNECT_TIMEOUT_SECONDS, socket_connect_timeout=CONNECT_TIMEOUT_SECONDS)
    try:
        return frozenset(queue for queue in (*LIVE_QUEUES, *BATCH_QUEUES) if client.llen(queue) >= most)
    except redis.RedisError as error:  # then nothing can be sent either
        log.warning("the queues' lengths are not known: %s", type(error).__name__)
        return frozenset()
    finally:
        client.close()


@signals.before_task_publish.connect
def _say_when(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """How long the oldest message waits is read off it."""
    if headers is not None:
        headers[SENT_AT] = time.time()
