"""`./run check`: what must hold of the code itself; every check runs, also after one has failed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.errors import StackError
from app.stack.audit import audit
from app.stack.licences import is_allowed, licence_of
from app.stack.locking import GROUPS, LOCK, ROOT, blocks_of, compile_lock
from app.stack.manifests import FOLDER, problems_of
from app.stack.postgres import start_postgres
from app.stack.sbom import make_sbom, validate
from app.store.migrate import upgrade_database

# What uv says where no index can be reached.
UNREACHABLE = ("error sending request", "Failed to fetch", "dns error", "Connect", "timed out", "network")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found.

    Attributes:
        is_well: Whether it passed.
        text: What to show: why not, or what could not be looked at.
    """

    is_well: bool
    text: str = ""


def tool(name: str, *arguments: str) -> Callable[[], Outcome]:
    """A check by a program of the virtual environment."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]

    def check() -> Outcome:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return Outcome(done.returncode == 0, "" if done.returncode == 0 else done.stdout + done.stderr)

    return check


def migrations_in_step() -> Outcome:
    """The revisions give a fresh database the tables that `app/store/tables.py` describes."""
    with tempfile.TemporaryDirectory(prefix="pp-check-") as folder:
        Path(folder).chmod(0o711)
        server = start_postgres(Path(folder), lambda _: None, options=("fsync=off",))
        try:
            upgrade_database(server.url)
            command = [str(Path(sys.executable).with_name("alembic")), "check"]
            environment = {**os.environ, "PILOT_DATABASE_URL": server.url}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        finally:
            server.stop()
    return Outcome(done.returncode == 0, "" if done.returncode == 0 else done.stdout + done.stderr)


def lock_in_step() -> Outcome:
    """The lock holds no address and is what pyproject.toml resolves to, as far as an index can be asked."""
    lock = (ROOT / LOCK).read_text()
    problems = [f"line {number} holds an address" for number, line in enumerate(lock.splitlines(), 1) if "://" in line]
    problems += uncovered(tomllib.loads((ROOT / "pyproject.toml").read_text()), lock)
    if problems:
        return Outcome(is_well=False, text="\n".join([*problems, "./run lock writes it anew"]))
    with tempfile.TemporaryDirectory(prefix="pp-check-") as folder:
        for name in ("pyproject.toml", LOCK):
            shutil.copy(ROOT / name, folder)
        try:
            compile_lock(Path(folder))
        except StackError as error:
            if any(sign in str(error) for sign in UNREACHABLE):
                return Outcome(
                    is_well=True, text="NOT LOOKED AT: no package index can be reached, so the lock was not resolved anew"
                )
            return Outcome(is_well=False, text=str(error))
        if (Path(folder) / LOCK).read_text() != lock:
            return Outcome(is_well=False, text="requirements.lock is not what pyproject.toml resolves to: ./run lock writes it")
    return Outcome(is_well=True)


def uncovered(project: dict[str, dict[str, object]], lock: str) -> list[str]:
    """What pyproject.toml asks for and the lock does not give."""
    pinned = {canonicalize_name(name): version for name, version, _ in blocks_of(lock)}
    problems = []
    for text in asked_for(project):
        needed = Requirement(text)
        version = pinned.get(canonicalize_name(needed.name))
        if version is None:
            problems.append(f"{needed.name} is not in {LOCK}")
        elif not needed.specifier.contains(version, prereleases=True):
            problems.append(f"{LOCK} has {needed.name} {version}, pyproject.toml asks for {needed.specifier}")
    return problems


def asked_for(project: dict[str, dict[str, object]]) -> list[str]:
    """Every requirement of pyproject.toml: own, extras, groups, build."""
    groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]
    lists = [project["project"]["dependencies"], project["build-system"]["requires"], *(groups[group] for group in GROUPS)]
    lists += [*extras.values()] if isinstance(extras, dict) else []
    return [str(text) for found in lists if isinstance(found, list) for text in found]


def sbom_is_made() -> Outcome:
    """The list of what the image is made of holds to its format, and every package's licence may be used."""
    document = make_sbom(ROOT)
    validate(json.dumps(document))
    wrong = [
        f"{each['name']} {each['version']}: its licence is not one that app/stack/licences.py allows"
        for each in document["components"]
        if each["bom-ref"].startswith("pkg:pypi/") and not is_allowed(licence_of(each["name"]))
    ]
    return Outcome(is_well=not wrong, text="\n".join(wrong))


def vulnerabilities() -> Outcome:
    """What is known of the packages' vulnerabilities: a note, since it changes without any change here."""
    found = audit()
    return Outcome(is_well=True, text="" if found.code == 0 else f"{found.text}\n./run audit says it again, with an exit code")


def kubernetes_files() -> Outcome:
    """The documents of deploy/kubernetes hold to their schemas, what they name is there, and no pod is without its bounds."""
    problems = problems_of(ROOT / FOLDER)
    return Outcome(is_well=not problems, text="\n".join(problems))


CHECKS: dict[str, Callable[[], Outcome]] = {
    "format": tool("ruff", "format", "--check", "--quiet", ".", "run"),
    "lint": tool("ruff", "check", "--quiet", ".", "run"),
    "types": tool("mypy"),
    "layers": tool("lint-imports", "--no-logo"),
    "migrations": migrations_in_step,
    "compose file": tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    "Dockerfile": tool("hadolint", "Dockerfile"),
    "Kubernetes files": kubernetes_files,
    "lock": lock_in_step,
    "bill of materials": sbom_is_made,
    "vulnerabilities": vulnerabilities,
}


def main() -> int:
    """Runs every check; 1 if one failed."""
    failed = []
    for name, check in CHECKS.items():
        started = time.monotonic()
        try:
            outcome = check()
        except (OSError, StackError) as error:
            outcome = Outcome(is_well=False, text=str(error))
        word = "ok    " if outcome.is_well else "FAILED"
        sys.stdout.write(f"{word} {name} ({time.monotonic() - started:.1f} s)\n")
        if outcome.text:
            sys.stdout.write("".join(f"       {line}\n" for line in outcome.text.strip().splitlines()))
        sys.stdout.flush()
        if not outcome.is_well:
            failed.append(name)
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "every check passed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
