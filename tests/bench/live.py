"""`./run bench live`: the 466 real pairs as live traffic, through gateway, mirror, recorder and judge, at real arrival times.

The pilots run today, and a verdict rests on days that are over: the scorecard is computed from what the service stored as it
will be tomorrow. People's preferences are written to the table of labels, for there is no command for it in this version.
"""

import argparse
import asyncio
import csv
import gzip
import json
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import text

from app.domain.exchange import Json
from app.pipeline.scorecard import compute_scorecard
from app.simulator.completions import Answer, Refusal
from app.simulator.recorded import RecordedJudge, RecordedModel
from app.simulator.serving import Endpoint, serve
from app.stack.postgres import locate_postgres
from app.store.live_closing import advance_watermark
from app.store.session import SessionFactory, make_engine, make_session_factory, session_scope
from tests.bench.recorded import compare, key_of, verdict_of
from tests.bench.recorded_figures import ARRIVALS_FILE, JUDGES, PAIRS_FILE, read_pairs
from tests.running import ROOT, Service, running_service

LAG_GOAL_SECONDS = 0.050
SETTLE_SECONDS = 120.0


class NotedModel:
    """A recorded model that notes when it was asked for which pair.

    Args:
        recorded: What it says.
    """

    def __init__(self, recorded: RecordedModel) -> None:
        self._recorded = recorded
        self.asked: dict[str, list[float]] = {}

    @property
    def model(self) -> str:
        """The id it answers to."""
        return self._recorded.model

    def answer(self, request: Json) -> Answer | Refusal:
        """The recorded reply."""
        self.asked.setdefault((request.get("metadata") or {}).get("pair", ""), []).append(time.time())
        return self._recorded.answer(request)


def main(arguments: list[str] | None = None) -> int:
    """Runs both judges' pilots; 0 if every figure is equal and all goals are met, 1 if not, 2 without the data."""
    parser = argparse.ArgumentParser(prog="./run bench live", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the recorded pairs")
    parser.add_argument("--rate", type=float, default=100.0, help="mean requests a second")
    parser.add_argument(
        "--even", action="store_true", help="at a constant rate instead of the recorded hour's, with its bursts"
    )
    options = parser.parse_args(arguments)
    if not (options.data / PAIRS_FILE).is_file():
        sys.stderr.write(f"bench live: no {PAIRS_FILE} in {options.data}; name the folder with --data DIR\n")
        return 2
    pairs = read_pairs(options.data)
    recorded = arrivals(options.data, len(pairs), options.rate)
    moments = [number / options.rate for number in range(len(pairs))] if options.even else recorded
    with tempfile.TemporaryDirectory(prefix="pp-live-") as folder, models_of(pairs) as (models, incumbent, candidate):
        home = Path(folder)
        with running_service(home, PILOT_GATEWAY_PORT="0", PILOT_GATEWAY_BYPASS_EVERY="0") as service:
            database = make_session_factory(make_engine(locate_postgres(home, lambda _: None).url, pool_size=2))
            coverage = {}
            for judge in JUDGES:
                name = f"live-{judge.lower()}"
                service.create(configuration(name, judge, models, sorted({pair["set"] for pair in pairs})))
                service.post(f"/pilots/{name}/start")
                coverage[name] = play(service, home, name, pairs, moments)
                grade(service, database, name, pairs)
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            with session_scope(database) as session:
                advance_watermark(session, tomorrow)  # as the recorder will say by then
            cards = {judge: card_of(database, f"live-{judge.lower()}", tomorrow) for judge in JUDGES}
    return report(pairs, cards, coverage, lags(incumbent, candidate), (options.data / "README.md").read_text())


def arrivals(folder: Path, n: int, rate: float) -> list[float]:
    """The first `n` arrivals of the recorded hour in seconds, compressed to a mean rate."""
    with gzip.open(folder / ARRIVALS_FILE, "rt") as file:
        rows = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for _, row in zip(range(n), csv.DictReader(file), strict=False)]
    seconds = [(moment - rows[0]).total_seconds() for moment in rows]
    return [second / seconds[-1] * (n / rate) for second in seconds]


@contextmanager
def models_of(pairs: list[dict[str, Any]]) -> Iterator[tuple[str, NotedModel, NotedModel]]:
    """Both recorded models and both judges behind one address."""
    incumbent = NotedModel(RecordedModel("recorded-incumbent", {key_of(p): {"content": p["output_1"]} for p in pairs}))
    candidate = NotedModel(RecordedModel("recorded-candidate", {key_of(p): {"content": p["output_2"]} for p in pairs}))
    endpoints = {"incumbent": Endpoint(incumbent), "candidate": Endpoint(candidate)}
    for judge in JUDGES:
        endpoints[judge.lower()] = Endpoint(RecordedJudge(judge, [verdict_of(pair, judge) for pair in pairs]))
    with serve(endpoints) as url:
        yield url, incumbent, candidate


def configuration(name: str, judge: str, models: str, segments: list[str]) -> str:
    """`pilot.toml` of one judge's pilot."""
    tables = "".join(f"[[segment]]\nname = {json.dumps(s)}\nmatch = {{ header = {json.dumps(s)} }}\n" for s in segments)
    return f"""
[pilot]
name = "{name}"
planned_conversations = 466
[decision]
reason = "control"
[incumbent]
base_url = "{models}/incumbent/v1"
model = "recorded-incumbent"
family = "incumbent"
[[candidate]]
name = "recorded"
base_url = "{models}/candidate/v1"
model = "recorded-candidate"
family = "candidate"
license = "Apache-2.0"
{tables}
[judge]
base_url = "{models}/{judge.lower()}/v1"
model = "{judge}"
family = "judge"
input_usd_per_million_tokens = 0
output_usd_per_million_tokens = 0
"""


