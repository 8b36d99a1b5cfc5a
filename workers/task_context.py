"""What is said of a Celery task while it runs: its name and id in each line of the log, and a span at its end."""

import json
import os
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import signals

from app.traces import names, tracing
from app.traces.spans import Span

_began_ns: ContextVar[int | None] = ContextVar("began_ns", default=None)


@signals.celeryd_init.connect
def _say_in_json(**_: Any) -> None:
    """Celery writes how it ends past all loggers, from the handler of a signal, where nothing may be locked."""
    from celery.apps import worker  # noqa: PLC0415 - of a worker's parent alone

    worker.safe_say = say  # type: ignore[attr-defined]


def say(message: str, _: Any = None) -> None:
    """A line like any other, by one call of the system."""
    line = {"process": "worker", "event": message, "level": "info", "timestamp": datetime.now(UTC).isoformat()}
    with suppress(OSError):
        os.write(sys.stderr.fileno(), json.dumps(line).encode() + b"\n")


@signals.worker_process_init.connect
def _start(**_: Any) -> None:
    """After the fork: a thread does not survive it."""
    tracing.start("worker", os.environ)


@signals.worker_process_shutdown.connect
def _stop(**_: Any) -> None:
    tracing.stop()


@signals.task_prerun.connect
def _begin(task_id: str = "", task: Any = None, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)
    _began_ns.set(time.time_ns())


@signals.task_postrun.connect
def _end(task_id: str = "", task: Any = None, retval: Any = None, state: str | None = None, **_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")
    began_ns = _began_ns.get()
    if began_ns is not None:
        tracing.tell(lambda: task_span(task.name, task_id, state or "unknown", retval, began_ns, time.time_ns()))


def task_span(name: str, task_id: str, state: str, retval: Any, began_ns: int, ended_ns: int) -> Span:
    """One run of a task; of what it raised only the kind."""
    attributes: dict[str, str] = {
        names.MESSAGING_SYSTEM: "celery",
        names.MESSAGING_OPERATION: "process",
        names.MESSAGING_ID: task_id,
        names.TASK: name,
        names.TASK_STATE: state.lower(),
    }
    is_failed = isinstance(retval, BaseException)
    if is_failed:
        attributes[names.ERROR_TYPE] = type(retval).__qualname__
    return Span(name, "consumer", began_ns, ended_ns, attributes, is_failed=is_failed)
