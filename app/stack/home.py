"""The folder that holds one stack's state, and what is written there for other processes to read."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.errors import StackError
from app.settings import Settings
from app.stack.process import is_alive

SERVERS = ("postgres", "redis")
GATEWAY = "gateway"
CHILDREN = (GATEWAY, "api", "mirror", "recorder", "worker", "beat")


class ProcessState(StrEnum):
    """What a process of the stack does.

    `DRAINING`: it was told to end and finishes what it carries; another has its place already.
    `EXTERNAL`: named by a setting, neither started nor ended by us.
    """

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    EXTERNAL = "external"


class ProcessEntry(BaseModel):
    """One process, known by its id and the moment of its start.

    Attributes:
        slot: Which of several processes of that name it is; `None` if there is one only.
        is_orphan: It runs, but its supervisor is gone.
    """

    name: str
    slot: str | None = None
    pid: int | None = None
    state: ProcessState = ProcessState.STOPPED
    restarts: int = 0
    last_exit: int | None = None
    start_token: str | None = None
    is_orphan: bool = False

    def is_alive(self) -> bool:
        """Whether that very process runs."""
        return is_alive(self.pid, self.start_token)


class Addresses(BaseModel):
    """Where the stack is reached; the last line of `./run up --json`."""

    api_url: str
    gateway_url: str | None = None
    dashboard_url: str
    admin_key_file: str


class StackState(BaseModel):
    """What the supervisor says of itself and its children.

    Attributes:
        problem: Why not everything could be started, while the gateways forward all the same.
        drain_seconds: How long a gateway that is told to end may take.
    """

    supervisor: ProcessEntry
    ready: bool = False
    problem: str | None = None
    addresses: Addresses
    drain_seconds: float = 10.0
    external: list[str] = []
    servers: list[ProcessEntry] = []
    children: list[ProcessEntry] = []


def read_settings() -> Settings:
    """The settings of the environment; a wrong one is named as it is written there."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"PILOT_{str(item['loc'][0]).upper()}: {item['msg']} (it is {item['input']!r})" for item in error.errors()]
        raise StackError("\n".join(lines)) from error


@dataclass(frozen=True, slots=True)
class StackHome:
    """Paths of one stack."""

    root: Path

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        """`StackState` as JSON."""
        return self.root / "stack.json"

    @property
    def admin_key_file(self) -> Path:
        """The first admin's key, mode 600."""
        return self.root / "admin.key"

    @property
    def ready(self) -> Path:
        """Holds a file of each child that can work."""
        return self.root / "ready"

    def prepare(self) -> None:
        """Makes the folder on first use: nobody else may list it."""
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                # As root, PostgreSQL's own user has to pass through to its data.
                self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.logs, self.ready, self.root / "beat"):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            message = f"the stack's folder {self.root} cannot be made ({error.strerror}): set PILOT_HOME to another one"
            raise StackError(message) from error

    def read_state(self) -> StackState | None:
        """What the last supervisor wrote; `None` if there was none."""
        try:
            return StackState.model_validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:  # of another version: its servers are still found by their own pid files
            return None

    def write_state(self, state: StackState) -> None:
        """Replaces the file as a whole, so that a reader never meets half of it."""
        write_private(self.state_file, state.model_dump_json(indent=2) + "\n")

    @contextmanager
    def lock(self) -> Iterator[bool]:
        """Whether we are this home's only supervisor; the kernel lets go of it when the process ends, however it ends."""
        with (self.root / "supervisor.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def running(self) -> StackState | None:
        """The state of this home's supervisor, if one runs now."""
        state = self.read_state()
        return state if state is not None and state.supervisor.is_alive() else None


def write_private(file: Path, text: str) -> None:
    """Writes a file of mode 600, as a whole or not at all."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
