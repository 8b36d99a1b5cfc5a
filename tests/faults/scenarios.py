"""What is done to a stack under traffic, by name."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.faults import harms
from tests.faults.parts import GATEWAY, SUPERVISOR
from tests.faults.site import Site

Act = Callable[[Site], None]
FAULT_FREE = "nothing"


@dataclass(frozen=True)
class Scenario:
    """One fault.

    Attributes:
        act: Hurts, lets it last, and heals.
        needs: `root` (mounts), `cable` (network namespaces), or nothing.
        is_wired: Against servers beyond a network of ours.
        may_shed: Some observations may be left out, counted as `shed`; otherwise none.
        ends_gateway: A gateway process is killed: what it carried may fail, and is accounted for a minute later.
    """

    name: str
    act: Act
    needs: str = ""
    is_wired: bool = False
    may_shed: bool = False
    ends_gateway: bool = False


def _killed(*names: str) -> Scenario:
    def act(site: Site) -> None:
        site.kill(*names)
        if SUPERVISOR in names:
            site.up()

    return Scenario(f"{' and '.join(names)} killed", act, ends_gateway=GATEWAY in names)


def _stopped(*names: str) -> Scenario:
    def act(site: Site) -> None:
        with site.late(site.parts.stopped, *names):
            site.wait()

    return Scenario(f"{' and '.join(names)} stopped", act)


def _slowed(*names: str) -> Scenario:
    def act(site: Site) -> None:
        with site.late(site.parts.slowed, *names):
            site.wait()

    return Scenario(f"{' and '.join(names)} slow", act)


def _full(*names: str) -> Scenario:
    def act(site: Site) -> None:
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(site.disks[name].full())
            site.wait()

    return Scenario(f"disk of {' and '.join(names)} full", act, needs="root")


def _moved(what: str, *names: str, seconds: float = 0.0, drift: float = 0.0) -> Scenario:
    def act(site: Site) -> None:
        assert site.clocks is not None
        with site.clocks.moved(*names, seconds=seconds, drift=drift):
            site.wait()

    return Scenario(f"clock of {' and '.join(names) if len(names) < 4 else 'all but postgres'} {what}", act)


def _wires(what: str, **rules: object) -> Scenario:
    def act(site: Site) -> None:
        assert site.network is not None
        with site.network.obeying({name.replace("__", "/").replace("all", "*"): rule for name, rule in rules.items()}):
            site.wait()

    return Scenario(what, act, is_wired=True)


def _unplugged(site: Site) -> None:
    assert site.network is not None
    with site.network.unplugged():
        site.wait()


HOUR = 3600.0
EVERYONE = ("gateway", "mirror", "recorder", "api", "worker", "beat", "redis")

KILLED = [
    *(_killed(name) for name in (GATEWAY, "mirror", "recorder", "api", "worker", "beat", "redis", "postgres")),
    _killed(SUPERVISOR),
    _killed("candidate"),
    _killed("mirror", "redis"),
    _killed("recorder", "postgres"),
    _killed("redis", "postgres"),
    _killed(GATEWAY, "redis"),
    _killed(SUPERVISOR, "redis"),
]
STOPPED = [
    *(_stopped(name) for name in (GATEWAY, "mirror", "recorder", "api", "worker", "beat", "redis", "postgres")),
    _stopped(SUPERVISOR),
    _stopped("candidate"),
    _stopped("redis", "postgres"),
    _stopped("mirror", "recorder"),
]
SLOWED = [
    *(_slowed(name) for name in (GATEWAY, "mirror", "recorder", "api", "worker", "redis", "postgres")),
    Scenario("candidate slow", harms.slow_candidate),
    _slowed("redis", "postgres"),
]
DISKS = [_full("redis"), _full("postgres"), _full("redis", "postgres")]
CLOCKS = [
    _moved("an hour ahead", GATEWAY, seconds=HOUR),
    _moved("an hour behind", GATEWAY, seconds=-HOUR),
    _moved("an hour ahead", "mirror", seconds=HOUR),
    _moved("an hour behind", "recorder", seconds=-HOUR),
    _moved("an hour ahead", "redis", seconds=HOUR),
    _moved("an hour behind", "redis", seconds=-HOUR),
    _moved("an hour ahead", *EVERYONE, seconds=HOUR),
    _moved("a tenth too fast", *EVERYONE, drift=0.1),
]
OTHERS = [
    Scenario("redis over its memory", harms.redis_full),
    Scenario("api killed while a migration waits, migration killed", harms.migration),
    Scenario("every gateway replaced in turn", harms.rolling),
    Scenario("gateway hangs", Site.hang_gateway, ends_gateway=True),
    Scenario("kill switch on and off", harms.kill_switch),
    Scenario("routing file corrupt", harms.routing_corrupt),
    Scenario("routing file removed", harms.routing_removed),
    Scenario("routing file corrupt, gateway killed", harms.routing_corrupt_and_gateway, ends_gateway=True),
    Scenario("home read-only", harms.home_read_only, needs="root"),
    Scenario("incumbent killed", harms.vendor_killed),
    Scenario("incumbent stopped", harms.vendor_stopped),
]
WIRED = [
    _wires("wire to redis torn", all__redis="torn"),
    _wires("wire to postgres torn", all__postgres="torn"),
    _wires("wires to redis and postgres torn", all__redis="torn", all__postgres="torn"),
    _wires("wire to redis silent", all__redis="silent"),
    _wires("wire to postgres silent", all__postgres="silent"),
    _wires("wire gateway-redis silent", gateway__redis="silent"),
    _wires("wire mirror-redis torn", mirror__redis="torn"),
    _wires("wire recorder-postgres torn", recorder__postgres="torn"),
    _wires("wires 50 ms late", all__redis=0.05, all__postgres=0.05),
    Scenario("network cable unplugged", _unplugged, needs="cable", is_wired=True),
]
EMBEDDED = [*KILLED, *STOPPED, *SLOWED, *DISKS, *CLOCKS, *OTHERS]
SCENARIOS = [*EMBEDDED, *WIRED]
NOTHING = Scenario(FAULT_FREE, lambda site: site.wait())
