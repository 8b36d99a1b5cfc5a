"""A stack of the test's own under traffic, and what a scenario may do to it."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from sqlalchemy.exc import SQLAlchemyError

from app.capture.streams import MIRROR, RECORD
from app.settings import Settings
from app.stack.postgres import locate_postgres, start_postgres
from app.stack.redis import locate_redis, start_redis
from tests.bench.gateway_loads import compiled, resident_mb
from tests.e2e.stacks import Stack
from tests.faults.clocks import Clocks
from tests.faults.mounts import Disk, can_mount
from tests.faults.network import Network, network
from tests.faults.parts import GATEWAY, Parts, wait_until_back, wait_until_dead
from tests.faults.rows import PENDING, Ledger, ledger_of
from tests.faults.traffic import Asked, ModelServer, Place, Traffic
from tests.running import Service, free_port

PILOT = "faults"
RATE = 100.0
DIRECT_RATE = 25.0
BACK_SECONDS = 120.0
SETTLE_SECONDS = 120.0
COUNTS_UNDER_WAY = 4
# A gateway hands over what it saw some 4 ms after the last byte, and carries it until Redis has answered; where others write to
# the same disk Redis may need most of a second for that.
HAND_OVER_SECONDS = 1.0
OWED_SECONDS = 200.0
# In order, but for what came at the same time on several connections.
ORDER_SECONDS = 0.1
# Of memory, as far as they are used: five rounds of all scenarios write some 3 GB.
REDIS_DISK_MB, POSTGRES_DISK_MB = 1024, 8192
SETTINGS = {"PILOT_BREAKER_OPEN_SECONDS": "1", "PILOT_RETRY_WINDOW_SECONDS": "2", "PILOT_GATEWAY_HANG_SECONDS": "4"}
AS_USERS_HAVE_IT = {"PILOT_WORKER_NICENESS": str(Settings.model_fields["worker_niceness"].default)}
TOML = """\
[pilot]
name = "faults"
[decision]
reason = "control"
[incumbent]
base_url = "{vendor}"
model = "vendor-model"
family = "vendor"
[[candidate]]
name = "open"
base_url = "{candidate}"
model = "open-model"
family = "open"
license = "Apache-2.0"
timeout_seconds = 3
"""


@dataclass(frozen=True)
class Excuse:
    """Requests that may meet the fault: those on the harmed process' connections, or all (`ports` None), in that time.

    `is_only_late`: They may wait for it, and not fail.
    """

    since: int
    until: int
    ports: frozenset[int] | None = None
    is_only_late: bool = False

    def holds(self, asked: Asked) -> bool:
        """Whether it was under way there and then."""
        return self._is_there(asked) and asked.was_under_way(self.since, self.until)

    def carries(self, asked: Asked) -> bool:
        """Whether it was under way then, or had just been answered and may not have been handed over."""
        return self._is_there(asked) and asked.was_under_way(self.since - int(HAND_OVER_SECONDS * 1e9), self.until)

    def gone(self, asked: Sequence[Asked], known: Set[int]) -> set[int]:
        """Requests that were never handed over: a process hands over in order, so the last ones, without an earlier one."""
        carried = [each for each in asked if self.carries(each)]
        last = max((each.sent for each in carried if each.number in known), default=0) - int(ORDER_SECONDS * 1e9)
        return {each.number for each in carried if each.number not in known and each.sent >= last}

    def _is_there(self, asked: Asked) -> bool:
        return self.ports is None or asked.port in self.ports


@dataclass
class Site:
    """The stack, production in front of it, and the models behind.

    Attributes:
        owed: Requests that killed gateways carried and the ledger does not know, and since when: if they had a number, it tells
            of them as missing after a minute and some.
    """

    stack: Stack
    parts: Parts
    service: Service
    port: int
    vendor: ModelServer
    candidate: ModelServer
    production: Path
    place: Place
    database_url: str
    redis_url: str
    disks: dict[str, Disk]
    clocks: Clocks | None
    network: Network | None
    fault_seconds: float = 2.5
    rate: float = RATE
    excuses: list[Excuse] = field(default_factory=list)
    owed: list[tuple[float, int]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.stack.home

    def owes(self, requests: int) -> None:
        """So many more."""
        self.owed.append((time.monotonic(), requests))

    def told(self, missing: int) -> int:
        """How many of the numbers that the ledger now calls missing are of those."""
        self.owed = [(since, count) for since, count in self.owed if time.monotonic() - since < OWED_SECONDS]
        found = min(missing, sum(count for _, count in self.owed))
        left = found
        for at, (since, count) in enumerate(self.owed):
            self.owed[at] = since, count - min(left, count)
            left -= min(left, count)
        return found

    def drive(self, name: str, *, direct: bool = False) -> Traffic:
        """Production through the gateway, or straight to the vendor."""
        port, rate = (self.vendor.port, DIRECT_RATE) if direct else (self.port, self.rate)
        return Traffic(self.production, self.place, port, rate, name, self.home.parent / f"{name}.log")

    def wait(self) -> None:
        """While the fault lasts."""
        time.sleep(self.fault_seconds)

    def kill(self, *names: str) -> None:
        """SIGKILL to one process of each name."""
        for name in names:
            if name == "candidate":
                self.candidate.kill()
            elif name == GATEWAY:
                self.kill_gateway()
            else:
                self.parts.kill(name)

    def kill_gateway(self) -> None:
        """What it carries is excused: it is stopped first, so that no connection is added while we look.

        Its connections take requests until the kernel has closed them, some milliseconds after the signal.
        """
        self._gateway_gone(lambda pid: os.kill(pid, signal.SIGKILL))

    def hang_gateway(self) -> None:
        """It stands still, and nobody wakes it: until its supervisor kills it."""
        self._gateway_gone(lambda _: None)

    def _gateway_gone(self, end: Callable[[int], None]) -> None:
        pid = self.parts.pid(GATEWAY)
        os.kill(pid, signal.SIGSTOP)
        since = time.monotonic_ns()
        ports = self.parts.client_ports(pid, self.port)
        end(pid)
        wait_until_dead(pid)
        self.parts.ended.add(pid)
        self.excuses.append(Excuse(since, time.monotonic_ns(), frozenset(ports)))

    @contextmanager
    def late(self, harm: Callable[..., Any], *names: str) -> Iterator[None]:
        """Names stopped or slowed; requests on the connections of such a gateway are excused."""
        since = time.monotonic_ns()
        own = [name for name in names if name != "candidate"]
        ports: set[int] = set()
        with ExitStack() as stack:
            if "candidate" in names:
                stack.enter_context(self._candidate_late())
            pids = [self.parts.pid(GATEWAY)] if GATEWAY in names else []
            stack.enter_context(harm(*own))
            ports.update(*(self.parts.client_ports(pid, self.port) for pid in pids))
            yield
            ports.update(*(self.parts.client_ports(pid, self.port) for pid in pids))
        if pids:
            self.excuses.append(Excuse(since, time.monotonic_ns(), frozenset(ports), is_only_late=True))

    @contextmanager
    def _candidate_late(self) -> Iterator[None]:
        assert self.candidate.process is not None
        os.kill(self.candidate.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.candidate.process.pid, signal.SIGCONT)

    @contextmanager
    def vendor_away(self) -> Iterator[None]:
        """Production's own failure: whoever asks meets it, with us or without."""
        since = time.monotonic_ns()
        try:
            yield
        finally:
            self.excuses.append(Excuse(since, time.monotonic_ns()))

    def up(self) -> None:
        """`./run up` again."""
        self.stack.up()

    def back(self) -> float:
        """How long until every process ran again."""
        if self.candidate.process is None or self.candidate.process.poll() is not None:
            self.candidate.start()
        return wait_until_back(self.parts, BACK_SECONDS)

    def ledger(self) -> Ledger:
        """As the database has it."""
        return ledger_of(self.database_url, PILOT)

    def settled(self, requests: int, pending: int, seconds: float = SETTLE_SECONDS) -> tuple[Ledger, float]:
        """The ledger once so many requests are in it and at most so many are pending, and how long that took."""
        began, found = time.monotonic(), None
        while True:
            with suppress(SQLAlchemyError):  # PostgreSQL may be on its way back
                found = self.ledger()
                if found.requests >= requests and found.by_reason[PENDING] <= pending:
                    return found, time.monotonic() - began
            assert time.monotonic() - began < seconds, f"the ledger does not reach {requests}: {found}"
            time.sleep(0.25)

    def drained(self, seconds: float = SETTLE_SECONDS) -> None:
        """Waits until nothing is left in the streams but a count or two: what a scenario that failed left behind."""
        until = time.monotonic() + seconds
        with redis.Redis.from_url(self.redis_url) as client:
            while (left := int(client.xlen(MIRROR)) + int(client.xlen(RECORD))) > COUNTS_UNDER_WAY:
                assert time.monotonic() < until, f"{left} entries stay in the streams"
                time.sleep(0.2)

    def coverage(self) -> dict[str, Any]:
        """The ledger as the scorecard has it."""
        found: dict[str, Any] = self.service.get(f"/pilots/{PILOT}/scorecard")["coverage"]
        return found

    def gateway_mb(self) -> dict[str, float]:
        """Memory of each gateway process."""
        return {name: resident_mb(pid) for name, pid in self.parts.by_name().items() if name.startswith(GATEWAY)}


