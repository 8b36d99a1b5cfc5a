"""Spans reach a real collector, and one that is dead, slow or full costs nobody anything."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.traces import tracing
from app.traces.exporting import spans as counted
from app.traces.names import CONVENTIONS
from app.traces.spans import Event, Span, exchange_place, read_traceparent, trace_name
from tests.collector import PATH, Collector, collector

ROOT = Path(__file__).resolve().parents[3]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    yield
    tracing.stop(0.1)


@pytest.fixture
def there() -> Iterator[Collector]:
    with collector() as made:
        yield made


def start(monkeypatch: pytest.MonkeyPatch, url: str, **more: str) -> None:
    """As a process with these variables starts."""
    environment = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + PATH} | more
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tracing.start("mirror", environment)


def a_span(number: int = 1, **more: Any) -> Span:
    values: dict[str, Any] = {"attributes": {"gen_ai.operation.name": "chat"}} | more
    return Span("chat gpt-5.1", "client", 1_000_000_000, 1_500_000_000 + number, **values)


def outcomes() -> dict[str, float]:
    (metric,) = counted.collect()
    return {each.labels["outcome"]: each.value for each in metric.samples if each.name.endswith("_total")}


def since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in outcomes().items()}


def test_a_span_arrives_as_it_was_told(monkeypatch: pytest.MonkeyPatch, there: Collector) -> None:
    start(monkeypatch, there.url, OTEL_SERVICE_NAME="shadow")
    graded = Event("gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 1.0})
    tracing.tell(
        lambda: a_span(0, place=exchange_place("p", "b-1"), links=(TRACEPARENT, "nonsense"), events=(graded,), is_failed=True)
    )
    tracing.stop()
    (span,) = there.spans
    assert (span.name, span.kind, span.start_ns, span.end_ns) == ("chat gpt-5.1", 3, 1_000_000_000, 1_500_000_000)
    assert (span.trace_id, span.parent_id, span.status) == (trace_name("p", "b-1"), "", 2)
    assert span.links == ((TRACEPARENT[3:35], TRACEPARENT[36:52]),)
    assert span.events == {"gen_ai.evaluation.result": {"gen_ai.evaluation.score.value": 1.0}}
    assert (span.resource["service.name"], span.resource["parallel_pilot.process"]) == ("shadow", "mirror")
    assert span.schema_url.endswith(CONVENTIONS)


def test_calls_of_one_exchange_are_below_production_s_whoever_tells_them(
    monkeypatch: pytest.MonkeyPatch, there: Collector
) -> None:
    start(monkeypatch, there.url)
    tracing.tell(lambda: a_span(place=exchange_place("p", "b-1", "qwen")))
    tracing.stop()
    start(monkeypatch, there.url)  # another process
    tracing.tell(lambda: a_span(place=exchange_place("p", "b-1")))
    tracing.tell(lambda: a_span(place=exchange_place("p", "b-2")))
    tracing.stop()
    call, production, other = there.spans
    assert call.trace_id == production.trace_id != other.trace_id
    assert call.parent_id == production.span_id != call.span_id
    assert production.resource["service.name"] == "parallel-pilot"


@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_of_a_trace_that_is_not_sampled_no_process_tells_anything(
    monkeypatch: pytest.MonkeyPatch, there: Collector, sampler: str
) -> None:
    start(monkeypatch, there.url, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG="0.5")
    for number in range(40):
        for what in ((), ("qwen",), ("qwen", "judge")):
            tracing.tell(partial(a_span, place=exchange_place("p", f"b-{number}", *what)))
    tracing.stop()
    traces = [span.trace_id for span in there.spans]
    assert 5 < len(set(traces)) < 35
    assert all(traces.count(trace) == 3 for trace in traces)


@pytest.mark.parametrize("problem", ["hangs", "refuses", "is not there"])
def test_a_collector_that_takes_nothing_costs_nobody_anything(monkeypatch: pytest.MonkeyPatch, problem: str) -> None:
    before = outcomes()
    with collector(hangs=problem == "hangs") as there:
        there.status = 400
        url = there.url if problem != "is not there" else f"http://127.0.0.1:{a_free_port()}"
        start(monkeypatch, url, OTEL_BSP_MAX_QUEUE_SIZE="100", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10")
        begun = time.thread_time()
        for number in range(2000):
            tracing.tell(partial(a_span, number))
        used = time.thread_time() - begun
        tracing.stop(0.05)
    found = since(before)
    assert found["sent"] == 0
    # A batch may still be on its way to a collector that has not said no.
    assert found["dropped"] + found["failed"] >= 1990
    assert used < 2.0, "of 2,000 spans: the queue never waits for the collector"


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_span_that_cannot_be_made_harms_nobody(monkeypatch: pytest.MonkeyPatch, there: Collector) -> None:
    start(monkeypatch, there.url)

    def broken() -> Span:
        raise ValueError("zibbernaught")

    tracing.tell(broken)
    tracing.tell(a_span)
    tracing.stop()
    assert len(there.spans) == 1


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_told_only_where_an_endpoint_is_set(environment: dict[str, str], *, is_wanted: bool) -> None:
    assert tracing.is_wanted(environment) == is_wanted


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.upper(), False),
        (TRACEPARENT[:-1], False),
        (TRACEPARENT + "0", False),
        ("01" + TRACEPARENT[2:], False),
        ("00-" + "0" * 32 + TRACEPARENT[35:], False),
        (TRACEPARENT[:36] + "0" * 16 + "-01", False),
        (TRACEPARENT[:-2] + "0\n", False),
        (None, False),
    ],
)
def test_a_traceparent_is_read_strictly(value: str | None, *, is_one: bool) -> None:
    assert (read_traceparent(value) is not None) == is_one


IMPORTS = """
import sys
from app.traces import about, names, spans, tracing
assert not tracing.start("mirror", {})
tracing.tell(lambda: 1 / 0)
print([name for name in sys.modules if name.startswith(("opentelemetry", "google.protobuf"))])
"""


def test_nothing_of_opentelemetry_is_imported_where_it_is_off() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout


def test_one_file_imports_opentelemetry_and_one_place_imports_that_file() -> None:
    files = [file for folder in ("app", "workers", "parallel_pilot") for file in (ROOT / folder).rglob("*.py")]
    theirs = [file.name for file in files if re.search(r"^\s*(from|import) opentelemetry", file.read_text(), re.MULTILINE)]
    ours = [line for file in files for line in file.read_text().splitlines() if "import" in line and "traces.exporting" in line]
    assert theirs == ["exporting.py"]
    assert [line.startswith(" ") for line in ours] == [True], "not where a module begins"
