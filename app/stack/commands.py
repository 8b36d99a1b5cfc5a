"""What `./run` does with its arguments; standard library only, since it runs before anything is installed."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from app.stack.environment import CannotMakeEnvironment, ensure_environment, tool_environment

ROOT = Path(__file__).resolve().parents[2]
HELP = """\
./run COMMAND

  demo [--exit]                 a simulated pilot from import to verdict, and a minute of live traffic; its state is its own
  up [--detach] [--json]        the service on this machine: gateway, API, mirror, recorder, worker, beat, PostgreSQL, Redis
  down                          ends exactly what `up` started
  status [--json]               every process and its state
  pilot ...                     the `pilot` command against the local stack, with its key
  pilot reproduce BUNDLE        a report computed again from its data bundle alone, and compared to the last digit
  test [pytest arguments]       every test that this machine can run, by two processes; with arguments by one, as pytest does
  check                         format, lint, types, layers, migrations, compose file, Dockerfile, lock
  bench NAME [arguments]        a bench; its last line is one JSON object
  backup FILE                   everything that the service keeps, as one file, and its keys as FILE.keys; while it runs
  restore FILE [--check]        into an empty PILOT_HOME or database; --check tries it in a folder that is thrown away
  sbom [--output FILE]          what the image is made of: CycloneDX, with licences
  audit                         known vulnerabilities of what the service installs; exit 2 where they cannot be looked up
  lock [--upgrade]              writes requirements.lock from pyproject.toml
  help                          this

The first use makes .venv/. Settings are environment variables: PILOT_HOME, PILOT_API_PORT, PILOT_GATEWAY_PORT, PILOT_BIND,
PILOT_DATABASE_URL, PILOT_REDIS_URL and more in docs/settings.md."""
OTHERS = {"up": "app.stack.up", "demo": "app.stack.demo", "check": "app.stack.checks", "lock": "app.stack.locking"}
OTHERS |= {name: f"app.stack.{name}" for name in ("backup", "restore", "sbom", "audit")}
STACK = ("down", "status", "pilot")
REPRODUCE = "reproduce"
# What chooses tests itself: a marker expression, or a test by its whole name.
CHOOSES = re.compile(r"-m.*|.*::.*")
# All tests are run by two processes, a file of tests by one of them (tests/side_by_side.py).
SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile")


def main(arguments: list[str]) -> int:
    """Runs one command; returns only where another program did not take over."""
    command, *rest = arguments or ["help"]
    if command in ("help", "-h", "--help"):
        sys.stdout.write(f"{HELP}\n")
        return 0
    try:
        module = module_of(command, rest)
        python = ensure_environment(ROOT, say)
    except LookupError as error:
        say(error.args[0])
        return 2
    except CannotMakeEnvironment as error:
        say(f"error: {error}")
        return 1
    # A file that is named is looked for where the user is; only `pilot` is told of such files without a folder.
    folder = None if command == "pilot" else ROOT
    return become(python, module, environment_of(command, os.environ), folder)


def say(line: str) -> None:
    """Tells a person; standard output is the command's own."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def module_of(command: str, rest: list[str]) -> list[str]:
    """The module and its arguments; `LookupError` with what to say if there is no such command or bench."""
    if command == "pilot" and rest[:1] == [REPRODUCE]:  # computed here, by this checkout: no service is asked
        return ["app.stack.reproduce", *rest[1:]]
    if command in STACK:
        return ["app.stack.cli", command, *rest]
    if command == "test":
        chosen = [] if any(CHOOSES.fullmatch(argument) for argument in rest) else ["-m", "not slow"]
        return ["pytest", *chosen, *(rest or SIDE_BY_SIDE)]
    if command == "bench":
        return bench_module(rest)
    if command not in OTHERS:
        message = f"there is no command {command!r}\n\n{HELP}"
        raise LookupError(message)
    return [OTHERS[command], *rest]


def bench_module(rest: list[str]) -> list[str]:
    """`./run bench import` is the module `tests/bench/import_.py` or `tests/bench/import.py`."""
    folder = ROOT / "tests" / "bench"
    benches = {path.stem.rstrip("_"): path.stem for path in sorted(folder.glob("*.py")) if "__main__" in path.read_text()}
    name = rest[0].replace("-", "_") if rest else ""
    if name not in benches:
        message = f"./run bench NAME: NAME is one of {', '.join(benches) or '(there is none yet)'}"
        raise LookupError(message)
    return [f"tests.bench.{benches[name]}", *rest[1:]]


def environment_of(command: str, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command: where state lives is absolute, since its working folder may be another."""
    environment = tool_environment(ROOT, given)
    if command in ("test", "check"):
        # The settings of a running stack are none of the tests' business.
        return {name: value for name, value in environment.items() if not name.startswith("PILOT_") or "_TEST_" in name}
    return {**environment, "PILOT_HOME": str(Path(given.get("PILOT_HOME") or ROOT / ".pilot").resolve())}


def become(python: Path, module: list[str], environment: Mapping[str, str], folder: Path | None) -> NoReturn:
    """Replaces this process, so that signals reach the command itself."""
    if folder is not None:
        os.chdir(folder)
    sys.stdout.flush()
    os.execve(python, [str(python), "-m", *module], environment)  # noqa: S606 - no shell is meant
