"""The demo's live minute: production through the gateway, and what the ledger says of it."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import StackError
from app.stack.children import ROOT
from app.stack.home import Addresses

RATE = 4.0
SETTLE_SECONDS = 20.0
POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 30.0
# A last answer may take so long after the last request was sent.
ANSWER_SECONDS = 130.0

Ledger = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LiveTraffic:
    """Live traffic of one pilot on one stack.

    Attributes:
        pilot: Its name; the gateway's default one.
        note: Prints a line with the time.
    """

    pilot: str
    addresses: Addresses
    note: Callable[[str], None]

    def run(self, seconds: float) -> None:
        """Sends traffic for so long, and says what came of it.

        Raises:
            StackError: If no request was answered.
        """
        before = self._ledger()
        sent = self._drive(seconds)
        added = self._settled(before, sent)
        shown = ["captured", "lost", *(reason for reason in added if added[reason] and reason not in ("captured", "lost"))]
        told = ", ".join(f"{reason} {added[reason]}" for reason in shown)
        answered = f"{sent['sent']} requests, {sent['ok']} answered, p50 {sent['p50_seconds']:.2f} s"
        self.note(f"live: {answered}; in the ledger: {told}")
        if added["pending"]:
            self.note("pending: a request that the incumbent failed at may be tried again for a minute")

    def _drive(self, seconds: float) -> dict[str, Any]:
        options = f"--base-url {self.base_url} --rate {RATE:g} --seconds {seconds:g}"
        self.note(f"$ python -m app.simulator.traffic {options}    # live production, by the official SDK")
        done = subprocess.run(
            [sys.executable, "-m", "app.simulator.traffic", *options.split()],
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds + ANSWER_SECONDS,
        )
        if done.returncode != 0:
            message = f"the live traffic ended with {done.returncode}: {done.stdout.strip()}"
            raise StackError(message)
        sent: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return sent

    @property
    def base_url(self) -> str:
        """What an application's client is pointed at."""
        return f"{self.addresses.gateway_url}/v1"

    def _settled(self, before: Ledger, sent: Mapping[str, int]) -> Ledger:
        """What the traffic added to the ledger once it is settled, or as it is after a while.

        A request that the incumbent failed at is pending for a minute: the application may try it again.
        """
        until = time.monotonic() + SETTLE_SECONDS
        while True:
            added = {reason: count - before[reason] for reason, count in self._ledger().items()}
            is_settled = sum(added.values()) >= sent["sent"] and added["pending"] <= sent["failed"]
            if is_settled or time.monotonic() > until:
                return added
            time.sleep(POLL_SECONDS)

    def _ledger(self) -> Ledger:
        address = f"{self.addresses.api_url}/api/v1/pilots/{self.pilot}/scorecard"
        key = Path(self.addresses.admin_key_file).read_text().strip()
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - ours
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            card: dict[str, Any] = json.load(answer)
        found: dict[str, int] = card["coverage"]["by_reason"]
        return found
