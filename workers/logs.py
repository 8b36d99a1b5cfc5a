"""One JSON line a log entry, on standard error, for our own entries and those of libraries alike (docs/traces.md)."""

import logging
import re
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, Processor

from app.settings import LogLevel
from app.traces import tracing
from app.traces.spans import trace_name
from workers.log_repeats import Repeats, say_repeats

# What a caller may add to a line by `extra`.
FIELDS = ("pilot", "exchange", "arm", "boot", "number", "entry", "events", "task", "task_id")
# Two lines for each look at the revision; statements with what they store.
QUIET = ("alembic", "sqlalchemy")
OURS = ("app", "workers", "parallel_pilot")
# Others may quote what they were given, and that may be a text of production.
_SPEAK_OF_PROGRAMS = (OSError, ImportError, AttributeError, NameError, TypeError)
_SPEAK_OF_CONNECTIONS = re.compile(
    r"(sqlalchemy|psycopg|redis|kombu)[\w.]*\.(OperationalError|InterfaceError|ConnectionError|TimeoutError)"
)
_CLASS = re.compile(r"[\w.]*")


def configure_logs(process: str, level: LogLevel = "INFO") -> None:
    """Call it once, first thing in a process.

    Args:
        process: The process's name, in every line.
        level: Our own entries below it are dropped, and those of libraries below it or INFO.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, event: {"process": process, **event},
        structlog.processors.ExceptionRenderer(_told if level != "DEBUG" else _told_in_full),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_of_celery, structlog.stdlib.ExtraAdder(FIELDS), *shared],
            processors=[
                say_repeats,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries tell at DEBUG what they send and receive: texts, keys.
    chosen = logging.getLevelNamesMapping()[level]
    root.setLevel(max(chosen, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(chosen, logging.WARNING))


def _with_trace(_: Any, __: str, event: EventDict) -> EventDict:
    """The trace of the exchange that a line is about, where traces are told."""
    pilot, exchange = event.get("pilot"), event.get("exchange")
    if not tracing.is_on() or not isinstance(pilot, str) or not isinstance(exchange, str):
        return event
    return {**event, "trace_id": trace_name(pilot, exchange)}


def _of_celery(_: Any, __: str, event: EventDict) -> EventDict:
    """A task's name and id as fields of their own, in lines of a worker's parent as well; of what was raised its kind."""
    data = getattr(event.get("_record"), "data", None)
    if not isinstance(data, dict) or "id" not in data or "name" not in data:
        return event
    words, raised = str(event["event"]), str(data.get("exc") or "")
    kind = _CLASS.match(raised)
    said = words.replace(raised, kind[0]) if raised and kind is not None else words
    return {"task": data["name"], "task_id": data["id"], **event, "event": said}


def _told(exc_info: ExcInfo) -> str:
    """A traceback whose words are left out where they may be production's."""
    return "".join(_lines(exc_info[1]))


def _told_in_full(exc_info: ExcInfo) -> str:
    return "".join(traceback.format_exception(*exc_info))


def _lines(error: BaseException) -> list[str]:
    before: list[str] = []
    if error.__cause__ is not None:
        before = [*_lines(error.__cause__), "\nThe above exception was the direct cause of the following:\n\n"]
    elif error.__context__ is not None and not error.__suppress_context__:
        before = [*_lines(error.__context__), "\nDuring the handling of the above exception:\n\n"]
    name = _name(error)
    is_harmless = isinstance(error, _SPEAK_OF_PROGRAMS) or _SPEAK_OF_CONNECTIONS.fullmatch(name)
    words = f": {error}" if is_harmless else ""
    own = ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__), f"{name}{words}\n"]
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [*before, *own, *(line for each in inner for line in ("\nIn the group above:\n\n", *_lines(each)))]


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
