"""What the supervisor keeps running, and how it is started."""

from functools import partial
from pathlib import Path

from app.settings import Settings
from app.stack.children import Program, answers_ready
from app.stack.home import GATEWAY, StackHome

WORKER_PROCESSES = 2
# After its last answer a gateway hands over what it saw.
FLUSH_SECONDS = 5.0
CELERY = ("celery", "--quiet", "-A", "workers.celery_app")


def gateway_programs(settings: Settings, listening: int, *, outlive: bool, name: str = GATEWAY) -> list[Program]:
    """The gateway's processes, on one socket; `name` begins the names of their slots."""
    return [
        Program(
            GATEWAY,
            ("workers.gateway", str(listening), slot),
            slot=slot,
            file_descriptors=(listening,),
            is_production=True,
            drain_seconds=settings.gateway_drain_seconds + FLUSH_SECONDS,
            outlives=outlive,
        )
        for slot in (f"{name}-{number}" for number in range(1, settings.gateway_workers + 1))
    ]


def other_programs(home: StackHome, listening: int, api_url: str) -> list[Program]:
    """What needs PostgreSQL and Redis."""
    return [
        Program(
            "api", ("workers.serve", str(listening)), answers=partial(answers_ready, api_url), file_descriptors=(listening,)
        ),
        Program("mirror", ("workers.mirror", "mirror-1")),
        Program("recorder", ("workers.recorder", "recorder-1")),
        Program("worker", (*CELERY, *_worker())),
        Program("beat", (*CELERY, *_beat(home.root / "beat" / "schedule"))),
    ]


def _worker() -> tuple[str, ...]:
    return ("worker", "--pool", "prefork", "--concurrency", str(WORKER_PROCESSES), "--without-mingle", "--without-gossip")


def _beat(schedule: Path) -> tuple[str, ...]:
    return ("beat", "--schedule", str(schedule), "--pidfile=")
