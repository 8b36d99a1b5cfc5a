"""An isolated environment per major version of the official SDKs, made once and kept in the user's cache folder."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.stack.environment import find_uv, tool_environment, uv_environment, works
from tests.running import ROOT

SCRIPTS = ROOT / "tests" / "contract" / "sdk"
# The last one of each major version when these tests were last looked at.
PYTHON_SDKS = {"python-1": "openai==1.109.1", "python-2": "openai==2.54.0", "python-3": "openai==3.52.0"}
NODE_SDK = "openai@6.49.0"
STAMP = "made"


@dataclass(frozen=True, slots=True)
class Sdk:
    """How to run the calls with one SDK: a command that ends before the arguments, and its working folder."""

    name: str
    command: tuple[str, ...]
    folder: Path


def sdk_named(name: str) -> Sdk:
    """Makes the environment if it is not there yet; skips the test, loudly, where that cannot be done."""
    return _python_sdk(name) if name in PYTHON_SDKS else _node_sdk(name)


def _python_sdk(name: str) -> Sdk:
    python = python_with(PYTHON_SDKS[name])
    return Sdk(name, (str(python), str(SCRIPTS / "calls.py")), python.parents[2])


def python_with(wanted: str) -> Path:
    """The Python of an environment of its own with one package; skips the test, loudly, where it cannot be had."""
    version, environment = f"{sys.version_info.major}.{sys.version_info.minor}", tool_environment(ROOT, os.environ)
    with _folder(f"{wanted}-python-{version}", environment) as folder:
        python = folder / "venv" / "bin" / "python"
        if not (folder / STAMP).exists() or not works(python):
            uv = find_uv(ROOT, environment, print)
            if uv is None:
                pytest.skip(f"uv cannot be had: no environment of its own for {wanted}")
            told = uv_environment(environment)
            told.pop("VIRTUAL_ENV", None)
            for command in (
                ["venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, str(folder / "venv")],
                ["pip", "install", "--quiet", "--python", str(python), wanted],
            ):
                _make([str(uv), *command], folder, told, wanted)
            (folder / STAMP).touch()
    return python


def package_folder(wanted: str) -> Path:
    """A folder with the files of one package, without what it needs; skips the test, loudly, where it cannot be had."""
    environment = tool_environment(ROOT, os.environ)
    with _folder(f"{wanted}-files", environment) as folder:
        if not (folder / STAMP).exists():
            uv = find_uv(ROOT, environment, print)
            if uv is None:
                pytest.skip(f"uv cannot be had: no folder of its own for {wanted}")
            told = uv_environment(environment)
            install = ["pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder / "files")]
            _make([str(uv), *install, wanted], folder, told, wanted)
            (folder / STAMP).touch()
    return folder / "files"


def _node_sdk(name: str) -> Sdk:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm and node are not installed: the official Node SDK is not tried")
    environment = tool_environment(ROOT, os.environ)
    with _folder(f"{NODE_SDK}-node", environment) as folder:
        if not (folder / STAMP).exists():
            command = [npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder), NODE_SDK]
            _make(command, folder, environment, NODE_SDK)
            (folder / STAMP).touch()
    return Sdk(name, (node, str(SCRIPTS / "calls.mjs")), folder)


@contextmanager
def _folder(name: str, environment: dict[str, str]) -> Iterator[Path]:
    """A folder in the cache, this process's alone as long as it is looked at."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache")
    folder = cache / "parallel-pilot" / "sdk" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder


def _make(command: list[str], folder: Path, environment: dict[str, str], wanted: str) -> None:
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["nothing was said"])[-1][:200]
        pytest.skip(f"{wanted} cannot be installed here (is a package index reachable?): {last}")