@contextmanager
def site(
    folder: Path, place: Place | None = None, *, wired: bool = False, alone: bool = False, **settings: str
) -> Iterator[Site]:
    """Starts models and stack, creates and starts the pilot.

    `wired`: servers that others run, over a network of ours. `alone`: no other test runs beside it, so workers stand back as
    they do for users.
    """
    place = place or Place()
    home = folder / "home"
    home.mkdir(mode=0o711)
    with ExitStack() as stack:
        model = compiled("model", folder)
        vendor = stack.enter_context(ModelServer(model, place, free_port(), 15.0).running())
        candidate = stack.enter_context(ModelServer(model, place, free_port(), 20.0).running())
        disks = (
            {}
            if wired or not can_mount()
            else {name: stack.enter_context(disk.mounted()) for name, disk in _disks(home).items()}
        )
        clocks = None if wired else Clocks.made(folder / "clocks")
        net = stack.enter_context(_servers(folder / "servers", home)) if wired else None
        port = free_port()
        all_settings = SETTINGS | {"PILOT_GATEWAY_PORT": str(port), "PILOT_API_PORT": str(free_port())} | settings
        all_settings |= AS_USERS_HAVE_IT if alone else {}
        all_settings |= clocks.environment if clocks else {}
        all_settings |= _urls(net) if net else {}
        running = Stack(home, all_settings)
        stack.callback(running.down)  # also what is left of one that does not come up
        facts = running.up()
        service = Service(facts["api_url"], Path(facts["admin_key_file"]).read_text().strip())
        stack.callback(service.close)
        service.create(TOML.format(vendor=vendor.url, candidate=candidate.url))
        service.post(f"/pilots/{PILOT}/start")
        time.sleep(2.0)  # the gateways look at the routing file several times a second
        origin = folder / "servers" if wired else home
        database_url, redis_url = locate_postgres(origin, print).url, locate_redis(origin).url
        production = compiled("production", folder)
        yield Site(
            running,
            Parts(home),
            service,
            port,
            vendor,
            candidate,
            production,
            place,
            database_url,
            redis_url,
            disks,
            clocks,
            net,
        )


def _disks(home: Path) -> dict[str, Disk]:
    return {"redis": Disk(home / "redis", REDIS_DISK_MB), "postgres": Disk(home / "postgres", POSTGRES_DISK_MB)}


@contextmanager
def _servers(folder: Path, home: Path) -> Iterator[Network]:
    """PostgreSQL and Redis of nobody's stack, and the wires to them."""
    folder.mkdir(mode=0o711)
    postgres = start_postgres(folder, print)
    try:
        server = start_redis(folder)
        try:
            places = {"postgres": str(postgres.sockets / ".s.PGSQL.5432"), "redis": str(server.socket)}
            with network(home, places) as made:
                yield made
        finally:
            server.stop()
    finally:
        postgres.stop()


def _urls(net: Network) -> dict[str, str]:
    return {
        "PILOT_REDIS_URL": f"redis://{net.address}:{net.ports['redis']}/0",
        "PILOT_DATABASE_URL": f"postgresql+psycopg://pilot@{net.address}:{net.ports['postgres']}/pilot",
    }
