"""`./run lock`: requirements.lock from pyproject.toml, with hashes and without any address; standard library only."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from app.errors import StackError
from app.stack.environment import uv_environment

ROOT = Path(__file__).resolve().parents[2]
LOCK = "requirements.lock"
OLDEST_PYTHON = "3.11"
GROUPS = ("service", "embedded", "dev")
EXPORT = (
    "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-emit-index-url", "--all-extras", "--quiet",
)  # fmt: skip
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ \\]+)")
VIA = re.compile(r" +#(?: via)? +(?P<name>\S+)(?: \(pyproject\.toml(?::(?P<group>\w+))?\))?")


def compile_lock(folder: Path, *, upgrade: bool = False) -> None:
    """Resolves the `pyproject.toml` of a folder into the lock beside it; versions that the lock has are kept if they fit.

    Args:
        folder: Holds `pyproject.toml` and, mostly, an older `requirements.lock`.
        upgrade: Take the newest versions instead.
    """
    uv = Path(sys.executable).with_name("uv")
    groups = [argument for group in GROUPS for argument in ("--group", group)]
    command = [str(uv), "pip", "compile", "pyproject.toml", *EXPORT, *groups, "--output-file", LOCK]
    environment = {**uv_environment(os.environ), "UV_CUSTOM_COMPILE_COMMAND": "./run lock"}
    if upgrade:
        command.append("--upgrade")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"uv could not resolve pyproject.toml:\n{done.stderr.strip()}"
        raise StackError(message)


def blocks_of(lock: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and lines of each package of a lock, its notes on who needs it included."""
    lines: list[str] = []
    for line in [*lock.splitlines(), "end=="]:
        if PIN.match(line) or line == "end==":
            found = PIN.match(lines[0]) if lines else None
            if found:
                yield found["name"], found["version"], lines
            lines = []
        lines.append(line)


def part_of(lock: str, group: str) -> str:
    """The lines of a lock that one dependency group and the project's own dependencies need."""
    blocks = {name: lines for name, _, lines in blocks_of(lock)}
    needed_by = {name: [found for line in lines if (found := VIA.match(line))] for name, lines in blocks.items()}
    kept: set[str] = set()
    while True:
        more = {
            name for name, needs in needed_by.items() if name not in kept and any(_counts(need, group, kept) for need in needs)
        }
        if not more:
            return "\n".join(line for name, lines in blocks.items() if name in kept for line in lines) + "\n"
        kept |= more


def _counts(need: "re.Match[str]", group: str, kept: set[str]) -> bool:
    if "pyproject.toml" in need.group():
        return need["group"] in (None, group)
    return need["name"] in kept


def main() -> int:
    """Writes the lock, or prints a part of it."""
    parser = argparse.ArgumentParser(prog="./run lock", allow_abbrev=False)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument(
        "--print", metavar="GROUP", choices=GROUPS, help="only print what a dependency group needs (Dockerfile)"
    )
    arguments = parser.parse_args()
    if arguments.print:
        sys.stdout.write(part_of((ROOT / LOCK).read_text(), arguments.print))
        return 0
    try:
        compile_lock(ROOT, upgrade=arguments.upgrade)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
