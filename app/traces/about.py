"""What the lines of the log are about: an exchange, a task, a request; bound once where work on it begins."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

_asking: ContextVar[dict[str, str] | None] = ContextVar("asking", default=None)


@contextmanager
def about(**names: str | int) -> Iterator[None]:
    """Whatever is logged in here carries these names (`pilot`, `exchange`, …), in threads and tasks begun in here as well."""
    with structlog.contextvars.bound_contextvars(**names):
        yield


def bind(**names: str) -> None:
    """The same to the end of the present task, which has a context of its own."""
    structlog.contextvars.bind_contextvars(**names)


def open_request(request: str) -> dict[str, str]:
    """From here on lines carry a request's id; gives what is noted of who asks."""
    structlog.contextvars.bind_contextvars(request=request)
    noted: dict[str, str] = {}
    _asking.set(noted)
    return noted


def note_key(name: str) -> None:
    """The name of the API key with which the present request came: known deep inside of it, told at its end."""
    noted = _asking.get()
    if noted is not None:
        noted["key"] = name
