"""Keeps the processes of one home running, until it is told to end; production's gateways first and last."""

import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from socket import socket

from app.domain.routing import FILE_NAME
from app.errors import StackError
from app.metrics import empty_folder, forget_process
from app.settings import Settings
from app.stack.children import LOOK_SECONDS, Child, Program, end_children
from app.stack.home import Addresses, ProcessEntry, ProcessState, StackHome, StackState
from app.stack.leftovers import Leftovers
from app.stack.listening import begin_shared, begin_when_free, unbound, url_of
from app.stack.process import start_token
from app.stack.programs import FLUSH_SECONDS, gateway_programs, other_programs
from app.stack.servers import Servers
from app.stack.signals import Signals
from app.stack.stopping import stop_servers

Say = Callable[[str], None]

READY_TIMEOUT_SECONDS = 120.0
# How long an orphaned gateway may take to let go of the port.
HAND_OVER_SECONDS = 5.0
# How long Redis may take to start before orphaned gateways are told to end, and they to find it again.
REDIS_SECONDS = 10.0
RECONNECT_SECONDS = 1.2
# How long their successors may take to load before the orphans are told to end all the same.
LOADED_SECONDS = 20.0
# A process that ended so often before everything was ready once will not get better by itself.
HOPELESS_FAILURES = 3


