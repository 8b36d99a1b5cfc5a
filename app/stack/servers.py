"""PostgreSQL and Redis of one home: started, and started again when they die.

In a thread of their own: starting them takes seconds, for which no gateway may wait.
"""

import threading
import time
from collections.abc import Callable

from typing_extensions import override

from app.errors import StackError
from app.settings import Settings
from app.stack.home import SERVERS, ProcessEntry, ProcessState, StackHome
from app.stack.postgres import EmbeddedPostgres, start_postgres
from app.stack.process import start_token
from app.stack.redis import EmbeddedRedis, locate_redis, start_redis

Say = Callable[[str], None]
Server = EmbeddedPostgres | EmbeddedRedis

LOOK_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0


class Servers(threading.Thread):
    """Starts what no setting names, prepares the database, and then watches.

    Args:
        home: The stack's folder.
        settings: As of the environment.
        say: Gets a line for whatever a person should know.

    Attributes:
        problem: Why they are not prepared; they are tried again all the same.
    """

    def __init__(self, home: StackHome, settings: Settings, say: Say) -> None:
        super().__init__(name="servers", daemon=True)
        self.problem: str | None = None
        self._home = home
        self._settings = settings
        self._say = say
        self._ends = threading.Event()
        self._prepared = threading.Event()
        self._database_url = settings.database_url
        self._servers: dict[str, Server] = {}
        self._entries = {name: ProcessEntry(name=name) for name in self._ours()}

    @property
    def external(self) -> list[str]:
        """Those that a setting names."""
        return [name for name in SERVERS if name not in self._ours()]

    @property
    def is_prepared(self) -> bool:
        """Whether both ran and the database had its tables, once."""
        return self._prepared.is_set()

    @property
    def has_redis(self) -> bool:
        """Whether Redis runs, as far as it is ours."""
        return "redis" not in self._entries or self._entries["redis"].state is ProcessState.RUNNING

    @property
    def redis_url(self) -> str:
        """Where Redis is or will be; known before it runs."""
        return self._settings.redis_url or locate_redis(self._home.root).url

    @property
    def database_url(self) -> str | None:
        """Where PostgreSQL is; `None` before it was started."""
        return self._database_url

    @property
    def entries(self) -> list[ProcessEntry]:
        """What is known of those that we started."""
        return [entry.model_copy() for entry in list(self._entries.values())]

    def end(self) -> None:
        """Nothing is started any more."""
        self._ends.set()

    @override
    def run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while not self._ends.is_set():
            try:
                self._look()
                self._prepare()
            except StackError as error:
                if self.problem != str(error) and self.is_prepared:
                    self._say(str(error))
                self.problem = str(error)
                self._ends.wait(delay)
                delay = min(2 * delay, LONGEST_DELAY_SECONDS)
            else:
                self.problem, delay = None, FIRST_DELAY_SECONDS
                self._ends.wait(LOOK_SECONDS)

    def _ours(self) -> tuple[str, ...]:
        urls = zip(SERVERS, (self._settings.database_url, self._settings.redis_url), strict=True)
        return tuple(name for name, url in urls if url is None)

    def _look(self) -> None:
        """Starts what does not run; one that cannot be started keeps no other from it."""
        problems = []
        for name in reversed(self._ours()):  # Redis first: it is there at once, and gateways wait for it
            known = self._servers.get(name)
            pid = known.pid() if known else None
            if pid is None and not self._ends.is_set():
                try:
                    self._start(name)
                except StackError as error:
                    problems.append(str(error))
            elif pid != self._entries[name].pid:
                self._note(name, pid, ProcessState.RUNNING)
        if problems:
            raise StackError("\n".join(problems))

    def _start(self, name: str) -> None:
        is_again = name in self._servers
        began = time.monotonic()
        self._note(name, None, ProcessState.RESTARTING if is_again else ProcessState.STARTING)
        started: Server
        if name == "postgres":
            started = start_postgres(self._home.root, self._say)
            self._database_url = started.url
        else:
            started = start_redis(self._home.root)
        self._servers[name] = started
        self._note(name, started.pid(), ProcessState.RUNNING, restarts=int(is_again))
        if is_again:
            self._say(f"{name} had ended and was started again in {time.monotonic() - began:.1f} s")

    def _note(self, name: str, pid: int | None, state: ProcessState, *, restarts: int = 0) -> None:
        entry = self._entries[name]
        token = start_token(pid) if pid else None
        changes = {"pid": pid, "state": state, "start_token": token, "restarts": entry.restarts + restarts}
        self._entries[name] = entry.model_copy(update=changes)

    def _prepare(self) -> None:
        if self.is_prepared or self._ends.is_set():
            return
        # Imported here: they take a second, for which the gateways do not wait.
        from app.jobs import redis_illness  # noqa: PLC0415
        from app.stack.preparing import prepare_database  # noqa: PLC0415

        illness = redis_illness(self._settings.redis_url) if self._settings.redis_url else None
        if illness:
            message = f"the Redis of PILOT_REDIS_URL cannot be used: {illness}"
            raise StackError(message)
        assert self._database_url is not None  # noqa: S101 - given, or started by now
        pepper = self._settings.pepper.get_secret_value() if self._settings.pepper else None
        prepare_database(self._home, self._database_url, pepper)
        self._prepared.set()
