"""One gateway process in front of a vendor, with a Redis of its own stream to look into."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from app.capture.events import decode
from app.capture.sealing import load_sealer
from app.capture.streams import MIRROR
from app.domain.live import MirrorEvent, ReplyEvent, RequestEvent
from app.domain.routing import FILE_NAME, PilotRoute, Routing, routing_document
from tests.running import ROOT

START_SECONDS = 20.0
STREAM_SECONDS = 10.0


@dataclass
class Gateway:
    """A running gateway.

    Attributes:
        url: Of the default pilot, with `/v1`.
        pilot_url: Of the same pilot by its name.
    """

    url: str
    pilot_url: str
    home: Path
    client: "redis.Redis"

    def forget(self) -> None:
        """What was copied so far is of no interest."""
        self.client.delete(MIRROR)

    def events(self, replies: int) -> list[MirrorEvent]:
        """What was copied, once there are so many replies."""
        sealer = load_sealer(self.home, None)
        until = time.monotonic() + STREAM_SECONDS
        while True:
            entries: Any = self.client.xrange(MIRROR)
            found = [decode(fields, sealer) for _, fields in entries]
            kept = [event for event in found if isinstance(event, (RequestEvent, ReplyEvent))]
            if sum(isinstance(event, ReplyEvent) for event in kept) >= replies or time.monotonic() > until:
                return kept
            time.sleep(0.05)


@contextlib.contextmanager
def gateway_before(vendor_url: str, home: Path, redis_url: str) -> Iterator[Gateway]:
    """Starts one as the supervisor does: on a socket that it inherits, with its routes in a file."""
    route = PilotRoute("support-bot", vendor_url, mirrors=True, strictest_level="full")
    routing = Routing(default="support-bot", pilots={"support-bot": route})
    (home / FILE_NAME).write_text(json.dumps(routing_document(routing)))
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    environment = os.environ | {"PILOT_HOME": str(home), "PILOT_REDIS_URL": redis_url, "PILOT_READY_FILE": str(home / "ready")}
    with (home / "gateway.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.gateway", str(listening.fileno()), "gateway-1"],
            cwd=ROOT, env=environment, pass_fds=(listening.fileno(),), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait_for(home / "ready", process, home / "gateway.log")
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client: redis.Redis = redis.Redis.from_url(redis_url)
        with contextlib.closing(client):
            yield Gateway(f"{address}/v1", f"{address}/p/support-bot/v1", home, client)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        listening.close()


def _wait_for(ready: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not ready.exists():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.02)
