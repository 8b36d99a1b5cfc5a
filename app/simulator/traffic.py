"""Simulated production traffic, by the official openai SDK: `python -m app.simulator.traffic --base-url URL --rate 3`.

Requests leave when they are due, whatever became of those before. The last line of output is a JSON summary.
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from openai import APIStatusError, AsyncOpenAI, AsyncStream, OpenAIError

from app.simulator.assistant import request_of
from app.simulator.draws import uniform
from app.simulator.history import INCUMBENT_MODEL, SEED
from app.simulator.traffic_plan import Write, plan, poisson_times, read_times

KEY = "simulated-production-key"
ANSWER_SECONDS = 120.0


@dataclass(slots=True)
class Summary:
    """What production met; seconds count from when a request was due."""

    sent: int = 0
    ok: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    conversations: set[int] = field(default_factory=set)

    def document(self) -> dict[str, Any]:
        """As JSON; a quantile of nothing is `None`."""
        return {
            "sent": self.sent,
            "ok": self.ok,
            "failed": self.failures.total(),
            "failures": dict(self.failures),
            "conversations": len(self.conversations),
            "p50_seconds": quantile(self.seconds, 0.5),
            "p99_seconds": quantile(self.seconds, 0.99),
        }


@dataclass(frozen=True, slots=True)
class Traffic:
    """One application with many customers.

    Attributes:
        client: Of the application; its `base_url` is the one thing that enabling mirroring changes.
        seed: Of the simulated world.
        stream_share: Share of the requests for text that ask for a stream.
        name: Begins the conversations' names.
    """

    client: AsyncOpenAI
    seed: int
    stream_share: float
    name: str
    summary: Summary = field(default_factory=Summary)

    async def send(self, writes: Sequence[Write]) -> Summary:
        """Sends each when it is due, and waits for all answers."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for write in writes:
                due = began + write.at_seconds
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(self._ask(write, due))
        return self.summary

    async def _ask(self, write: Write, due: float) -> None:
        self.summary.sent += 1
        self.summary.conversations.add(write.case)
        streamed = uniform(self.seed, write.case, write.turn, "streamed") < self.stream_share
        request = request_of(self.seed, write.case, write.turn, model=INCUMBENT_MODEL, stream=streamed)
        headers = {"X-Pilot-Segment": write.segment, "X-Pilot-Conversation": f"{self.name}-{write.case}"}
        try:
            answer = await self.client.chat.completions.create(**request, extra_headers=headers)
            if isinstance(answer, AsyncStream):
                async for _ in answer:
                    pass
        except (OpenAIError, httpx2.HTTPError) as error:  # the second in the middle of a stream
            kind = str(error.status_code) if isinstance(error, APIStatusError) else type(error).__name__
            self.summary.failures[kind] += 1
            return
        self.summary.ok += 1
        self.summary.seconds.append(time.perf_counter() - due)


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all does not exceed; `None` of nothing."""
    if not values:
        return None
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 4)


def main(arguments: list[str] | None = None) -> int:
    """Sends the traffic; 0 if production got its answers, else 1."""
    options = _parser().parse_args(arguments)
    try:
        times = _times(options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"traffic: {error}\n")
        return 2
    summary = asyncio.run(_send(options, list(plan(times, options.seed))))
    sys.stdout.write(json.dumps(summary.document()) + "\n")
    # The simulated incumbent fails now and then by itself; nobody answering at all is another matter.
    return 0 if summary.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.simulator.traffic", description=__doc__)
    parser.add_argument("--base-url", required=True, help="of the gateway or of a model server, with /v1")
    parser.add_argument("--rate", type=float, default=3.0, help="requests a second, at random moments")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long requests are sent")
    parser.add_argument("--arrivals", type=Path, help="a file of arrivals instead: seconds or moments, one a line; .gz too")
    parser.add_argument("--speedup", type=float, default=1.0, help="divides the file's times")
    parser.add_argument("--stream-share", type=float, default=0.8, help="of the requests for text")
    parser.add_argument("--max-retries", type=int, default=0, help="of the SDK, per request")
    parser.add_argument("--seed", type=int, default=None, help="which conversations; default: others each time")
    return parser


def _times(options: argparse.Namespace) -> list[float]:
    options.seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    if min(options.rate, options.seconds, options.speedup) <= 0:
        message = "rate, seconds and speedup are above 0"
        raise ValueError(message)
    if options.arrivals is None:
        return poisson_times(options.rate, options.seconds, options.seed)
    return [at for at in (seconds / options.speedup for seconds in read_times(options.arrivals)) if at < options.seconds]


async def _send(options: argparse.Namespace, writes: Sequence[Write]) -> Summary:
    async with AsyncOpenAI(
        base_url=options.base_url, api_key=KEY, max_retries=options.max_retries, timeout=ANSWER_SECONDS
    ) as client:
        return await Traffic(client, SEED, options.stream_share, f"live-{options.seed}").send(writes)


if __name__ == "__main__":
    sys.exit(main())
