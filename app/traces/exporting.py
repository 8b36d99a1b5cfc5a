"""Spans to a collector by OTLP over HTTP: a bounded queue and one thread, so that a collector that hangs costs nothing.

OpenTelemetry's own batch processor drops the oldest without a count and waits half a minute for a collector at its end.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from random import getrandbits

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from prometheus_client import Counter
from typing_extensions import override

import parallel_pilot
from app.traces.names import PROCESS, SCHEMA_URL
from app.traces.spans import Place, Span, read_traceparent

SERVICE = "parallel-pilot"
QUEUED_SPANS = 2048
BATCH_SPANS = 512
DELAY_MILLISECONDS = 5000
_KINDS = {"client": SpanKind.CLIENT, "consumer": SpanKind.CONSUMER, "internal": SpanKind.INTERNAL}

spans = Counter(
    "pilot_trace_spans_total",
    "Spans by what became of them: sent, dropped (the queue was full, or the process ended), failed (the collector took none).",
    ["outcome"],
)
for _outcome in ("sent", "dropped", "failed"):
    spans.labels(_outcome)

log = logging.getLogger(__name__)


class OtlpExporter:
    """Of one process.

    Args:
        process: As in its log lines.
        environment: `OTEL_BSP_*`, `OTEL_SERVICE_NAME`; the SDK reads the rest from the process's own.
        exporter: Where spans go; by default as the environment says.
    """

    def __init__(self, process: str, environment: Mapping[str, str], exporter: SpanExporter | None = None) -> None:
        self._ids = _GivenIds()
        self._queue = Queue(
            exporter or OTLPSpanExporter(),
            most=_number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", QUEUED_SPANS),
            batch=_number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_SPANS),
            delay_seconds=_number(environment, "OTEL_BSP_SCHEDULE_DELAY", DELAY_MILLISECONDS) / 1000,
        )
        resource = Resource.create({PROCESS: process, **_service(environment)})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer("parallel_pilot", parallel_pilot.__version__, SCHEMA_URL)

    def tell(self, make: Callable[[], Span]) -> None:
        """Takes a span if there is room and the sampler wants its trace; without room it is not even made."""
        if self._queue.is_full:
            spans.labels("dropped").inc()
            return
        span = make()
        self._ids.given.place = span.place
        made = self._tracer.start_span(
            span.name,
            context=self._above(span),
            kind=_KINDS[span.kind],
            attributes=span.attributes,
            links=[_link(*read) for read in map(read_traceparent, span.links) if read is not None],
            start_time=span.start_ns,
        )
        for event in span.events:
            made.add_event(event.name, event.attributes, span.end_ns)
        if span.is_failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(max(span.start_ns, span.end_ns))

    def close(self, seconds: float) -> None:
        """Sends what is left, for no longer than this."""
        self._queue.close(seconds)

    def _above(self, span: Span) -> Context:
        """The span above, made up: another process tells it. Whether it was sampled is told by its trace's id alone."""
        place = span.place
        if place is None or place.parent_id is None:
            return Context()
        decided = self._provider.sampler.should_sample(Context(), place.trace_id, span.name)
        is_sampled = decided.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
        above = SpanContext(place.trace_id, place.parent_id, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(above), Context())


class Queue(SpanProcessor):
    """Spans that wait to be sent.

    Args:
        exporter: Sends a batch; may take as long as it likes.
        most: So many wait; beyond it new ones are dropped and counted.
        batch: So many leave together, at once.
        delay_seconds: Fewer leave after so long.
    """

    def __init__(self, exporter: SpanExporter, *, most: int, batch: int, delay_seconds: float) -> None:
        self._exporter = exporter
        self._most = most
        self._batch = min(batch, most)
        self._delay = delay_seconds
        self._waiting: deque[ReadableSpan] = deque()
        self._taking = threading.Lock()
        self._wake = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether a span would be dropped now."""
        return self._is_closing or len(self._waiting) >= self._most

    @override
    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self.is_full:
            spans.labels("dropped").inc()
            return
        self._waiting.append(span)
        if len(self._waiting) >= self._batch:
            self._wake.set()

    def close(self, seconds: float) -> None:
        """Sends what is left, for no longer than this; the rest is dropped."""
        self._is_closing = True
        self._wake.set()
        self._thread.join(seconds)
        with self._taking:
            spans.labels("dropped").inc(len(self._waiting))
            self._waiting.clear()
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait(self._delay)
            self._wake.clear()
            while batch := self._take():
                self._send(batch)

    def _take(self) -> list[ReadableSpan]:
        with self._taking:
            return [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]

    def _send(self, batch: list[ReadableSpan]) -> None:
        try:
            is_sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:  # the thread must live on, whatever a library raises
            log.warning("spans could not be sent: %s", type(error).__name__)
            is_sent = False
        spans.labels("sent" if is_sent else "failed").inc(len(batch))


class _Given(threading.local):
    place: Place | None = None


class _GivenIds(IdGenerator):
    """The ids of the span that is told next by this thread; random where it says none."""

    def __init__(self) -> None:
        self.given = _Given()

    @override
    def generate_trace_id(self) -> int:
        return self.given.place.trace_id if self.given.place is not None else getrandbits(128) or 1

    @override
    def generate_span_id(self) -> int:
        return self.given.place.span_id if self.given.place is not None else getrandbits(64) or 1


def _link(trace_id: int, span_id: int, flags: int) -> Link:
    return Link(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags)))


def _service(environment: Mapping[str, str]) -> dict[str, str]:
    """What we are called, unless the environment gives a name."""
    is_named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if is_named else {"service.name": SERVICE}


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    """A bound of the environment; one that is none is told, and the default holds."""
    given = environment.get(name, "").strip()
    if not given:
        return default
    if given.isdigit() and int(given) > 0:
        return int(given)
    log.warning("%s is %r and must be a whole number above 0: %d holds", name, given, default)
    return default
