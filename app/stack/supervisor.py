"""Keeps the processes of one home running, until it is told to end."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from app.errors import StackError
from app.jobs import redis_illness
from app.settings import Settings
from app.stack.children import Child, Program, answers_ready
from app.stack.home import CHILDREN, SERVERS, Addresses, ProcessEntry, ProcessState, StackHome, StackState
from app.stack.listening import listen, url_of
from app.stack.postgres import start_postgres
from app.stack.preparing import prepare_database
from app.stack.process import start_token
from app.stack.redis import start_redis
from app.stack.signals import Signals
from app.stack.stopping import end_leftovers, stop_servers

Say = Callable[[str], None]

LOOK_SECONDS = 0.1
READY_TIMEOUT_SECONDS = 120.0
DRAIN_SECONDS = 10.0
# A process that ended so often before everything was ready once will not get better by itself.
HOPELESS_FAILURES = 3
WORKER_PROCESSES = 2


class Supervisor:
    """One run of one home's stack.

    Args:
        home: Where it lives; we hold its lock.
        settings: As of the environment.
        say: Gets a line for whatever a person should know.
        any_port: Take a free port if the one of the settings is in use.
    """

    def __init__(self, home: StackHome, settings: Settings, say: Say, *, any_port: bool = False) -> None:
        self._home = home
        self._settings = settings
        self._say = say
        self._any_port = any_port
        self._signals = Signals()
        self._children: list[Child] = []

    def run(self, on_ready: Callable[[Addresses], None]) -> None:
        """Starts everything, calls `on_ready` once it can be used, and returns when all is ended."""
        end_leftovers(self._home)
        with ExitStack() as stack:
            bind, port = self._settings.bind, self._settings.api_port
            listening = stack.enter_context(listen(bind, port, "PILOT_API_PORT", fall_back=self._any_port))
            api_url = url_of(listening)
            self._state = StackState(
                supervisor=ProcessEntry(
                    name="supervisor", pid=os.getpid(), start_token=start_token(os.getpid()), state=ProcessState.RUNNING
                ),
                addresses=Addresses(
                    api_url=api_url, dashboard_url=f"{api_url}/", admin_key_file=str(self._home.admin_key_file)
                ),
            )
            if port and not api_url.endswith(f":{port}"):
                self._say(f"port {port} is in use, so the API listens on {api_url}; PILOT_API_PORT chooses another")
            self._signals.listen()
            self._write()
            try:
                self._start(listening.fileno())
                self._keep_running(on_ready)
            finally:
                self._stop()

    def _start(self, listening: int) -> None:
        environment = {**os.environ, **self._servers(), "PILOT_HOME": str(self._home.root), "PYTHONUNBUFFERED": "1"}
        pepper = self._settings.pepper.get_secret_value() if self._settings.pepper else None
        prepare_database(self._home, environment["PILOT_DATABASE_URL"], pepper)
        for program in self._programs(listening):
            child = Child(program, self._home, environment)
            self._children.append(child)
            child.start()
        self._write()

    def _servers(self) -> dict[str, str]:
        """Starts what no setting names; the addresses as the children are told them."""
        database, redis = self._settings.database_url, self._settings.redis_url
        self._state.external = [name for name, url in zip(SERVERS, (database, redis), strict=True) if url is not None]
        self._write()
        if database is None:
            database = start_postgres(self._home.root, self._say).url
        if redis is None:
            redis = start_redis(self._home.root).url
        elif illness := redis_illness(redis):
            message = f"the Redis of PILOT_REDIS_URL cannot be used: {illness}"
            raise StackError(message)
        return {"PILOT_DATABASE_URL": database, "PILOT_REDIS_URL": redis}

    def _programs(self, listening: int) -> list[Program]:
        celery = ("celery", "--quiet", "-A", "workers.celery_app")
        worker = ("worker", "--pool", "prefork", "--concurrency", str(WORKER_PROCESSES), "--without-mingle", "--without-gossip")
        beat = ("beat", "--schedule", str(self._home.root / "beat" / "schedule"), "--pidfile=")
        arguments = {"api": ("workers.serve", str(listening)), "worker": (*celery, *worker), "beat": (*celery, *beat)}
        ready: dict[str, Callable[[], bool]] = {
            "api": partial(answers_ready, self._state.addresses.api_url),
            "worker": self._home.ready_file("worker").exists,
            "beat": self._home.ready_file("beat").exists,
        }
        return [Program(name, arguments[name], ready[name], (listening,) if name == "api" else ()) for name in CHILDREN]

    def _keep_running(self, on_ready: Callable[[Addresses], None]) -> None:
        until = time.monotonic() + READY_TIMEOUT_SECONDS
        while not self._signals.stops_asked:
            changes = [child.look(time.monotonic()) for child in self._children]
            if any(changes):
                self._write()
            if not self._state.ready:
                self._refuse_hopeless(time.monotonic() > until)
                if all(child.was_ready for child in self._children):
                    self._state.ready = True
                    self._write()
                    on_ready(self._state.addresses)
            self._signals.wait(LOOK_SECONDS)

    def _refuse_hopeless(self, is_late: bool) -> None:
        for child in self._children:
            if child.failures_in_a_row >= HOPELESS_FAILURES or (is_late and not child.was_ready):
                what = f"{child.program.name} is not ready" if is_late else f"{child.program.name} does not stay up"
                message = f"{what}; the end of {child.log}:\n{child.last_lines()}"
                raise StackError(message)

    def _stop(self) -> None:
        self._state.ready = False
        self._write()
        until = time.monotonic() + DRAIN_SECONDS
        for child in reversed(self._children):
            child.ask_to_end()
        for child in self._children:
            # Whoever asks twice does not want to wait.
            while child.is_running() and self._signals.stops_asked < 2 and time.monotonic() < until:  # noqa: PLR2004
                self._signals.wait(LOOK_SECONDS)
            child.end()
        stop_servers(self._home)
        self._write()

    def _write(self) -> None:
        self._state.children = [child.entry for child in self._children]
        self._home.write_state(self._state)
