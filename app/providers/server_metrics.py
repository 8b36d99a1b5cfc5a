"""Reads a model server's own Prometheus page and gives its numbers our names (docs/serving.md)."""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.domain.serving import ServerReadings
from app.providers.draft import cut

MOST_BYTES = 8 * 1024 * 1024
LONG_BYTES = 64 * 1024  # a longer page is read in a thread beside the loop
MOST_SAMPLES = 20_000
MEBIBYTE = 1024.0**2
MOST_RATE = 1.01  # rates are shares; what rounding adds is cut off
ACCEPT = {"Accept": "text/plain;version=0.0.4, application/openmetrics-text;q=0.5"}

Joining = Literal["sum", "mean", "min"]
Sample = tuple[str, dict[str, str], float]


@dataclass(frozen=True, slots=True)
class _Source:
    """One metric that says a reading: engines and replicas of one page are joined, `scale` makes our unit of theirs."""

    metric: str
    joining: Joining = "sum"
    labels: Mapping[str, str] = field(default_factory=dict)
    scale: float = 1.0


_TRITON_REQUESTS, _TRITON_BLOCKS = "nv_trt_llm_request_metrics", "nv_trt_llm_kv_cache_block_metrics"
# For each reading the first source that the page has. Names: the servers' own documentation, old and new versions.
_SOURCES: dict[str, tuple[_Source, ...]] = {
    "running": (
        _Source("vllm:num_requests_running"),
        _Source("sglang:num_running_reqs"),
        _Source("tgi_batch_current_size"),
        _Source("llamacpp:requests_processing"),
        _Source("trtllm_num_requests_running"),
        _Source(_TRITON_REQUESTS, labels={"request_type": "scheduled"}),
    ),
    "waiting": (
        _Source("vllm:num_requests_waiting"),
        _Source("sglang:num_queue_reqs"),
        _Source("tgi_queue_size"),
        _Source("llamacpp:requests_deferred"),
        _Source("trtllm_num_requests_waiting"),
        _Source(_TRITON_REQUESTS, labels={"request_type": "waiting"}),
    ),
    "kv_cache_usage_rate": (
        _Source("vllm:kv_cache_usage_perc", "mean"),
        _Source("vllm:gpu_cache_usage_perc", "mean"),
        _Source("sglang:token_usage", "mean"),
        _Source("llamacpp:kv_cache_usage_ratio", "mean"),
        _Source("trtllm_kv_cache_utilization", "mean"),
        _Source(_TRITON_BLOCKS, "mean", {"kv_cache_block_type": "fraction"}),
    ),
    "gpu_utilisation_rate": (
        _Source("DCGM_FI_DEV_GPU_UTIL", "mean", scale=0.01),
        _Source("nv_gpu_utilization", "mean"),
    ),
    "gpu_memory_bytes": (_Source("DCGM_FI_DEV_FB_USED", scale=MEBIBYTE), _Source("nv_gpu_memory_used_bytes")),
    "preemptions": (_Source("vllm:num_preemptions_total"),),
    "prefix_cache_hits": (_Source("vllm:prefix_cache_hits_total"), _Source("vllm:gpu_prefix_cache_hits_total")),
    "prefix_cache_queries": (_Source("vllm:prefix_cache_queries_total"), _Source("vllm:gpu_prefix_cache_queries_total")),
    "prefix_cache_hit_rate": (_Source("sglang:cache_hit_rate", "mean"), _Source("trtllm_kv_cache_hit_rate", "mean")),
    "output_tokens": (
        _Source("vllm:generation_tokens_total"),
        _Source("sglang:generation_tokens_total"),
        _Source("tgi_request_generated_tokens_sum"),
        _Source("llamacpp:tokens_predicted_total"),
        _Source("trtllm_generation_tokens_total"),
    ),
    "ttft_seconds_sum": (
        _Source("vllm:time_to_first_token_seconds_sum"),
        _Source("sglang:time_to_first_token_seconds_sum"),
        _Source("trtllm_time_to_first_token_seconds_sum"),
    ),
    "ttft_count": (
        _Source("vllm:time_to_first_token_seconds_count"),
        _Source("sglang:time_to_first_token_seconds_count"),
        _Source("trtllm_time_to_first_token_seconds_count"),
    ),
    "process_started_at": (_Source("process_start_time_seconds", "min"),),
}
_RATES = frozenset(name for name in _SOURCES if name.endswith("_rate"))
_BLOCKS = ("used", "max")
_PREFIXES = {
    "vllm:": "vllm", "sglang:": "sglang", "tgi_": "tgi", "llamacpp:": "llamacpp", "trtllm_": "tensorrt-llm",
    "nv_trt_llm_": "tensorrt-llm", "ollama_": "ollama",
}  # fmt: skip
_WANTED = frozenset(source.metric for sources in _SOURCES.values() for source in sources)
# Exporters that escape names write `_` for `:`, and Dynamo the other way round.
_OTHER_PREFIXES = {"vllm_": "vllm:", "sglang_": "sglang:", "llamacpp_": "llamacpp:", "trtllm:": "trtllm_"}
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_CREATED = "_created"
# What else stands for one engine of several: ranks of one engine say the same number again.
_RANKS = ("tp_rank", "pp_rank", "moe_ep_rank")


