"""How a candidate's server fares while it serves: its own metrics, its age, its load, and the same question asked twice.

What is read (`ServerReadings`, `HourReadings`, …), and the part of a scorecard that is made of it (`ServingModel`).
"""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from app.domain.configuration import CandidateTable
from app.domain.estimate_models import EstimateModel, Model

METRICS_PATHS = {
    "vllm": "/metrics",
    "sglang": "/metrics",
    "tgi": "/metrics",
    "llamacpp": "/metrics",
    "tensorrt-llm": "/prometheus/metrics",  # its `/metrics` is a JSON list of iterations
}
"""Where each server has its metrics page; Ollama has none, and of any other nobody knows."""

UNFIT_SERVERS = ("ollama", "llamacpp")
"""Servers for development and small tests: no latency under load can be learned from them."""


def metrics_address(table: CandidateTable) -> str | None:
    """The address of a candidate's metrics page; `None` = it has none, or it is not to be read."""
    if table.metrics_url is not None:
        return table.metrics_url or None
    path = METRICS_PATHS.get(table.server)
    parts = urlsplit(table.base_url)
    return f"{parts.scheme}://{parts.netloc}{path}" if path is not None else None


@dataclass(frozen=True, slots=True)
class ServerReadings:
    """What one metrics page said.

    Attributes:
        values: By our names (docs/serving.md); what the page does not say is absent.
        server: Whose page it is, by the names of its metrics; `None` = nobody's that is known here.
        problem: Why there are no values, in one sentence.
    """

    values: dict[str, float] = field(default_factory=dict)
    server: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ServingMark:
    """Tells whether more was read of a pilot's servers up to a moment: readings and repeats are only ever added."""

    readings: int = 0
    last_at: datetime | None = None
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class HourReadings:
    """One hour (UTC) of a server's readings; `None` = none of them said it."""

    hour: datetime
    readings: int
    problems: int = 0
    running_mean: float | None = None
    running_max: float | None = None
    waiting_mean: float | None = None
    waiting_max: float | None = None
    kv_cache_mean: float | None = None
    kv_cache_max: float | None = None
    gpu_utilisation_mean: float | None = None
    gpu_memory_bytes_max: float | None = None
    preemptions: float | None = None
    prefix_cache_hits: float | None = None
    prefix_cache_queries: float | None = None
    prefix_cache_hit_rate_mean: float | None = None
    ttft_seconds_sum: float | None = None
    ttft_count: float | None = None


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """One life of a server's process, as its metrics page showed it.

    Attributes:
        started_at: By its own word; else when it was seen first, or first after its counters began anew.
        first_at: First reading of it.
        last_at: Last reading of it.
        is_said: The page says when the process started.
    """

    started_at: datetime
    first_at: datetime
    last_at: datetime
    is_said: bool = True


@dataclass(frozen=True, slots=True)
class RepeatCount:
    """Repeated calls that ended in the same way; `is_equal` `None` = the second one failed."""

    is_deterministic: bool
    is_equal: bool | None
    failure: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class ServingSeen:
    """All that was read of one candidate's server up to a moment."""

    hours: tuple[HourReadings, ...] = ()
    processes: tuple[ServerProcess, ...] = ()
    repeats: tuple[RepeatCount, ...] = ()
    servers: tuple[str, ...] = ()
    last_problem: str = ""


class ServerNow(Model):
    """The last reading of a candidate's metrics page; `problem`: why there is none. `None` = the page does not say it."""

    arm: str
    at: datetime
    server: str | None = None
    problem: str | None = None
    running: float | None = None
    waiting: float | None = None
    kv_cache_usage_rate: float | None = None
    gpu_utilisation_rate: float | None = None
    process_started_at: datetime | None = None


class ServingDay(Model):
    """One day of the server's own metrics; `None` = it does not say."""

    day: int
    readings: int
    problems: int = 0
    running_mean: float | None = None
    running_max: float | None = None
    waiting_max: float | None = None
    kv_cache_mean: float | None = None
    kv_cache_max: float | None = None
    gpu_utilisation_mean: float | None = None
    gpu_memory_bytes_max: float | None = None
    preemptions: float | None = None
    prefix_cache_hit_rate: float | None = None
    ttft_mean_seconds: float | None = None


class ServingBucket(Model):
    """Answers between two ages of the server (hours) or two loads (calls at once): `from` ≤ x < `to`.

    `p95`: the 95th percentile in seconds with its interval (n = answers); `at_once_mean`: calls under way with each of them.
    """

    from_: float
    to: float | None = None
    p95: EstimateModel = EstimateModel()
    at_once_mean: float | None = None


class ServingTrend(Model):
    """One time of the candidate against the server's age, or against its load.

    `slope`: seconds more for each day of age, or for each call more at once (mean, n = answers). `last_minus_first`: the 95th
    percentile of the quarter of answers with the highest x less that of the quarter with the lowest; `grows`: its interval lies
    above 0; `None` = not known.
    """

    buckets: list[ServingBucket] = []
    slope: EstimateModel = EstimateModel()
    last_minus_first: EstimateModel = EstimateModel()
    grows: bool | None = None


class RepeatModel(Model):
    """The same request sent twice; `equal_rate` over those that answered twice (n = calls)."""

    equal_rate: EstimateModel = EstimateModel()
    equal: int = 0
    different: int = 0
    failed: int = 0


class ServingModel(Model):
    """How the candidate's server fared while the pilot ran; descriptive: no gate rests on it.

    `restarts`: starts of its process within the pilot. `processes_at_once` above 1: several replicas answer at one address, so
    no answer can be given a server's age. `kv_cache_per_day`: how much the share of the KV cache in use grows for each day of
    age at equal load (n = hours). `deterministic`: repeats of requests with temperature 0 or a seed; `sampled`: of all others.
    """

    configured_server: str = ""
    seen_servers: list[str] = []
    metrics_url: str | None = None
    readings: int = 0
    problems: int = 0
    last_problem: str = ""
    days: list[ServingDay] = []
    restarts: list[datetime] = []
    processes_at_once: int = 0
    longest_uptime_hours: float | None = None
    uptime: dict[str, ServingTrend] = {}
    load: dict[str, ServingTrend] = {}
    kv_cache_per_day: EstimateModel = EstimateModel()
    kv_cache_grows: bool | None = None
    deterministic: RepeatModel = RepeatModel()
    sampled: RepeatModel = RepeatModel()
    is_unfit_for_load: bool = False
    warnings: list[str] = []
    not_tested: list[str] = []
