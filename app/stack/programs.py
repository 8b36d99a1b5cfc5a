"""What the supervisor keeps running, and how it is started."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from app.domain.queues import BATCH_QUEUES, LIVE_QUEUES
from app.settings import Settings
from app.stack.children import Program, answers_ready
from app.stack.home import GATEWAY, StackHome

# A turn that is told to end finishes the calls that are under way, and gives the rest back.
WORKER_DRAIN_SECONDS = 25.0
# After its last answer a gateway hands over what it saw.
FLUSH_SECONDS = 5.0
CELERY = ("celery", "--quiet")


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
            hang_seconds=settings.gateway_hang_seconds or None,
        )
        for slot in (f"{name}-{number}" for number in range(1, settings.gateway_workers + 1))
    ]


def other_programs(home: StackHome, settings: Settings, listening: int, api_url: str) -> list[Program]:
    """What needs PostgreSQL and Redis."""
    niceness = settings.worker_niceness
    return [
        Program(
            "api", ("workers.serve", str(listening)), answers=partial(answers_ready, api_url), file_descriptors=(listening,)
        ),
        *_slots("mirror", settings.mirror_processes),
        *_slots("recorder", settings.recorder_processes),
        _worker("worker", "workers.celery_app", settings.worker_processes, LIVE_QUEUES, slot=None, niceness=niceness),
        _worker("batch", "workers.batch_app", settings.batch_processes, BATCH_QUEUES, slot="worker-batch", niceness=niceness),
        Program("beat", (*CELERY, "-A", "workers.celery_app", *_beat(home.root / "beat" / "schedule"))),
    ]


def _slots(name: str, number: int) -> list[Program]:
    """So many processes of one kind, each under a name of its own: what another of the same name left is taken over."""
    slots = [f"{name}-{each}" for each in range(1, number + 1)]
    return [Program(name, (f"workers.{name}", slot), slot=slot if number > 1 else None) for slot in slots]


def _worker(node: str, application: str, processes: int, queues: Sequence[str], *, slot: str | None, niceness: int) -> Program:
    """A worker that reads these queues: one that is busy with a replay for a quarter of an hour keeps no sweep waiting."""
    pool = ("worker", "--pool", "prefork", "--concurrency", str(processes), "--without-mingle", "--without-gossip")
    arguments = (*CELERY, "-A", application, *pool, "--hostname", f"{node}@%h", "--queues", ",".join(queues))
    return Program("worker", arguments, slot=slot, drain_seconds=WORKER_DRAIN_SECONDS, niceness=niceness)


def _beat(schedule: Path) -> tuple[str, ...]:
    return ("beat", "--schedule", str(schedule), "--pidfile=")