class Supervisor:
    """One run of one home's stack.

    Args:
        home: Where it lives; we hold its lock.
        settings: As of the environment.
        say: Gets a line for whatever a person should know.
        any_port: Take a free port if the one of the settings is in use.
        serves_production: Gateways go on when this process is killed, and where the rest cannot be started.
    """

    def __init__(
        self, home: StackHome, settings: Settings, say: Say, *, any_port: bool = False, serves_production: bool = True
    ) -> None:
        self._home = home
        self._settings = settings
        self._say = say
        self._any_port = any_port
        self._serves_production = serves_production
        self._signals = Signals()
        self._children: list[Child] = []
        self._leftovers = Leftovers(home, settings.gateway_drain_seconds + FLUSH_SECONDS)
        self._servers = Servers(home, settings, say)
        self._are_others_started = False
        self._was_ready = False

    def run(self, on_ready: Callable[[Addresses], None]) -> None:
        """Starts everything, calls `on_ready` once it can be used, and returns when all is ended."""
        with ExitStack() as stack:
            stack.callback(self._let_servers_be)
            # Orphaned gateways forward until nothing else can keep this one from starting.
            self._leftovers.ask_all_but_gateways()
            api = stack.enter_context(unbound(self._settings.bind))
            self._listen(api, self._settings.api_port, "PILOT_API_PORT", "API")
            self._signals.listen()
            gateway = stack.enter_context(unbound(self._settings.bind))
            self._await_hand_over(gateway)
            self._take_port(gateway)
            self._state = self._first_state(url_of(api), url_of(gateway))
            try:
                self._start_gateways(gateway)
                self._start_servers()
                self._keep_running(on_ready, api)
            finally:
                self._stop(gateway)

    def _await_hand_over(self, gateway: socket) -> None:
        """Orphaned gateways serve until Redis can take what they saw and their successors are loaded; then they have to end."""
        if not self._leftovers.have_gateways:
            return
        self._start_servers()
        self._add_gateways(gateway)
        for child in self._children:
            child.start()
        until = time.monotonic() + REDIS_SECONDS
        while not self._servers.has_redis and time.monotonic() < until and not self._signals.stops_asked:
            self._signals.wait(LOOK_SECONDS)
        time.sleep(RECONNECT_SECONDS)
        until = time.monotonic() + LOADED_SECONDS
        while (
            not all(child.is_loaded for child in self._children) and time.monotonic() < until and not self._signals.stops_asked
        ):
            self._signals.wait(LOOK_SECONDS)

    def _take_port(self, gateway: socket) -> None:
        """Beside the orphans where they share it, else as soon as they let go of it."""
        port = self._settings.gateway_port
        is_shared = bool(port) and self._leftovers.have_gateways and begin_shared(gateway, self._settings.bind, port)
        self._leftovers.ask_gateways()
        if is_shared:
            return
        try:
            self._listen(gateway, port, "PILOT_GATEWAY_PORT", "gateway")
        except StackError:
            end_children(self._children, self._signals)
            raise

    def _start_servers(self) -> None:
        if self._servers.ident is None:
            self._servers.start()

    def _let_servers_be(self) -> None:
        """Nothing is started any more from here on."""
        self._servers.end()
        if self._servers.is_alive():
            self._servers.join()

    def _listen(self, made: socket, port: int, setting: str, what: str) -> None:
        patience = HAND_OVER_SECONDS if self._leftovers.entries else 0.0
        begin_when_free(made, self._settings.bind, port, setting, fall_back=self._any_port, wait_seconds=patience)
        if port and not url_of(made).endswith(f":{port}"):
            self._say(f"port {port} is in use, so the {what} listens on {url_of(made)}; {setting} chooses another")

    def _first_state(self, api_url: str, gateway_url: str) -> StackState:
        pid = os.getpid()
        key_file = str(self._home.admin_key_file)
        return StackState(
            supervisor=ProcessEntry(name="supervisor", pid=pid, start_token=start_token(pid), state=ProcessState.RUNNING),
            addresses=Addresses(api_url=api_url, gateway_url=gateway_url, dashboard_url=f"{api_url}/", admin_key_file=key_file),
            drain_seconds=self._settings.gateway_drain_seconds + FLUSH_SECONDS,
            external=self._servers.external,
        )

    def _start_gateways(self, listening: socket) -> None:
        if not self._children:  # else they were started to take over
            self._add_gateways(listening)
            for child in self._children:
                child.start()
        self._write()

    def _add_gateways(self, listening: socket) -> None:
        for file in self._home.ready.iterdir():
            file.unlink(missing_ok=True)
        empty_folder(self._metrics)
        environment = {"PILOT_REDIS_URL": self._servers.redis_url}
        self._add_children(gateway_programs(self._settings, listening.fileno(), outlive=self._serves_production), environment)

    def _start_others(self, listening: socket) -> None:
        self._are_others_started = True
        environment = {"PILOT_REDIS_URL": self._servers.redis_url, "PILOT_DATABASE_URL": str(self._servers.database_url)}
        programs = other_programs(self._home, self._settings, listening.fileno(), self._state.addresses.api_url)
        for child in self._add_children(programs, environment):
            child.start()
        self._write()

    def _add_children(self, programs: Iterable[Program], urls: dict[str, str]) -> list[Child]:
        told = {"PILOT_HOME": str(self._home.root), "PILOT_METRICS_FOLDER": str(self._metrics), "PYTHONUNBUFFERED": "1"}
        environment = {**os.environ, **urls, **told}
        added = [Child(program, self._home, environment) for program in programs]
        self._children += added
        return added

    def _keep_running(self, on_ready: Callable[[Addresses], None], api: socket) -> None:
        until = time.monotonic() + READY_TIMEOUT_SECONDS
        while not self._signals.stops_asked:
            self._look_at_children()
            if self._servers.is_prepared and not self._are_others_started and not self._leftovers.are_in_the_way:
                self._start_others(api)
            if not self._was_ready:
                self._meet(self._why_not_ready(is_late=time.monotonic() > until))
            if not self._was_ready and self._are_all_ready():
                self._was_ready = self._state.ready = True
                self._state.problem = None
                self._write()
                on_ready(self._state.addresses)
            self._signals.wait(LOOK_SECONDS)

    def _look_at_children(self) -> None:
        before = {entry.pid for child in self._children for entry in child.entries}
        changes = [child.look(time.monotonic()) for child in self._children]
        if any([*changes, self._leftovers.look(), self._servers.entries != self._state.servers]):
            self._write()
        for pid in before - {entry.pid for child in self._children for entry in child.entries}:
            if pid is not None:
                forget_process(self._metrics, pid)

    def _are_all_ready(self) -> bool:
        return self._are_others_started and all(child.was_ready for child in self._children)

    def _why_not_ready(self, *, is_late: bool) -> str | None:
        if self._servers.problem is not None:
            return self._servers.problem
        for child in self._children:
            if child.failures_in_a_row >= HOPELESS_FAILURES or (is_late and not child.was_ready):
                what = f"{child.program.label} is not ready" if is_late else f"{child.program.label} does not stay up"
                return f"{what}; the end of {child.log}:\n{child.last_lines()}"
        return None

    def _meet(self, problem: str | None) -> None:
        """Where production may rest on the gateways they stay and the rest is tried again; else there is no use in staying."""
        if problem is None or problem == self._state.problem:
            return
        if not (self._serves_production and self._has_routes()):
            raise StackError(problem)
        self._say(f"not everything could be started; the gateway forwards all the same, the rest is tried again:\n{problem}")
        self._state.problem = problem
        self._write()

    def _has_routes(self) -> bool:
        try:
            return bool(json.loads((self._home.root / FILE_NAME).read_bytes())["pilots"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _stop(self, gateway: socket) -> None:
        self._state.ready = False
        self._servers.end()
        gateway.close()  # from when the last of its processes closes it too, nobody waits there: clients are refused at once
        self._write()
        end_children(self._children, self._signals)
        self._leftovers.end()
        self._let_servers_be()
        stop_servers(self._home)
        self._write()

    @property
    def _metrics(self) -> Path:
        return self._settings.metrics_folder or self._home.root / "metrics"

    def _write(self) -> None:
        self._state.children = [entry for child in self._children for entry in child.entries] + self._leftovers.entries
        self._state.servers = self._servers.entries
        self._home.write_state(self._state)
