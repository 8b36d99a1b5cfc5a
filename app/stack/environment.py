"""The virtual environment of the checkout, made from requirements.lock; standard library only."""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

Say = Callable[[str], None]

STAMP = ".made-from"
MADE_FROM = ("requirements.lock", "pyproject.toml")
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


class CannotMakeEnvironment(Exception):
    """The virtual environment cannot be made; the text says what to do."""


def ensure_environment(root: Path, say: Say) -> Path:
    """The environment's Python; makes or renews the environment where it is not what the lock says."""
    venv = root / ".venv"
    python = venv / "bin" / "python"
    stamp = stamp_of(root)
    if is_current(venv, stamp):
        return python
    try:
        (root / ".tools").mkdir(exist_ok=True)
        with (root / ".tools" / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another ./run may have made it while this one waited.
            if not is_current(venv, stamp):
                make_environment(root, venv, say)
                (venv / STAMP).write_text(stamp)
    except PermissionError as error:
        message = f"no access to {error.filename}: this checkout belongs to another user; clone one of your own"
        raise CannotMakeEnvironment(message) from error
    return python


def stamp_of(root: Path) -> str:
    """What an environment was made from, and for which folder: its scripts hold the folder's name."""
    digest = hashlib.sha256(str(root).encode())
    for name in MADE_FROM:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def is_current(venv: Path, stamp: str) -> bool:
    """Whether the environment was finished from this lock and its Python is still there."""
    file = venv / STAMP
    return file.exists() and file.read_text() == stamp and (venv / "bin" / "python").exists()


def make_environment(root: Path, venv: Path, say: Say) -> None:
    """Installs what the lock names, hashes checked, and the project itself; by uv if it can be had, else by pip."""
    python = venv / "bin" / "python"
    doing = "renewing" if python.exists() else "making"
    say(f"{doing} the virtual environment {venv} (a download of some 300 MB the first time)")
    environment = tool_environment(root, os.environ) | {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment.pop("VIRTUAL_ENV", None)
    (venv / STAMP).unlink(missing_ok=True)
    if not works(python):
        shutil.rmtree(venv, ignore_errors=True)
    uv = find_uv(root, environment, say)
    if uv is None or not install_by_uv(root, venv, uv, uv_environment(environment), say):
        install_by_pip(root, venv, environment, say)
    say("the virtual environment is ready")


def install_by_uv(root: Path, venv: Path, uv: Path, environment: Mapping[str, str], say: Say) -> bool:
    """Whether uv could do it."""
    python = venv / "bin" / "python"
    commands = [
        *([] if python.exists() else [["venv", "--no-project", "--python", sys.executable, str(venv)]]),
        ["pip", "sync", "--compile-bytecode", "--require-hashes", "--python", str(python), "requirements.lock"],
        ["pip", "install", "--no-deps", "--no-build-isolation", "--python", str(python), "--editable", "."],
    ]
    for command in commands:
        failure = failure_of([str(uv), *command], root, environment)
        if failure:
            say(f"{failure}\ntrying pip, which takes longer")
            return False
    return True


def install_by_pip(root: Path, venv: Path, environment: Mapping[str, str], say: Say) -> None:
    """The slow way, for machines whose pip knows an index that uv does not."""
    ensure_venv_module(environment, say)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [*pip, "--require-hashes", "--requirement", "requirements.lock"],
        [*pip, "--no-deps", "--no-build-isolation", "--editable", "."],
    ):
        failure = failure_of(command, root, environment)
        if failure:
            raise CannotMakeEnvironment(failure)


def failure_of(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Runs a command; empty if it went well, else what it said."""
    done = subprocess.run(
        command, check=False, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    return f"{done.stdout.strip()}\nfailed: {' '.join(command)}" if done.returncode != 0 else ""


def find_uv(root: Path, environment: Mapping[str, str], say: Say) -> Path | None:
    """The user's own uv, or the locked one, installed beside the environment; `None` if that fails."""
    own = shutil.which("uv")
    if own:
        return Path(own)
    kept = root / ".tools" / "uv"
    program = kept / "bin" / "uv"
    if not works(program):
        locked = root / ".tools" / "uv.lock"
        locked.write_text(locked_lines((root / "requirements.lock").read_text(), "uv"))
        # A folder of its own: where the system's Python is managed by its package manager, pip installs nowhere else.
        command = ["install", "--quiet", "--upgrade", "--target", str(kept), "--require-hashes", "--requirement", str(locked)]
        failure = failure_of([*find_pip(root, environment, say), *command], root, environment)
        if failure:
            say(failure)
    return program if works(program) else None


def find_pip(root: Path, environment: Mapping[str, str], say: Say) -> list[str]:
    """How to call a pip: this Python's, else one in a virtual environment of its own."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], check=False, capture_output=True, env=environment).returncode == 0:
        return pip
    ensure_venv_module(environment, say)
    own = root / ".tools" / "pip"
    failure = failure_of([sys.executable, "-m", "venv", "--clear", str(own)], root, environment)
    if failure:
        raise CannotMakeEnvironment(failure)
    return [str(own / "bin" / "python"), "-m", "pip"]


def ensure_venv_module(environment: Mapping[str, str], say: Say) -> None:
    """Debian ships Python without what makes environments: installs it as root, else says how."""
    if has_venv_module(environment):
        return
    apt = shutil.which("apt-get")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if os.geteuid() == 0 and apt and sys.executable.startswith("/usr/bin/"):
        say(f"this Python cannot make virtual environments: installing Debian's python{version}-venv")
        quiet = {**environment, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([apt, "update", "-qq"], check=False, env=quiet)
        subprocess.run(
            [apt, "install", "-y", "-qq", "--no-install-recommends", f"python{version}-venv"], check=False, env=quiet
        )
    if not has_venv_module(environment):
        message = (
            f"{sys.executable} has neither pip nor what makes virtual environments: "
            f"install python{version}-venv (Debian: apt-get install python{version}-venv), or put uv on PATH"
        )
        raise CannotMakeEnvironment(message)


def has_venv_module(environment: Mapping[str, str]) -> bool:
    """Whether this Python can make an environment with pip in it."""
    command = [sys.executable, "-c", "import ensurepip, venv; ensurepip.version()"]
    return subprocess.run(command, check=False, capture_output=True, env=environment).returncode == 0


def works(program: Path) -> bool:
    """Whether a program starts at all: its interpreter may have been removed, or it may be half a download."""
    try:
        return subprocess.run([str(program), "--version"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def locked_lines(lock: str, name: str) -> str:
    """One package's lines of the lock, with its hashes."""
    kept: list[str] = []
    for line in lock.splitlines():
        if line.startswith(f"{name}==") or (kept and kept[-1].endswith("\\")):
            kept.append(line)
    return "\n".join(kept) + "\n"


def tool_environment(root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The environment for tools: where the home folder cannot be written, they get one inside the checkout.

    Compiled files are kept whatever the shell says: a stack is ten processes, and each would compile everything at each start.
    """
    environment = {name: value for name, value in given.items() if name != NO_BYTECODE}
    home = home_folder(given)
    if home is None or not is_writable(home):
        own = root / ".tools" / "home"
        own.mkdir(parents=True, exist_ok=True)
        environment |= {"HOME": str(own), "XDG_CACHE_HOME": str(own / "cache"), "XDG_CONFIG_HOME": str(own / "config")}
    else:
        cache = Path(given.get("XDG_CACHE_HOME") or home / ".cache")
        if not is_writable(cache):
            environment["XDG_CACHE_HOME"] = str(root / ".tools" / "cache")
    return environment


def home_folder(given: Mapping[str, str]) -> Path | None:
    """The user's home; `None` for a user who has none."""
    if given.get("HOME"):
        return Path(given["HOME"])
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or it can be made itself."""
    while not folder.exists():
        folder = folder.parent
    try:  # a mode does not tell of a disk that is read-only, nor of what root may not do
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Uv reads none of pip's configuration: an index that only pip knows is told it here, and kept nowhere."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    index = environment.get("PIP_INDEX_URL") or (asked.stdout.strip() if asked.returncode == 0 else "")
    # The system's certificates, as pip does: a company's own authority is known there and nowhere else.
    told = {"UV_DEFAULT_INDEX": index, "SSL_CERT_FILE": environment.get("PIP_CERT", ""), "UV_SYSTEM_CERTS": "true"}
    return {name: value for name, value in told.items() if value} | dict(environment)
