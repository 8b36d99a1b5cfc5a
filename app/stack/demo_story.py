"""What the demo does with a running stack: a whole pilot, by the commands that a user would type."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.errors import StackError
from app.simulator.assistant import CANDIDATE, INCUMBENT
from app.simulator.demo_pilot import PILOT_NAME, hours_csv, pilot_toml
from app.simulator.history import CANDIDATE_NAME, HISTORY_DAYS, write_history
from app.simulator.truth import true_win_rates
from app.stack.children import ROOT
from app.stack.demo_live import LiveTraffic
from app.stack.demo_models import JUDGE
from app.stack.demo_result import truth_table
from app.stack.home import Addresses

Say = Callable[[str], None]
PERSON = "demo"  # who signs in to the demo's pages; the password is another one each time
PILOT_COMMAND = "import sys; from parallel_pilot.cli.main import main; sys.argv[0] = 'pilot'; main()"


@dataclass(frozen=True, slots=True)
class Story:
    """One demo on one stack.

    Attributes:
        folder: Where the demo's files are written: configuration, history, hours, report.
        models: Base URLs of the simulated models, by role.
        addresses: Where the stack is reached.
        live_seconds: How long live traffic is sent through the gateway; 0 = none.
        say: Prints a line.
        began: When the demo began (`time.monotonic`), for the times that are shown.
    """

    folder: Path
    models: Mapping[str, str]
    addresses: Addresses
    live_seconds: float
    say: Say
    began: float

    def tell(self) -> None:
        """Runs the whole pilot and prints the verdict.

        Raises:
            StackError: If a command fails.
        """
        ends = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._write_files(ends)
        pilot, folder = PILOT_NAME, self.folder
        self._pilot("create", str(folder / "pilot.toml"), why="a pilot with three registered segments")
        self._pilot("import", pilot, str(folder / "history.jsonl"), why="28 days of a sample of production")
        self._pilot("hours", "import", pilot, str(folder / "hours.csv"), why="engineering hours")
        self._pilot("start", pilot, why="from now on margins and gates are fixed")
        self._pilot("replay", pilot, why="the candidate answers what the history lacks")
        self._pilot("grade", pilot, "--wait", why="both orders of each pair, by a judge over HTTP")
        self._pilot("verdict", pilot, why="may it migrate?")
        card = json.loads(self._pilot("verdict", pilot, "--json", is_shown=False))["candidates"][CANDIDATE_NAME]
        self._show_truth(card)
        live = LiveTraffic(pilot, self.addresses, self._note)
        if self.live_seconds > 0:
            # It lies in the open day: on the pages and in the ledger, and in the verdict when the day is closed.
            live.run(self.live_seconds)
        report = json.loads(self._pilot("report", pilot, "--out", str(folder / "report.html"), "--json", is_shown=False))
        password = secrets.token_urlsafe(12)
        self._pilot("people", "add", PERSON, "--role", "admin", "--password-stdin", is_shown=False, typed=f"{password}\n")
        self._conclude(card["verdict"], report["id"], live.base_url, password)

    def _write_files(self, ends: datetime) -> None:
        starts = (ends - timedelta(days=HISTORY_DAYS)).date()
        self.folder.mkdir(exist_ok=True)
        toml = pilot_toml(
            starts=starts,
            incumbent_url=self.models[INCUMBENT],
            candidate_url=self.models[CANDIDATE],
            judge_url=self.models[JUDGE],
        )
        (self.folder / "pilot.toml").write_text(toml)
        (self.folder / "hours.csv").write_text(hours_csv(starts))
        count = write_history(self.folder / "history.jsonl", ends)
        self._note(f"simulated history: {count} exchanges, {starts} to {(ends - timedelta(days=1)).date()}")

    def _pilot(self, *arguments: str, why: str = "", is_shown: bool = True, typed: str = "") -> str:
        """Runs one `pilot` command that reads what is `typed`; what it printed, if that is not shown."""
        if is_shown:
            self._note(f"$ pilot {' '.join(arguments)}    # {why}")
        environment = {
            **os.environ,
            "PILOT_SERVICE_URL": self.addresses.api_url,
            "PILOT_API_KEY": Path(self.addresses.admin_key_file).read_text().strip(),
        }
        done = subprocess.run(
            [sys.executable, "-c", PILOT_COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            check=False,
            input=typed,
            stdout=None if is_shown else subprocess.PIPE,
            text=True,
        )
        if done.returncode != 0:
            message = f"`pilot {' '.join(arguments)}` ended with {done.returncode}"
            raise StackError(message)
        return done.stdout or ""

    def _show_truth(self, card: Mapping[str, Any]) -> None:
        self.say("\nWhat is true of the simulated models, and what the pilot measured:\n")
        for line in truth_table(true_win_rates(), card["segments"]):
            self.say(f"  {line}")
        self.say("")

    def _conclude(self, verdict: Mapping[str, Any], report_id: int, base_url: str, password: str) -> None:
        moved = ", ".join(sorted(verdict["routing"])) or "nothing"
        seconds = time.monotonic() - self.began
        self.say(f"\nVerdict: {verdict['outcome']} (moves to {CANDIDATE_NAME}: {moved}), after {seconds:.0f} s\n")
        self.say(f"  dashboard   {self.addresses.dashboard_url}   (sign in as {PERSON}, password {password})")
        self.say(f"  report      {self.addresses.api_url}/reports/{report_id}")
        self.say(f"              {self.folder / 'report.html'}")
        self.say(f"  gateway     {base_url}")
        self.say(f'              one line mirrors an application: OpenAI(base_url="{base_url}")')
        self.say(f"  admin key   {self.addresses.admin_key_file}   (for programs)")

    def _note(self, text: str) -> None:
        self.say(f"[{time.monotonic() - self.began:4.0f} s] {text}")
