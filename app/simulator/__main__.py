"""Simulated models as a process: `python -m app.simulator --role incumbent --role judge --port 0`.

The first line of its output is a JSON object with the server's address and the base URL of each role.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from app.simulator.assistant import CANDIDATE, INCUMBENT
from app.simulator.capacity import Slots
from app.simulator.demo_pilot import JUDGE_MODEL
from app.simulator.faults import Fault, Faults
from app.simulator.history import CANDIDATE_MODEL, INCUMBENT_MODEL, SEED
from app.simulator.judge import SimulatedJudge
from app.simulator.models import SimulatedModel
from app.simulator.recorded import RecordedModel, read_recorded_replies
from app.simulator.server_figures import Ageing
from app.simulator.serving import SHUTDOWN_SECONDS, Endpoint, Role, Speed, make_application, start

JUDGE, RECORDED = "judge", "recorded"


def main(arguments: list[str] | None = None) -> int:
    """Serves until it is told to end."""
    options = _parser().parse_args(arguments)
    try:
        endpoints = {name: _endpoint(name, options) for name in options.role}
    except (OSError, ValueError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    asyncio.run(_serve(endpoints, options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.simulator", description=__doc__)
    parser.add_argument("--role", action="append", required=True, choices=[INCUMBENT, CANDIDATE, JUDGE, RECORDED])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=SEED, help="of the simulated world; the demo's history has the same")
    parser.add_argument("--seconds-to-first", type=float, default=0.0)
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="0 = at once")
    parser.add_argument("--speedup", type=float, default=None, help="answer with each arm's own times, divided by this")
    parser.add_argument(
        "--slots", type=int, default=0, help="a server of known capacity: so many requests at once, the others wait"
    )
    parser.add_argument("--service-seconds", type=float, default=0.5, help="how long each request holds its slot")
    parser.add_argument("--varies", type=float, default=0.0, help="share of answers that are another one each time")
    parser.add_argument("--slower", type=float, default=0.0, help="seconds that each answer adds to all later ones")
    parser.add_argument("--leak", type=float, default=0.0, help="share of the KV cache that each answer never gives back")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=RATE", help=f"of {', '.join(Fault)}")
    parser.add_argument("--refuse", action="append", default=[], help="a parameter, or response_format.json_schema")
    parser.add_argument("--replies", type=Path, help="recorded replies, for --role recorded")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    return parser


def _endpoint(name: str, options: argparse.Namespace) -> Endpoint:
    rates = {Fault(kind): float(rate) for kind, _, rate in (text.partition("=") for text in options.fault)}
    speed = Speed(options.seconds_to_first, options.tokens_per_second)
    slots = Slots(options.slots, options.service_seconds) if options.slots else None
    faults, ageing = Faults(rates, seed=options.seed), Ageing(options.slower, options.leak)
    return Endpoint(_role(name, options), speed, faults, tuple(options.refuse), slots, ageing, options.varies)


def _role(name: str, options: argparse.Namespace) -> Role:
    if name == JUDGE:
        return SimulatedJudge(JUDGE_MODEL, options.seed)
    if name == RECORDED:
        if options.replies is None:
            message = "--role recorded needs --replies FILE"
            raise ValueError(message)
        return RecordedModel(RECORDED, read_recorded_replies(options.replies))
    model = INCUMBENT_MODEL if name == INCUMBENT else CANDIDATE_MODEL
    return SimulatedModel(name, model, options.seed, options.speedup)


async def _serve(endpoints: dict[str, Endpoint], options: argparse.Namespace) -> None:
    runner = web.AppRunner(
        make_application(endpoints), handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    url = await start(runner, options.host, options.port)
    sys.stdout.write(json.dumps({"url": url, "roles": {name: f"{url}/{name}/v1" for name in endpoints}}) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.with_parent:
        loop.add_reader(sys.stdin, _end_at_eof, ended)
    await ended.wait()
    await runner.cleanup()


def _end_at_eof(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 65536):
        ended.set()


if __name__ == "__main__":
    sys.exit(main())
