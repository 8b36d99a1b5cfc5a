"""A real stack with a running pilot in front of a vendor and a candidate, and ways to hurt it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from app.stack.home import StackHome
from app.stack.status import read_status
from tests.live.vendor import Vendor, serving
from tests.running import ROOT, Service

SETTLE_SECONDS = 60.0


@dataclass
class LiveStack:
    """`./run up` in a home of its own."""

    home: Path
    environment: dict[str, str]
    facts: dict[str, Any]
    service: Service
    vendor: Vendor
    candidate: Vendor
    vendor_url: str
    candidate_url: str
    killed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def gateway_url(self) -> str:
        """Address of the gateway, without a path."""
        url: str = self.facts["gateway_url"]
        return url

    def pids(self, name: str) -> list[int]:
        """The living processes of that name."""
        shown = read_status(StackHome(self.home.resolve())).processes
        return [process.pid for process in shown if process.name == name and process.pid]

    def kill(self, *names: str, which: int = 0) -> None:
        """SIGKILL to one process of each name."""
        for name in names:
            pid = self.pids(name)[which]
            os.kill(pid, signal.SIGKILL)
            self.killed.append((name, pid))

    def is_back(self, name: str) -> bool:
        """Whether every process of that name runs again, none of them one that was killed."""
        found = self.pids(name)
        return bool(found) and not {pid for other, pid in self.killed if other == name} & set(found)

    def coverage(self, pilot: str) -> dict[str, Any]:
        """The ledger as the scorecard has it."""
        found: dict[str, Any] = self.service.get(f"/pilots/{pilot}/scorecard")["coverage"]
        return found

    def settled(self, pilot: str, requests: int, seconds: float = SETTLE_SECONDS) -> dict[str, Any]:
        """The ledger once all requests are in it and none is pending."""
        found: dict[str, Any] = {}

        def is_settled() -> bool:
            nonlocal found
            try:
                found = self.coverage(pilot)
            except (RuntimeError, httpx2.HTTPError):  # the API may be on its way back
                return False
            return bool(found["production_requests"] >= requests and found["by_reason"]["pending"] == 0)

        wait_until(is_settled, seconds, lambda: f"the ledger is not settled: {found}")
        return found


def wait_until(happened: Callable[[], bool], seconds: float, what: Callable[[], str] = lambda: "not in time") -> float:
    """How long it took; fails with `what` says after `seconds`."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, what()
        time.sleep(0.1)
    return time.monotonic() - began


@contextmanager
def live_stack(home: Path, *, pilots: tuple[str, ...] = ("live",), **settings: str) -> Iterator[LiveStack]:
    """Starts vendor, candidate and stack, creates and starts the pilots."""
    home.chmod(0o711)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PILOT_")}
    environment |= {"PILOT_HOME": str(home), "PILOT_API_PORT": "0", "PILOT_GATEWAY_PORT": "0", **settings}
    vendor, candidate = Vendor("vendor-model"), Vendor("open-model", seconds=0.02)
    run = [sys.executable, str(ROOT / "run")]
    with serving(vendor) as vendor_url, serving(candidate) as candidate_url:
        up = subprocess.run([*run, "up", "--detach", "--json"], env=environment, capture_output=True, text=True, check=False)
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        try:
            facts = json.loads(up.stdout.strip().splitlines()[-1])
            service = Service(facts["api_url"], Path(facts["admin_key_file"]).read_text().strip())
            stack = LiveStack(home, environment, facts, service, vendor, candidate, vendor_url, candidate_url)
            for name in pilots:
                service.create(pilot_toml(name, vendor_url, candidate_url))
                service.post(f"/pilots/{name}/start")
            wait_until(lambda: _mirrors(home, pilots), 10.0)
            time.sleep(1.0)  # the gateways look at the routing file several times a second
            yield stack
            service.close()
        finally:
            subprocess.run([*run, "down"], env=environment, check=True, capture_output=True)


def pilot_toml(name: str, vendor_url: str, candidate_url: str, more: str = "") -> str:
    """A pilot without a judge, whose candidate is asked each request once: a repeat, drawn by chance, would count twice."""
    return f"""
[pilot]
name = "{name}"
[decision]
reason = "control"
[incumbent]
base_url = "{vendor_url}"
model = "vendor-model"
family = "vendor"
[[candidate]]
name = "open"
base_url = "{candidate_url}"
model = "open-model"
family = "open"
license = "Apache-2.0"
timeout_seconds = 10
repeat_rate = 0
{more}
"""


def _mirrors(home: Path, pilots: tuple[str, ...]) -> bool:
    file = home / "routing.json"
    if not file.exists():
        return False
    routes = json.loads(file.read_text())["pilots"]
    return all(routes.get(name, {}).get("mirrors") for name in pilots)
