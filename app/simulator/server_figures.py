"""A simulated server's metrics page: real figures of its own under vLLM's names, and what a server's age does to it."""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from app.simulator.completions import Answer
from app.simulator.draws import uniform

KV_CACHE_PER_CALL = 0.01
_LIMITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Ageing:
    """What each answer leaves behind: the next ones take longer, and some of the KV cache is never free again."""

    seconds_per_answer: float = 0.0
    kv_cache_per_answer: float = 0.0


@dataclass(slots=True)
class ServerFigures:
    """The figures of one role.

    Attributes:
        model: Its label.
        ageing: Nothing by default.
        varies: Share of answers that are another one each time, whatever the temperature.
        slots: Calls that it works on at once; the others wait. 0 = all.
        seed: Of the draws, which count answers.
    """

    model: str
    ageing: Ageing = field(default_factory=Ageing)
    varies: float = 0.0
    slots: int = 0
    seed: int = 0
    under_way: int = 0
    answers: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    first_seconds: float = 0.0
    first_by_limit: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    started_at: float = field(default_factory=time.time)

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call, from its request to the end of its answer."""
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def answered(self, answer: Answer) -> Answer:
        """Counts an answer; gives it as the server's faults leave it."""
        self.answers += 1
        usage = answer.usage or {}
        self.prompt_tokens += int(usage.get("prompt_tokens", 0))
        self.output_tokens += int(usage.get("completion_tokens", 0))
        if answer.content is None or uniform(self.seed, self.answers, "varies") >= self.varies:
            return answer
        return replace(answer, content=f"{answer.content} (This is answer {self.answers}.)")

    def first_token(self, seconds: float) -> None:
        """Counts an answer's first token, so long after its call."""
        self.first_seconds += seconds + self.delay_seconds
        self.first_by_limit[bisect_left(_LIMITS, seconds + self.delay_seconds)] += 1

    @property
    def delay_seconds(self) -> float:
        """What its age adds to an answer."""
        return self.ageing.seconds_per_answer * self.answers

    @property
    def running(self) -> int:
        """Calls that it works on."""
        return min(self.under_way, self.slots) if self.slots else self.under_way

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return self.under_way - self.running

    @property
    def kv_cache_usage(self) -> float:
        """Share of the KV cache in use."""
        return min(1.0, KV_CACHE_PER_CALL * self.running + self.ageing.kv_cache_per_answer * self.answers)


def metrics_page(figures: Iterable[ServerFigures]) -> bytes:
    """The page of all roles of one server, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Page(list(figures)))
    return generate_latest(registry)


class _Page(Collector):
    def __init__(self, figures: list[ServerFigures]) -> None:
        self._figures = figures

    @override
    def collect(self) -> Iterator[Metric]:
        started = min((each.started_at for each in self._figures), default=0.0)
        yield GaugeMetricFamily("process_start_time_seconds", "Start time of the process since unix epoch.", started)
        gauges = {
            "vllm:num_requests_running": ("Number of requests in model execution batches.", "running"),
            "vllm:num_requests_waiting": ("Number of requests waiting to be processed.", "waiting"),
            "vllm:kv_cache_usage_perc": ("KV-cache usage. 1 means 100 percent usage.", "kv_cache_usage"),
        }
        for name, (meaning, attribute) in gauges.items():
            gauge = GaugeMetricFamily(name, meaning, labels=["model_name"])
            for each in self._figures:
                gauge.add_metric([each.model], getattr(each, attribute))
            yield gauge
        for name, attribute in (("vllm:prompt_tokens", "prompt_tokens"), ("vllm:generation_tokens", "output_tokens")):
            counter = CounterMetricFamily(name, "Number of tokens processed.", labels=["model_name"])
            for each in self._figures:
                counter.add_metric([each.model], getattr(each, attribute), created=each.started_at)
            yield counter
        histogram = HistogramMetricFamily(
            "vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", labels=["model_name"]
        )
        for each in self._figures:
            limits = (*map(str, _LIMITS), "+Inf")
            buckets = list(zip(limits, map(float, accumulate(each.first_by_limit)), strict=True))
            histogram.add_metric([each.model], buckets, each.first_seconds)
        yield histogram
