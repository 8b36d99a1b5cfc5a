"""Metrics pages of real servers, and what is read of them."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.openmetrics.exposition import generate_latest
from pydantic import SecretStr

from app.domain.serving import ServerReadings
from app.providers import server_metrics
from app.providers.server_metrics import read_metrics, readings_of
from app.providers.transport import make_session
from tests.model_servers import model_server

# vLLM 0.11 and later with two engines behind one page (labels, counters and `_created` as they stand there).
VLLM = """\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 9751.0
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79000123456e+09
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3.5-27B"} 12.0
vllm:num_requests_running{engine="1",model_name="Qwen/Qwen3.5-27B"} 9.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3.5-27B"} 3.0
vllm:num_requests_waiting{engine="1",model_name="Qwen/Qwen3.5-27B"} 0.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen3.5-27B"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="Qwen/Qwen3.5-27B"} 0.5
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="Qwen/Qwen3.5-27B"} 200.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="Qwen/Qwen3.5-27B"} 120.0
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="Qwen/Qwen3.5-27B"} 2.0
vllm:num_preemptions_total{engine="1",model_name="Qwen/Qwen3.5-27B"} 1.0
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{engine="0",model_name="Qwen/Qwen3.5-27B"} 1.79000130e+09
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="Qwen/Qwen3.5-27B"} 4.2421665e+07
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="Qwen/Qwen3.5-27B"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="Qwen/Qwen3.5-27B"} 100.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="Qwen/Qwen3.5-27B"} 100.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="Qwen/Qwen3.5-27B"} 20.0
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0"} 80
DCGM_FI_DEV_GPU_UTIL{gpu="1"} 60
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0"} 70000
"""
# vLLM before 0.9: the old name of the KV cache's use; no process metrics, as where several API servers share one page.
OLD_VLLM = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m"} 3.0
vllm:num_requests_waiting{model_name="m"} 1.0
vllm:gpu_cache_usage_perc{model_name="m"} 0.42
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{model_name="m"} 7.0
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{model_name="m"} 1.7592e+09
vllm:prompt_tokens_created{model_name="m"} 1.7591e+09
"""
# SGLang with metrics of all ranks and of priorities: ranks say one number again, priorities are parts of the sum.
SGLANG = """\
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="llama",tp_rank="0",dp_rank="0"} 162.0
sglang:num_running_reqs{model_name="llama",tp_rank="1",dp_rank="0"} 162.0
sglang:num_running_reqs{model_name="llama",tp_rank="0",dp_rank="1"} 8.0
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name="llama",priority=""} 5.0
sglang:num_queue_reqs{model_name="llama",priority="1"} 3.0
# TYPE sglang:token_usage gauge
sglang:token_usage{model_name="llama"} 0.28
# TYPE sglang:cache_hit_rate gauge
sglang:cache_hit_rate{model_name="llama"} 0.0075
# TYPE sglang:generation_tokens_total counter
sglang:generation_tokens_total{model_name="llama"} 7.557572e+06
"""
TGI = """\
# TYPE tgi_batch_current_size gauge
tgi_batch_current_size 4
# TYPE tgi_queue_size gauge
tgi_queue_size 7
# TYPE tgi_request_generated_tokens histogram
tgi_request_generated_tokens_bucket{le="1"} 0
tgi_request_generated_tokens_sum 8123
tgi_request_generated_tokens_count 44
"""
LLAMACPP = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1000
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 5000
# TYPE llamacpp:kv_cache_usage_ratio gauge
llamacpp:kv_cache_usage_ratio 0.63
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 1
"""
TRITON = """\
# HELP nv_trt_llm_request_metrics TRT LLM request metrics
# TYPE nv_trt_llm_request_metrics gauge
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="context",version="1"} 1
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 6
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 2
# TYPE nv_trt_llm_kv_cache_block_metrics gauge
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm",version="1"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} 1560
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 6240
# TYPE nv_gpu_utilization gauge
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.9
# TYPE nv_gpu_memory_used_bytes gauge
nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 8.1e+10
"""
TRTLLM_SERVE = """\
# TYPE trtllm_num_requests_running gauge
trtllm_num_requests_running 3.0
trtllm_num_requests_waiting 0.0
trtllm_kv_cache_utilization 0.2
trtllm_kv_cache_hit_rate 0.5
"""
PAGES: dict[str, tuple[str, str, dict[str, float]]] = {
    "vllm": (
        VLLM, "vllm",
        {"running": 21, "waiting": 3, "kv_cache_usage_rate": 0.375, "preemptions": 3, "prefix_cache_hits": 120,
         "prefix_cache_queries": 200, "output_tokens": 42_421_665, "ttft_seconds_sum": 20, "ttft_count": 100,
         "gpu_utilisation_rate": 0.7, "gpu_memory_bytes": 70_000 * 1024**2, "process_started_at": 1790001234.56},
    ),
    "old vllm": (
        OLD_VLLM, "vllm",
        {"running": 3, "waiting": 1, "kv_cache_usage_rate": 0.42, "preemptions": 7, "process_started_at": 1.7591e9},
    ),
    "sglang": (
        SGLANG, "sglang",
        {"running": 170, "waiting": 5, "kv_cache_usage_rate": 0.28, "prefix_cache_hit_rate": 0.0075,
         "output_tokens": 7_557_572},
    ),
    "tgi": (TGI, "tgi", {"running": 4, "waiting": 7, "output_tokens": 8123}),
    "llamacpp": (LLAMACPP, "llamacpp", {"running": 2, "waiting": 1, "kv_cache_usage_rate": 0.63, "output_tokens": 5000}),
    "triton": (
        TRITON, "tensorrt-llm",
        {"running": 6, "waiting": 2, "kv_cache_usage_rate": 0.25, "gpu_utilisation_rate": 0.9, "gpu_memory_bytes": 8.1e10},
    ),
    "trtllm-serve": (
        TRTLLM_SERVE, "tensorrt-llm",
        {"running": 3, "waiting": 0, "kv_cache_usage_rate": 0.2, "prefix_cache_hit_rate": 0.5},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_each_server_s_own_page_is_read(name: str) -> None:
    page, server, values = PAGES[name]
    found = readings_of(page, "another name")
    assert (found.server, found.problem) == (server, None)
    assert found.values == pytest.approx(values)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ('[{"gpuMemUsage": 77, "iter": 1}]', "none of the metrics"),  # trtllm-serve's own `/metrics`
        ("<html><body>vllm:num_requests_running</body></html>", "none of the metrics"),
        ("", "none of the metrics"),
        ("vllm:num_requests_running{model_name= 3\n", "not a metrics page"),
        ("vllm:num_requests_running many\n", "not a metrics page"),
        ("vllm:num_requests_running NaN\nvllm:num_requests_waiting -1\n", "none of the metrics"),
        ("vllm:kv_cache_usage_perc 55.0\n", "none of the metrics"),  # a share that is none
    ],
)
def test_a_page_that_says_nothing_has_a_problem_and_no_value(page: str, says: str) -> None:
    found = readings_of(page)
    assert found.values == {}
    assert says in (found.problem or "")


def test_of_several_models_on_a_page_only_the_candidate_s_counts() -> None:
    page = 'vllm:num_requests_running{model_name="a"} 3\nvllm:num_requests_running{model_name="b"} 4\n'
    assert [readings_of(page, model).values["running"] for model in ("a", "b", "alias")] == [3, 4, 7]


def test_of_several_processes_on_a_page_the_oldest_says_how_old_it_is() -> None:
    page = 'process_start_time_seconds{pid="1"} 1.7e9\nprocess_start_time_seconds{pid="2"} 1.6e9\n'
    assert readings_of(page).values == {"process_started_at": 1.6e9}


def test_names_that_only_begin_alike_are_others() -> None:
    page = "vllm:num_requests_running_max 99\nvllm:num_requests_running 1\n"
    assert readings_of(page).values == {"running": 1}


def test_openmetrics_with_its_examples_is_read_like_the_text_format() -> None:
    registry = CollectorRegistry()
    Gauge("vllm:num_requests_running", "n", ["model_name"], registry=registry).labels("m").set(5)
    preempted = Counter("vllm:num_preemptions", "n", ["model_name"], registry=registry).labels("m")
    preempted.inc(2, exemplar={"trace_id": "abc"})
    page = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    assert all(part in page for part in ("# EOF", "trace_id", "vllm_num_requests_running{"))  # names are escaped, too
    found = readings_of(page)
    assert (found.values["running"], found.values["preemptions"]) == (5, 2)
    assert found.values["process_started_at"] > 1.7e9


class Served:
    """A page that remembers who asked for it."""

    def __init__(self, body: str, status: int = 200, seconds: float = 0.0) -> None:
        self.keys: list[str | None] = []
        self._body, self._status, self._seconds = body, status, seconds

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization"))
        await asyncio.sleep(self._seconds)
        return web.Response(text=self._body, status=self._status, headers={"Location": "/elsewhere"})


def read(handler: Any, *, key: str | None = None, timeout_seconds: float = 5.0) -> ServerReadings:
    async def ask(url: str) -> ServerReadings:
        async with make_session(connections=1) as session:
            secret = SecretStr(key) if key else None
            return await read_metrics(session, url, model="m", key=secret, timeout_seconds=timeout_seconds)

    with model_server(handler, paths=(), gets=("/metrics",)) as url:
        return asyncio.run(ask(url.replace("/v1", "/metrics")))


@pytest.mark.parametrize(
    ("served", "seconds", "says"),
    [
        (Served("no such page", 404), 5.0, "status 404"),
        (Served("", 302), 5.0, "status 302"),
        (Served("", seconds=5), 0.05, "no answer within 0.05 s"),
    ],
)
def test_what_the_server_does_wrong_is_said(served: Served, seconds: float, says: str) -> None:
    found = read(served, timeout_seconds=seconds)
    assert found.values == {}
    assert says in (found.problem or "")


def test_a_page_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    long = VLLM + "# " + "x" * server_metrics.LONG_BYTES + "\n"
    assert read(Served(long)).values["running"] == 21  # in a thread
    monkeypatch.setattr(server_metrics, "MOST_BYTES", 1024)
    assert "longer than" in (read(Served(long)).problem or "")


def test_the_key_is_sent_only_if_there_is_one() -> None:
    served = Served(VLLM)
    read(served, key="secret")
    read(served)
    assert served.keys == ["Bearer secret", None]


def test_nobody_listens() -> None:
    async def ask() -> ServerReadings:
        async with make_session(connections=1) as session:
            return await read_metrics(session, "http://127.0.0.1:9/metrics", model="m", key=None, timeout_seconds=2)

    assert asyncio.run(ask()).problem


def test_a_cloud_s_metadata_address_is_not_asked() -> None:
    async def ask() -> ServerReadings:
        async with make_session(connections=1) as session:
            return await read_metrics(session, "http://169.254.169.254/metrics", model="m", key=None, timeout_seconds=2)

    assert "link-local" in (asyncio.run(ask()).problem or "")
