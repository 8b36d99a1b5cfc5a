"""The part of a scorecard that says how a candidate's server fared: its own metrics, age, load, constancy, warnings."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from app.domain.configuration import CandidateTable
from app.domain.epochs import ModelSighting
from app.domain.estimate_models import EstimateModel
from app.domain.evidence import Evidence
from app.domain.pilot import Pilot
from app.domain.scorecard import VerdictModel
from app.domain.serving import (
    UNFIT_SERVERS,
    HourReadings,
    RepeatCount,
    RepeatModel,
    ServerNow,
    ServingDay,
    ServingModel,
    ServingSeen,
    ServingTrend,
    metrics_address,
)
from app.pipeline.closing import Selection
from app.pipeline.serving_trends import calls_of, kv_cache_per_day, processes_at_once, trends_by_age, trends_by_load
from app.statistics.fixed_sample import WILSON_METHOD, wilson

SERVER_NAMES = {
    "vllm": "vLLM", "sglang": "SGLang", "tgi": "TGI", "llamacpp": "llama.cpp", "tensorrt-llm": "TensorRT-LLM",
    "ollama": "Ollama",
}  # fmt: skip
TIME_NAMES = {"total_seconds": "time to the whole answer", "ttft_any_seconds": "time to the first token"}
_UNFIT = {
    "ollama": "which is made for development: guides give it about 4 parallel requests and about 41 tokens a second under load",
    "llamacpp": "which is made for small tests",
}
# What servers put into `system_fingerprint` of their replies.
_FINGERPRINTS = {"ollama": re.compile(r"fp_ollama"), "llamacpp": re.compile(r"b\d+-[0-9a-f]{6,}")}
ANY = "openai"
HALF_AN_HOUR = timedelta(minutes=30)


def serving_of(
    pilot: Pilot, name: str, seen: ServingSeen, evidence: Evidence, selection: Selection, sightings: Iterable[ModelSighting]
) -> ServingModel:
    """All of it, for one candidate.

    Args:
        pilot: With the candidate's configuration.
        name: The candidate's.
        seen: What was read of its server, and repeats, up to the end of the last day that is over.
        evidence: Its times.
        selection: What counts.
        sightings: What servers said of themselves.
    """
    table = pilot.configuration.candidate_named(name)
    servers = _seen_servers(name, seen, sightings)
    calls, replies = calls_of(evidence, name, selection.counted), evidence.arms[name].replies
    kv_cache = kv_cache_per_day(seen.hours, seen.processes)
    at_once = processes_at_once(seen.processes)
    lives = [(each.last_at - each.started_at).total_seconds() / 3600 for each in seen.processes]
    found = ServingModel(
        configured_server=table.server,
        seen_servers=servers,
        metrics_url=metrics_address(table),
        readings=sum(hour.readings for hour in seen.hours),
        problems=sum(hour.problems for hour in seen.hours),
        last_problem=seen.last_problem,
        days=_days(pilot, seen.hours),
        restarts=sorted(each.started_at for each in seen.processes)[1:] if at_once == 1 else [],
        processes_at_once=at_once,
        longest_uptime_hours=max(lives, default=None),
        uptime=trends_by_age(calls, replies, seen.processes),
        load=trends_by_load(calls, replies),
        kv_cache_per_day=kv_cache,
        kv_cache_grows=kv_cache.low > 0 if kv_cache.low is not None else None,
        deterministic=_repeats(each for each in seen.repeats if each.is_deterministic),
        sampled=_repeats(each for each in seen.repeats if not each.is_deterministic),
        is_unfit_for_load=_unfit(table, servers) is not None,
    )
    return found.model_copy(
        update={"warnings": list(_warnings(name, table, found)), "not_tested": list(_not_tested(table, found))}
    )


def with_untested(verdict: VerdictModel, serving: ServingModel) -> VerdictModel:
    """The verdict with what the server kept from being tested."""
    return verdict.model_copy(update={"not_tested": [*verdict.not_tested, *serving.not_tested]})


def server_steps(pilot: Pilot, latest: Iterable[ServerNow]) -> Iterator[str]:
    """What somebody should see to while the pilot runs, rather than read in its report."""
    tables = {table.name: table for table in pilot.configuration.candidate}
    for name, table in tables.items():
        if table.server in UNFIT_SERVERS:
            yield f"{_on_unfit(name, table.server)}: serve it as you would in production"
    for now in latest:
        if now.problem is not None and now.arm in tables:
            url = metrics_address(tables[now.arm])
            which = "metrics_url in pilot.toml says where it is, '' that there is none"
            yield f"the metrics page of {now.arm} ({url}) cannot be read: {now.problem}; {which}"


def _on_unfit(name: str, server: str) -> str:
    return f"{name} is served by {SERVER_NAMES[server]}, {_UNFIT[server]}"


def _seen_servers(name: str, seen: ServingSeen, sightings: Iterable[ModelSighting]) -> list[str]:
    """By the pages' own names, then by the replies' fingerprints."""
    said = [sighting.fingerprint for sighting in sightings if sighting.arm == name and sighting.fingerprint is not None]
    told = [server for server, pattern in _FINGERPRINTS.items() if any(pattern.fullmatch(each) for each in said)]
    return list(dict.fromkeys((*seen.servers, *told)))


def _unfit(table: CandidateTable, servers: Sequence[str]) -> str | None:
    return next((server for server in (*servers, table.server) if server in UNFIT_SERVERS), None)


def _days(pilot: Pilot, hours: Sequence[HourReadings]) -> list[ServingDay]:
    by_day: dict[int, list[HourReadings]] = {}
    for hour in hours:
        day = pilot.day_of(hour.hour + HALF_AN_HOUR)  # days begin at half past where zones do
        if day is not None:
            by_day.setdefault(day, []).append(hour)
    return [_day(day, of_day) for day, of_day in sorted(by_day.items())]


def _day(day: int, hours: Sequence[HourReadings]) -> ServingDay:
    hits, queries = _sum(hours, "prefix_cache_hits"), _sum(hours, "prefix_cache_queries")
    first_seconds, first_tokens = _sum(hours, "ttft_seconds_sum"), _sum(hours, "ttft_count")
    rate = hits / queries if hits is not None and queries else _mean(hours, "prefix_cache_hit_rate_mean")
    return ServingDay(
        day=day,
        readings=sum(hour.readings for hour in hours),
        problems=sum(hour.problems for hour in hours),
        running_mean=_mean(hours, "running_mean"),
        running_max=_max(hours, "running_max"),
        waiting_max=_max(hours, "waiting_max"),
        kv_cache_mean=_mean(hours, "kv_cache_mean"),
        kv_cache_max=_max(hours, "kv_cache_max"),
        gpu_utilisation_mean=_mean(hours, "gpu_utilisation_mean"),
        gpu_memory_bytes_max=_max(hours, "gpu_memory_bytes_max"),
        preemptions=_sum(hours, "preemptions"),
        prefix_cache_hit_rate=rate,
        ttft_mean_seconds=first_seconds / first_tokens if first_seconds is not None and first_tokens else None,
    )


def _known(hours: Sequence[HourReadings], name: str) -> list[tuple[int, float]]:
    return [(hour.readings, value) for hour in hours if (value := getattr(hour, name)) is not None]


def _mean(hours: Sequence[HourReadings], name: str) -> float | None:
    known = _known(hours, name)
    readings = sum(many for many, _ in known)
    return sum(many * value for many, value in known) / readings if readings else None


def _max(hours: Sequence[HourReadings], name: str) -> float | None:
    return max((value for _, value in _known(hours, name)), default=None)


def _sum(hours: Sequence[HourReadings], name: str) -> float | None:
    known = _known(hours, name)
    return sum(value for _, value in known) if known else None


def _repeats(counts: Iterable[RepeatCount]) -> RepeatModel:
    listed = list(counts)
    equal, different, failed = (sum(each.calls for each in listed if each.is_equal is wanted) for wanted in (True, False, None))
    answered = equal + different
    if not answered:
        return RepeatModel(failed=failed)
    low, high = wilson(successes=equal, trials=answered)
    rate = EstimateModel(value=equal / answered, low=low, high=high, n=answered, method=WILSON_METHOD)
    return RepeatModel(equal_rate=rate, equal=equal, different=different, failed=failed)


def _warnings(name: str, table: CandidateTable, found: ServingModel) -> Iterator[str]:
    unfit = _unfit(table, found.seen_servers)
    if unfit is not None:
        little = "its latency here says little of a server in production"
        yield f"{_on_unfit(name, unfit)}: {little}"
    others = [server for server in found.seen_servers if server != table.server]
    if others and table.server != ANY:
        said = " and ".join(SERVER_NAMES[server] for server in others)
        yield f"{name} is configured as {SERVER_NAMES[table.server]}, but its server says that it is {said}"
    if found.problems and not found.readings:
        yield f"the metrics page of {name} ({found.metrics_url}) could never be read: {found.last_problem}"
    yield from (f"{name}: {_grew(TIME_NAMES[measure], trend)}" for measure, trend in found.uptime.items() if trend.grows)
    if found.kv_cache_grows:
        more = found.kv_cache_per_day
        yield (
            f"{name}: its KV cache fills with its server's age: {100 * (more.value or 0):+.1f} points a day at equal load "
            f"(at least {100 * (more.low or 0):+.1f}), as when memory leaks"
        )
    if found.deterministic.different:
        repeats = found.deterministic
        yield (
            f"{name} gave another answer to {repeats.different} of {repeats.equal_rate.n} requests that were sent twice with "
            "temperature 0 or a seed"
        )


def _grew(what: str, trend: ServingTrend) -> str:
    more = trend.last_minus_first
    return (
        f"the {what} grows with its server's age: the 95th percentile is {more.value or 0:.3g} s longer in the oldest quarter "
        f"than in the youngest (at least {more.low or 0:.3g} s); restarts would mend it, and cost availability"
    )


def _not_tested(table: CandidateTable, found: ServingModel) -> Iterator[str]:
    unfit = _unfit(table, found.seen_servers)
    if unfit is not None:
        yield f"Latency under load: it was measured on {SERVER_NAMES[unfit]}, which is not meant for load."
