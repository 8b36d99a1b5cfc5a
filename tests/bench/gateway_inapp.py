"""The in-app transport: what a model call costs with `shadow_transport` and without, in the same process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.gateway_goals import goal
from tests.bench.gateway_loads import Cpus, model, pinned
from tests.running import ROOT


def run(cpus: Cpus, program: Path, repetitions: int) -> dict[str, Any]:
    """Medians of the client's process, which has a CPU of its own."""
    with model(program, cpus.others) as incumbent, model(program, cpus.others, "ingest") as service:
        command = [sys.executable, "-m", "tests.bench.gateway_inapp_client", incumbent.url, str(service.port), str(repetitions)]
        said = subprocess.run(pinned(cpus.tested, command), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        found["batches_sent"] = service.stop()["requests"]
    return found


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Added time of a call, and a check that copies were sent at all."""
    return [
        goal("in-app transport: added p50 (ms)", found["added_p50_ms"], 0.1, 0.05),
        goal("in-app transport: batches sent", found["batches_sent"], 1, 1, is_least=True),
    ]
