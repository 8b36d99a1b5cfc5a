"""httpx and httpx2: which of them the host's client is made of, found out without importing what the host does not use."""

import importlib
import logging
import os
import sys
from importlib import metadata, util
from types import ModuleType
from typing import Any

NAMES = ("httpx2", "httpx")
SWITCHED_AT_MAJOR = 3  # openai's client is made of httpx2 from there on
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
MAX_CONNECTIONS, MAX_KEPT_CONNECTIONS = 1000, 100  # as the openai SDK's own client has them

log = logging.getLogger("parallel_pilot")


def library_of(thing: object) -> ModuleType | None:
    """The library that an object's class comes from; `None` if from neither."""
    for kind in type(thing).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in NAMES:
            return importlib.import_module(name)
    return None


def chosen_library(transport: object | None, library: str | ModuleType | None) -> ModuleType:
    """The one that was named, else the wrapped transport's, else what the host imported, else what its openai SDK uses.

    Raises:
        ValueError: Another library was named.
        ImportError: Neither is installed.
    """
    if isinstance(library, ModuleType):
        return library
    if library is not None:
        if library not in NAMES:
            message = f"library must be one of {', '.join(NAMES)}, not {library!r}"
            raise ValueError(message)
        return importlib.import_module(library)
    found = library_of(transport) if transport is not None else None
    return found or importlib.import_module(_likely())


def _likely() -> str:
    imported = [name for name in NAMES if name in sys.modules]
    if len(imported) == 1:
        return imported[0]
    installed = imported or [name for name in NAMES if util.find_spec(name) is not None]
    if not installed:
        message = "a shadow transport needs httpx or httpx2, which the openai SDK brings along"
        raise ImportError(message)
    by_sdk = _sdk_library()
    return by_sdk if by_sdk in installed else installed[0]


def _sdk_library() -> str | None:
    try:
        major = metadata.version("openai").partition(".")[0]
    except metadata.PackageNotFoundError:
        return None
    return "httpx2" if major.isdigit() and int(major) >= SWITCHED_AT_MAJOR else "httpx"


def own_transport(library: ModuleType, *, is_async: bool) -> Any:
    """A transport that really sends, bounded as the openai SDK's own is."""
    if used := sorted(name for name in os.environ if name.upper() in _PROXIES and os.environ[name]):
        log.warning(
            "parallel_pilot: a client with a transport of its own uses no proxy: %s is ignored; see docs/in-app.md", used[0]
        )
    limits = library.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_KEPT_CONNECTIONS)
    return library.AsyncHTTPTransport(limits=limits) if is_async else library.HTTPTransport(limits=limits)


def body_of(request: Any) -> bytes:
    """A request's body; empty if it is given piece by piece, which is not copied."""
    content: bytes = getattr(request, "_content", b"")
    return content


def rebuilt(request: Any, *, url: Any = None, headers: list[tuple[bytes, bytes]]) -> Any:
    """The same request with other headers; the host's object stays as it is."""
    made = type(request)
    return made(
        request.method, request.url if url is None else url,
        headers=headers, stream=request.stream, extensions=request.extensions,
    )  # fmt: skip
