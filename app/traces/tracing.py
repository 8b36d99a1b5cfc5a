"""Whether this process tells spans, and where they go: one exporter a process, made after any fork."""

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from app.traces.spans import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CLOSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Exporter(Protocol):
    """Takes spans to a collector."""

    def tell(self, make: Callable[[], Span]) -> None:
        """Takes a span, at once, or drops it without making it."""
        ...

    def close(self, seconds: float) -> None:
        """Sends what is left, for no longer than this."""
        ...


class _Process:
    exporter: Exporter | None = None


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether an endpoint is set, and nothing else says no."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none":
        return False
    return any(environment.get(name, "").strip() for name in ENDPOINTS)


def start(process: str, environment: Mapping[str, str]) -> bool:
    """Tells spans from here on, if the environment says where to.

    Args:
        process: As in its log lines.
        environment: The process's own: OpenTelemetry reads the rest of its variables there.
    """
    if not is_wanted(environment):
        return False
    from app.traces.exporting import OtlpExporter  # noqa: PLC0415 - nothing of OpenTelemetry is loaded where it is off

    stop()
    _Process.exporter = OtlpExporter(process, environment)
    return True


def stop(seconds: float = CLOSE_SECONDS) -> None:
    """Sends what is left, for a moment, and tells no more."""
    exporter, _Process.exporter = _Process.exporter, None
    if exporter is not None:
        exporter.close(seconds)


def is_on() -> bool:
    """Whether spans are told; where they are not, nobody makes them."""
    return _Process.exporter is not None


def tell(make: Callable[[], Span]) -> None:
    """Makes a span and takes it, if spans are told; never waits, and never fails whoever tells it."""
    exporter = _Process.exporter
    if exporter is None:
        return
    try:
        exporter.tell(make)
    except Exception as error:  # a fault of ours in a trace must cost no exchange
        log.error("a span could not be told: %s", type(error).__name__)  # noqa: TRY400 - its words may be production's