async def read_metrics(
    session: aiohttp.ClientSession, url: str, *, model: str, key: SecretStr | None, timeout_seconds: float
) -> ServerReadings:
    """Reads a page once; whatever the server does is part of the answer, nothing is raised.

    Args:
        session: From `make_session`: link-local and metadata addresses get no socket.
        url: Of the page; redirects are not followed.
        model: Where a page has several models, only this one counts.
        key: Sent as for a call; `None` = none.
        timeout_seconds: For all of it.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(session, url, model, key)
    except TimeoutError:
        return ServerReadings(problem=f"no answer within {timeout_seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return ServerReadings(problem=cut(str(error)) or type(error).__name__)


async def _read(session: aiohttp.ClientSession, url: str, model: str, key: SecretStr | None) -> ServerReadings:
    headers = ACCEPT | ({"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {})
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status != HTTPStatus.OK:
            return ServerReadings(problem=f"it answers with status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                return ServerReadings(problem=f"its page is longer than {MOST_BYTES // 1024**2} MiB")
    if len(body) <= LONG_BYTES:
        return readings_of(body.decode("utf-8", "replace"), model)
    return await asyncio.to_thread(lambda: readings_of(body.decode("utf-8", "replace"), model))


def readings_of(page: str, model: str = "") -> ServerReadings:
    """The readings of a page, in the text format or as OpenMetrics.

    Args:
        page: As the server sent it.
        model: Where samples name several models, only those of this one count; if none does, all.
    """
    lines, prefixes = _wanted_lines(page)
    try:
        samples = _of_model(list(_samples(lines)), model)
    except (ValueError, KeyError, IndexError) as error:
        return ServerReadings(problem=f"not a metrics page: {cut(str(error)) or type(error).__name__}")
    values = {name: value for name, sources in _SOURCES.items() if (value := _value(name, sources, samples)) is not None}
    _add_blocks(values, samples)
    _add_start(values, samples)
    server = prefixes.most_common(1)[0][0] if prefixes else None
    if not values:
        return ServerReadings(server=server, problem="its page has none of the metrics that are known here")
    return ServerReadings(values, server)


def _wanted_lines(page: str) -> tuple[list[str], Counter[str]]:
    """The lines of samples that say something here, and how often each server's own names stand on the page."""
    lines, prefixes = [], Counter[str]()
    for line in page.splitlines():
        found = _NAME.match(line)
        if found is None:
            continue
        name = _plain(found[0])
        server = next((server for prefix, server in _PREFIXES.items() if name.startswith(prefix)), None)
        if server is not None:
            prefixes[server] += 1
        if name in _WANTED or (server is not None and name.endswith(_CREATED)):
            lines.append(name + line[found.end() :])
    return lines[:MOST_SAMPLES], prefixes


def _plain(name: str) -> str:
    """A metric's name as its server's documentation writes it."""
    for other, plain in _OTHER_PREFIXES.items():
        if name.startswith(other):
            return plain + name.removeprefix(other)
    return name


def _samples(lines: Iterable[str]) -> Iterator[Sample]:
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            if math.isfinite(sample.value) and sample.value >= 0 and _counts(sample.labels):
                yield sample.name, sample.labels, sample.value


def _counts(labels: Mapping[str, str]) -> bool:
    """Whether a sample is no repetition of another: ranks of one engine, and parts by priority of a sum that is there."""
    return all(labels.get(rank, "0") == "0" for rank in _RANKS) and not labels.get("priority")


def _of_model(samples: Sequence[Sample], model: str) -> Sequence[Sample]:
    named = {labels["model_name"] for _, labels, _ in samples if "model_name" in labels}
    if len(named) < 2 or model not in named:  # noqa: PLR2004 - one name is whatever the server calls the model
        return samples
    return [each for each in samples if each[1].get("model_name", model) == model]


def _value(name: str, sources: Iterable[_Source], samples: Sequence[Sample]) -> float | None:
    for source in sources:
        found = [
            value
            for metric, labels, value in samples
            if metric == source.metric and all(labels.get(key) == wanted for key, wanted in source.labels.items())
        ]
        if found:
            return _within(name, _joined(found, source.joining) * source.scale)
    return None


def _joined(found: Sequence[float], joining: Joining) -> float:
    if joining == "min":
        return min(found)
    return sum(found) / (len(found) if joining == "mean" else 1)


def _within(name: str, value: float) -> float | None:
    """A share above 1 is in a unit that nobody knows."""
    if name not in _RATES:
        return value
    return min(1.0, value) if value <= MOST_RATE else None


def _add_blocks(values: dict[str, float], samples: Sequence[Sample]) -> None:
    """Older Triton counts its KV blocks and gives no share."""
    if "kv_cache_usage_rate" in values:
        return
    used, most = (_value(kind, (_Source(_TRITON_BLOCKS, labels={"kv_cache_block_type": kind}),), samples) for kind in _BLOCKS)
    if used is not None and most:
        values["kv_cache_usage_rate"] = min(1.0, used / most)


def _add_start(values: dict[str, float], samples: Sequence[Sample]) -> None:
    """Pages joined from several processes have no process's start: the oldest of the server's own series is as old."""
    created = [value for metric, _, value in samples if metric.endswith(_CREATED) and value > 0]
    if created and "process_started_at" not in values:
        values["process_started_at"] = min(created)
