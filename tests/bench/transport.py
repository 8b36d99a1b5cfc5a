"""`./run bench transport`: calls a second of our client and of the openai SDK, at many calls in flight.

A fake server in a process of its own answers each call after one second. The ideal is one call a second for each call in
flight. Both clients ask for the same whole reply.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai
from aiohttp import web

from app.domain.exchange import Failure
from app.providers.asking import Limits, open_client
from app.providers.model_server import Target

ROOT = Path(__file__).resolve().parents[2]
ANSWER_SECONDS = 1.0
MESSAGES: list[Any] = [{"role": "user", "content": "Which reply is better? " + "x" * 2000}]
BODY = {
    "id": "c-1", "object": "chat.completion", "created": 0, "model": "fake",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 500}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 500, "completion_tokens": 120, "total_tokens": 620},
}  # fmt: skip

Ask = Callable[[], Awaitable[bool]]


def main(arguments: list[str] | None = None) -> int:
    """Measures every client at every number in flight; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench transport", description=__doc__)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[50, 200, 500])
    parser.add_argument("--rounds", type=int, default=6, help="calls = rounds x calls in flight")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        web.run_app(_application(), host="127.0.0.1", port=0, print=_say_port, access_log=None)
        return 0
    rows = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.transport", "--serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            url = _url_of(server)
            for in_flight in given.in_flight:
                for name, measure in (("aiohttp", _ours), ("openai", _sdk)):
                    rows.append({"client": name, "in_flight": in_flight} | _measured(measure, url, in_flight, given.rounds))
                    print(_line(rows[-1]), flush=True)  # noqa: T201 - a bench speaks
        finally:
            server.terminate()
    print(json.dumps({"answer_seconds": ANSWER_SECONDS, "rows": rows}))  # noqa: T201
    return 0


def _application() -> web.Application:
    text = json.dumps(BODY)

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(ANSWER_SECONDS)
        return web.Response(text=text, content_type="application/json")

    application = web.Application()
    application.router.add_post("/v1/chat/completions", answer)
    return application


def _say_port(text: str) -> None:
    address = next((line for line in text.splitlines() if "http://" in line), None)
    if address is not None:
        print(address.split("http://")[1].split()[0].strip(" =)"), flush=True)  # noqa: T201 - the parent reads it


def _url_of(server: "subprocess.Popen[str]") -> str:
    assert server.stdout is not None
    return f"http://{server.stdout.readline().strip()}/v1"


def _measured(measure: Callable[[str, int, int], Awaitable[int]], url: str, in_flight: int, rounds: int) -> dict[str, Any]:
    processor, began = _processor_seconds(), time.perf_counter()
    failed = asyncio.run(_bounded(measure(url, in_flight, in_flight * rounds)))
    seconds, calls = time.perf_counter() - began, in_flight * rounds
    used = _processor_seconds() - processor
    rate = round((calls - failed) / seconds, 1)
    return {
        "calls": calls,
        "failed": failed,
        "seconds": round(seconds, 2),
        "calls_per_second": rate,
        "of_ideal": round(rate * ANSWER_SECONDS / in_flight, 3),
        "processor_ms_per_call": round(1000 * used / calls, 2),
    }


async def _bounded(measuring: Awaitable[int]) -> int:
    async with asyncio.timeout(600):
        return await measuring


async def _ours(url: str, in_flight: int, calls: int) -> int:
    async with open_client(Limits()) as client:
        target = Target(url, "fake")

        async def ask() -> bool:
            answer = await client.ask({"messages": MESSAGES}, target, stream=False)
            return not isinstance(answer.reply, Failure)

        return await _run(ask, in_flight, calls)


async def _sdk(url: str, in_flight: int, calls: int) -> int:
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=120) as client:

        async def ask() -> bool:
            try:
                reply = await client.chat.completions.create(model="fake", messages=MESSAGES)
            except openai.APIError:
                return False
            return bool(reply.choices[0].message.content)

        return await _run(ask, in_flight, calls)


async def _run(ask: Ask, in_flight: int, calls: int) -> int:
    """Keeps that many calls in flight until all are made; gives how many failed."""
    left, failed = calls, 0

    async def work() -> None:
        nonlocal left, failed
        while left > 0:
            left -= 1
            failed += not await ask()

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return failed


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['client']:>8} {row['in_flight']:>4} in flight: {row['calls_per_second']:>6} calls/s"
        f" ({row['of_ideal']:.0%} of ideal), {row['processor_ms_per_call']} ms of processor a call, {row['failed']} failed"
    )


if __name__ == "__main__":
    raise SystemExit(main())
