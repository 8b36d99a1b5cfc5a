"""Names of the background jobs and the queue they leave by; sent by name, so that nothing here imports a worker."""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import redis
from celery import Celery
from kombu.exceptions import OperationalError

QUEUE = "pilot"
# Longer than any batch: a message that is delivered again while its work still runs would only find claimed rows.
VISIBILITY_TIMEOUT_SECONDS = 3600
CONNECT_TIMEOUT_SECONDS = 2.0
SEND_RETRIES = {"max_retries": 2, "interval_start": 0.0, "interval_step": 0.2, "interval_max": 0.4}

log = logging.getLogger(__name__)


class Job(StrEnum):
    """What Celery workers can be asked to do; arguments are ids only."""

    ANCHORS = "pilot.anchors"
    GRADE = "pilot.grade"
    REHEARSE = "pilot.rehearse"
    REPLAY = "pilot.replay"
    SWEEP = "pilot.sweep"
    MODELS = "pilot.models"
    SCORECARDS = "pilot.scorecards"
    SCORECARD = "pilot.scorecard"
    WEEKLY = "pilot.weekly"
    ALERTS = "pilot.alerts"
    MESSAGES = "pilot.messages"


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


def make_celery(redis_url: str | None) -> Celery:
    """The Celery application that both ends of the queue configure alike: JSON only, no results, redelivered until done."""
    celery = Celery("parallel-pilot", broker=redis_url and broker_url(redis_url), set_as_current=False)
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_SECONDS,
            "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "socket_keepalive": True,
        },
        enable_utc=True,
        timezone="UTC",
    )
    return celery


def make_publish(redis_url: str) -> Callable[[Job, list[Any]], None]:
    """A function that sends one job; connects at its first call.

    Jobs leave after the commit, so the row that asks for the work is stored by then: where Redis is away, a log line says
    so and the sweep asks again.
    """
    celery = make_celery(redis_url)

    def publish(job: Job, arguments: list[Any]) -> None:
        try:
            celery.send_task(job.value, args=arguments, ignore_result=True, retry=True, retry_policy=SEND_RETRIES)
        except OperationalError as error:
            log.warning("job %s %s was not sent, the sweep will ask for it: %s", job.value, arguments, error)

    return publish
