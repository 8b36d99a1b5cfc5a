"""A collector on loopback: takes spans by OTLP over HTTP, keeps what was sent as bytes and as what it says."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typing_extensions import override

PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Received:
    """A span as a collector has it; ids in hexadecimal, `""` = none above."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    status: int
    links: tuple[tuple[str, str], ...]
    events: dict[str, dict[str, Any]]
    schema_url: str


@dataclass
class Collector:
    """What came; `hangs` = it takes requests and never answers, `status` = what it answers otherwise."""

    url: str
    status: int = 200
    hangs: threading.Event | None = None
    bodies: list[bytes] = field(default_factory=list)
    requests: int = 0

    @property
    def spans(self) -> list[Received]:
        return [span for body in self.bodies for span in _spans(body)]

    def of(self, **attributes: Any) -> list[Received]:
        """Those with these attributes; an underscore stands for a dot, and `parallel_pilot.` need not be said."""
        wanted = {f"parallel_pilot.{name}": value for name, value in attributes.items()}
        return [span for span in self.spans if wanted.items() <= span.attributes.items()]


@contextmanager
def collector(*, hangs: bool = False) -> Iterator[Collector]:
    """One that runs; at the end it lets go of whoever it kept waiting."""
    made = Collector("", hangs=threading.Event() if hangs else None)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests += 1
            if made.hangs is not None:
                made.hangs.wait(30.0)
                return
            made.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(made.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        if made.hangs is not None:
            made.hangs.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _spans(body: bytes) -> Iterator[Received]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    attributes=_attributes(span.attributes),
                    resource=_attributes(resource.resource.attributes),
                    status=span.status.code,
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    events={event.name: _attributes(event.attributes) for event in span.events},
                    schema_url=scope.schema_url,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