def play(service: Service, home: Path, name: str, pairs: list[dict[str, Any]], moments: list[float]) -> dict[str, Any]:
    """Sends every pair's request through the gateway when it is due; the ledger once nothing is pending."""
    until = time.monotonic() + 10
    while not json.loads((home / "routing.json").read_text())["pilots"].get(name, {}).get("mirrors"):
        if time.monotonic() > until:
            message = f"the routing file does not say that {name} is mirrored"
            raise TimeoutError(message)
        time.sleep(0.1)
    time.sleep(1.0)
    # In a process of its own: the models would else wait for the client's turn of the interpreter, and that would be measured.
    client = multiprocessing.get_context("spawn").Process(
        target=send_all, args=(f"{service.gateway_url}/p/{name}/v1", pairs, moments)
    )
    client.start()
    client.join()
    if client.exitcode:
        message = f"production's requests failed (exit {client.exitcode})"
        raise RuntimeError(message)
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        found: dict[str, Any] = service.get(f"/pilots/{name}/scorecard")["coverage"]
        if found["production_requests"] >= len(pairs) and not found["by_reason"]["pending"]:
            return found
        if time.monotonic() > until:
            message = f"the ledger of {name} does not settle: {found}"
            raise TimeoutError(message)
        time.sleep(0.5)


def send_all(base_url: str, pairs: list[dict[str, Any]], moments: list[float]) -> None:
    """Sends each pair's request when it is due; raises if one is not answered with 200."""
    asyncio.run(_send_all(base_url, pairs, moments))


async def _send_all(base_url: str, pairs: list[dict[str, Any]], moments: list[float]) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()

        async def send(number: int, pair: dict[str, Any], moment: float) -> None:
            await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
            request = {
                "model": "recorded-incumbent",
                "messages": [{"role": "user", "content": pair["input"]}],
                "metadata": {"pair": key_of(pair)},
                "stream": number % 2 == 0,
            }
            headers = {"X-Pilot-Conversation": key_of(pair), "X-Pilot-Segment": pair["set"]}
            async with session.post(f"{base_url}/chat/completions", json=request, headers=headers) as answer:
                await answer.read()
                answer.raise_for_status()

        await asyncio.gather(*(send(n, *both) for n, both in enumerate(zip(pairs, moments, strict=True))))


def grade(service: Service, database: SessionFactory, name: str, pairs: list[dict[str, Any]]) -> None:
    """Has all pairs graded and adds people's preferences."""
    service.grade(name)
    with session_scope(database) as session:
        for pair in pairs:
            session.execute(
                text(
                    "INSERT INTO labels (pilot_id, exchange_id, arm_id, rater, value, source, at)"
                    " SELECT e.pilot_id, e.id, a.id, 'people', :value, 'imported', e.arrived_at FROM exchanges e"
                    " JOIN arms a ON a.pilot_id = e.pilot_id AND a.name = 'recorded' JOIN pilots p ON p.id = e.pilot_id"
                    " WHERE p.name = :pilot AND e.conversation_id = :key"
                ),
                {"value": float(pair["label"] == 2), "pilot": name, "key": key_of(pair)},
            )


def card_of(database: SessionFactory, name: str, now: datetime) -> dict[str, Any]:
    """The candidate's part of the scorecard at a moment."""
    card = compute_scorecard(database, name, now=now)
    found: dict[str, Any] = card.model_dump(mode="json", by_alias=True)["candidates"]["recorded"]
    return found


def lags(incumbent: NotedModel, candidate: NotedModel) -> list[float]:
    """How much later the candidate was asked than the incumbent, in seconds, sorted."""
    pairs = ((candidate.asked.get(key, []), times) for key, times in incumbent.asked.items())
    return sorted(late - early for asked, times in pairs for late, early in zip(asked, times, strict=False))


def report(pairs: list[dict[str, Any]], cards: dict[str, Any], coverage: dict[str, Any], late: list[float], readme: str) -> int:
    """Prints every comparison and the summary; the exit code."""
    rows = list(compare(pairs, cards, readme))
    for row in rows:
        sys.stdout.write(f"{'ok   ' if row['equal'] else 'WRONG'} {row['figure']}: {row['product']} ({row['expected']})\n")
    p99 = late[min(len(late) - 1, math.ceil(0.99 * len(late)) - 1)]
    whole = all(found["by_reason"]["captured"] == len(pairs) and not found["by_reason"]["lost"] for found in coverage.values())
    summary = {
        "figures": len(rows),
        "equal": sum(row["equal"] for row in rows),
        "captured": {name: found["by_reason"]["captured"] for name, found in coverage.items()},
        "lost": {name: found["by_reason"]["lost"] for name, found in coverage.items()},
        "arrival_lag_p50_seconds": round(late[len(late) // 2], 4),
        "arrival_lag_p99_seconds": round(p99, 4),
        "arrival_lag_goal_seconds": LAG_GOAL_SECONDS,
        "queue_lag_p99_seconds": {judge: card["latency"]["queue_lag_seconds_p99"] for judge, card in cards.items()},
        "rows": rows,
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0 if whole and p99 <= LAG_GOAL_SECONDS and all(row["equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
