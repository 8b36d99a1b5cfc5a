"""Another load generator with the same three modes beside ours: two instruments that should agree."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.gateway_loads import Load, pinned
from tests.bench.gateway_systems import System

MODES = (
    ("closed", "closed", 32, "rps", "per_second"),
    ("open", "open", 300, "p50", "p50_ms"),
    ("sse", "stream", 100, "ttft50", "ttft_p50_ms"),
)


def run(folder: Path, made: Path, load: Load, systems: tuple[System, ...], seconds: float) -> dict[str, Any]:
    """By system and mode: what theirs says, what ours says right after it."""
    program = made / "other_load"
    subprocess.run(["gcc", "-O2", "-w", "-o", str(program), str(folder / "load.c")], check=True)
    found: dict[str, Any] = {}
    for system in systems:
        for theirs, ours, amount, name, our_name in MODES:
            command = [str(program), theirs, str(system.port), str(amount), str(seconds)]
            said = subprocess.run(pinned(load.cpu, command), check=True, capture_output=True, text=True).stdout
            pair = {"theirs": json.loads(said)[name], "ours": load.run(ours, system.port, amount, seconds)[our_name]}
            found[f"{system.name} {our_name} ({ours})"] = pair
    return found
