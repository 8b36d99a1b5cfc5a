"""`./run bench mutation`: is every inverted comparison, dropped square root and swapped arm caught by a quick test?

Wrong versions of the statistics and of the verdict, or of the graders (`--group graders`), are made one at a time, in memory,
and the tests that import the module run against each, in processes forked from one that has the libraries loaded. What survives
the module's own tests meets all quick tests of the group. `tests/bench/mutants_equivalent.toml` lists the versions that are not
wrong, with the reason. Nothing is written into the checkout: it is copied first. The score is what was caught of what is wrong.
"""

import argparse
import importlib.abc
import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

import aiohttp
import hypothesis
import jsonschema
import numpy
import orjson
import pydantic
import pytest
import redis.asyncio
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
import sqlalchemy.orm
from typing_extensions import override

from tests.bench.mutants import Mutant, mutants_of, tree_of
from tests.bench.mutation_groups import GROUPS, ROOT, Group, is_meant, modules, quick_tests, tests_of

EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
LOADED = (
    numpy, hypothesis, pydantic, aiohttp, jsonschema, orjson, redis.asyncio, scipy.integrate, scipy.optimize, scipy.special,
    scipy.stats, sqlalchemy.orm,
)  # fmt: skip
# A version may take so many times the processor time of the module as it is, and so much more; an endless loop is caught too.
TIMES, MORE_SECONDS = 4.0, 5.0
NO_LIMIT = 600.0
# One that only waits is ended after so many times that, by the clock.
IDLE_TIMES = 5
TIMES_OF_FILES = "times.json"
_OWN = ("app", "tests", "workers", "parallel_pilot", "migrations")


@dataclass(frozen=True, slots=True)
class Job:
    """One wrong version and the tests that should catch it; `mutant` `None` = the module as it is."""

    module: str
    mutant: Mutant | None
    tests: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a job; `code` is pytest's, or minus the signal that ended it; `seconds` of processor time."""

    job: Job
    code: int
    seconds: float


class _Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a changed tree."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    @override
    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    @override
    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)  # noqa: S102 - our own module, a little changed


class _Times:
    """How long the tests of each file took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.split("::")[0]
        self.seconds[file] = self.seconds.get(file, 0.0) + report.duration


def run_child(folder: Path, job: Job) -> int:
    """In the forked process: the tests against the wrong version; pytest's exit code."""
    os.chdir(folder)
    sys.path[:] = [str(folder), *(path for path in sys.path if path and Path(path).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.split(".")[0] in _OWN]:
        del sys.modules[name]
    if job.mutant is not None:
        path = folder / job.module
        name = job.module.removesuffix(".py").replace("/", ".")
        code = compile(tree_of(path.read_text(), job.mutant), str(path), "exec")
        sys.meta_path.insert(0, _Wrong(name, path, code))
    hypothesis.settings.register_profile("mutation", database=None, derandomize=True, max_examples=30, deadline=None)
    hypothesis.settings.load_profile("mutation")
    options = [
        "-x",
        "-q",
        "--no-header",
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "-m",
        "not slow",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    times = _Times()
    ended = int(pytest.main([*options, *job.tests], plugins=[times]))
    if job.mutant is None:
        (folder / TIMES_OF_FILES).write_text(json.dumps(times.seconds))
    return ended


def start(folder: Path, job: Job, log: Path) -> int:
    """Forks; the number of the new process."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 3
    try:
        most = int(job.seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        signal.alarm(IDLE_TIMES * most)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        code = run_child(folder, job)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_all(folder: Path, jobs: Sequence[Job], at_once: int = 1) -> Iterator[Ended]:
    """Runs the jobs, a few at once, in any order."""
    waiting, running = list(reversed(jobs)), dict[int, Job]()
    while waiting or running:
        while waiting and len(running) < at_once:
            job = waiting.pop()
            running[start(folder, job, folder / f"log-{len(waiting)}")] = job
        process, status, used = os.wait3(0)
        yield Ended(running.pop(process), os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime)


def equivalent() -> dict[tuple[str, str], str]:
    """The reason of each version that is not wrong, by module and name."""
    listed = tomllib.loads(EQUIVALENT.read_text())["equivalent"] if EQUIVALENT.exists() else []
    return {(entry["module"], name): entry["reason"] for entry in listed for name in entry["mutants"]}


def mutate(
    folder: Path, chosen: Sequence[str], group: Group, *, own_only: bool, named: Sequence[str] = (), at_once: int = 2
) -> dict[str, object]:
    """Everything; the report. `own_only` leaves out the second round, `named` versions without one of these texts."""
    known, begun = equivalent(), time.monotonic()
    every = quick_tests(folder, group)
    whole = Ended(Job("", None, every, NO_LIMIT), 0, NO_LIMIT)
    if not own_only:
        (whole,) = run_all(folder, [whole.job])
        _must_pass(folder, whole)
    jobs: list[Job] = []
    found: dict[tuple[str, str], Mutant] = {}
    there = set[tuple[str, str]]()
    for module in chosen:
        tests = tests_of(folder, module, group)
        mutants = list(mutants_of((folder / module).read_text()))
        there.update((module, mutant.name) for mutant in mutants)
        mutants = [mutant for mutant in mutants if not named or any(text in mutant.name for text in named)]
        found.update(((module, mutant.name), mutant) for mutant in mutants)
        plain = whole
        if tests and mutants:
            (plain,) = run_all(folder, [Job(module, None, tests, NO_LIMIT)])
            _must_pass(folder, plain)
            tests = _quickest_first(folder, tests)
        limit = TIMES * plain.seconds + MORE_SECONDS
        jobs += [Job(module, each, tests or every, limit) for each in mutants if (module, each.name) not in known]
    alive: list[Job] = []
    for ended in run_all(folder, jobs, at_once):
        if ended.code == 0:
            alive.append(ended.job)
            sys.stderr.write(f"open after its own tests: {_said(ended.job)}\n")
    again = [Job(job.module, job.mutant, every, TIMES * whole.seconds + MORE_SECONDS) for job in alive]
    alive = alive if own_only else [ended.job for ended in run_all(folder, again, at_once) if ended.code == 0]
    return {
        "modules": len(chosen),
        **_score(list(found), known, alive),
        "by_module": {
            module: _score([key for key in found if key[0] == module], known, [job for job in alive if job.module == module])
            for module in chosen
        },
        "survived": sorted(_said(job) for job in alive),
        "equivalent_but_gone": sorted(" ".join(key) for key in known if key[0] in chosen and key not in there),
        "seconds": round(time.monotonic() - begun, 1),
    }


def _score(found: Sequence[tuple[str, str]], known: Container[tuple[str, str]], alive: Sequence[Job]) -> dict[str, object]:
    """Counts; the score is what was caught of what is wrong, `None` where nothing is."""
    skipped = sum(key in known for key in found)
    wrong = len(found) - skipped
    caught = wrong - len(alive)
    score = round(caught / wrong, 4) if wrong else None
    return {"mutants": len(found), "caught": caught, "equivalent": skipped, "open": len(alive), "score": score}


def _quickest_first(folder: Path, tests: Sequence[str]) -> tuple[str, ...]:
    seconds = json.loads((folder / TIMES_OF_FILES).read_text())
    return tuple(sorted(tests, key=lambda test: seconds.get(test.split("::")[0], 0.0)))


def _must_pass(folder: Path, ended: Ended) -> None:
    if ended.code != 0:
        sys.stdout.write((folder / "log-0").read_text()[-3000:])
        message = f"the tests fail without any change: {' '.join(ended.job.tests)}"
        raise SystemExit(message)


def _said(job: Job) -> str:
    return f"{job.module}:{job.mutant.line} {job.mutant.name}" if job.mutant is not None else job.module


def main() -> int:
    """0 if no wrong version survives; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="./run bench mutation", description=__doc__)
    parser.add_argument("--group", choices=sorted(GROUPS), default="statistics", help="what is changed (default: %(default)s)")
    parser.add_argument("--module", action="append", metavar="NAME", help="only this one, e.g. asymptotic; may be repeated")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="so many processes (default: %(default)s)")
    parser.add_argument("--own", action="store_true", help="only the tests that import the module")
    parser.add_argument("--name", action="append", metavar="TEXT", help="only versions whose name holds this; may be repeated")
    parser.add_argument("--list", action="store_true", help="only name the wrong versions")
    given = parser.parse_args()
    group = GROUPS[given.group]
    chosen = [module for module in modules(group) if is_meant(module, given.module)]
    if given.list:
        for module in chosen:
            for mutant in mutants_of((ROOT / module).read_text()):
                sys.stdout.write(f"{module}:{mutant.line} {mutant.name}\n")
        return 0
    os.nice(5)
    with tempfile.TemporaryDirectory(prefix="pp-mutation-") as name:
        folder = Path(name)
        for part in ("app", "tests", "parallel_pilot", "workers"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "e2e", "integration"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        report = mutate(folder, chosen, group, own_only=given.own, named=given.name or (), at_once=given.at_once)
    for survivor in report["survived"] if isinstance(report["survived"], list) else []:
        sys.stdout.write(f"survived: {survivor}\n")
    sys.stdout.write(json.dumps({"group": given.group, **report}) + "\n")
    return 1 if report["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
