"""Ends what a stack started, and nothing else."""

import signal
import time
from collections.abc import Iterable

from app.stack.home import GATEWAY, ProcessEntry, StackHome, StackState
from app.stack.postgres import EmbeddedPostgres, has_embedded_postgres, locate_postgres
from app.stack.process import end_process, is_alive, send_signal, wait_until_gone
from app.stack.redis import EmbeddedRedis, locate_redis

GRACE_SECONDS = 10.0
# Beside what it gives its gateways, a supervisor needs so long at most for its other children and the servers.
SUPERVISOR_SECONDS = 60.0


def embedded_servers(home: StackHome) -> dict[str, EmbeddedPostgres | EmbeddedRedis]:
    """The servers that may run for a home; empty if none was ever started there. Starts nothing."""
    state = home.read_state()
    found: dict[str, EmbeddedPostgres | EmbeddedRedis] = {}
    # As root its data may live elsewhere, so that the folder alone does not tell.
    was_started = (home.root / "postgres").exists() or (state is not None and "postgres" not in state.external)
    if was_started and has_embedded_postgres():
        found["postgres"] = locate_postgres(home.root, lambda _: None)
    if (home.root / "redis").exists():
        found["redis"] = locate_redis(home.root)
    return found


def stop_servers(home: StackHome) -> list[str]:
    """Ends the embedded servers of a home; the names of those that ran."""
    running = {name: server for name, server in embedded_servers(home).items() if server.pid() is not None}
    for server in running.values():
        server.stop()
    return list(running)


def leftovers(home: StackHome) -> list[ProcessEntry]:
    """The children of a supervisor that was killed which still run."""
    state = home.read_state()
    if state is None or state.supervisor.is_alive():
        return []
    return [child for child in state.children if child.is_alive()]


def ask_leftovers(left: Iterable[ProcessEntry]) -> list[ProcessEntry]:
    """Tells them to end; those that still ran."""
    return [child for child in left if _signal(child, signal.SIGTERM)]


def await_leftovers(left: Iterable[ProcessEntry], grace_seconds: float) -> None:
    """Waits until they ended; kills what takes longer."""
    until = time.monotonic() + grace_seconds
    for child in left:
        assert child.pid is not None and child.start_token is not None  # noqa: S101, PT018 - it was alive
        if not wait_until_gone(child.pid, child.start_token, max(0.0, until - time.monotonic())):
            _signal(child, signal.SIGKILL)
            wait_until_gone(child.pid, child.start_token, GRACE_SECONDS)


def end_leftovers(home: StackHome) -> list[str]:
    """Ends children of a supervisor that was killed; the labels of those that still ran."""
    state = home.read_state()
    left = ask_leftovers(leftovers(home))
    await_leftovers([child for child in left if child.name != GATEWAY], GRACE_SECONDS)
    await_leftovers([child for child in left if child.name == GATEWAY], state.drain_seconds if state else GRACE_SECONDS)
    return [child.slot or child.name for child in left]


def stop_stack(home: StackHome) -> list[str]:
    """Ends supervisor, children and servers of a home, also where the supervisor was killed; the labels of what ran."""
    state = home.running()
    if state is None:
        return end_leftovers(home) + stop_servers(home)
    names = _running(state) + [name for name, server in embedded_servers(home).items() if server.pid() is not None]
    supervisor = state.supervisor
    assert supervisor.pid is not None and supervisor.start_token is not None  # noqa: S101, PT018 - it is alive
    end_process(supervisor.pid, supervisor.start_token, grace_seconds=SUPERVISOR_SECONDS + state.drain_seconds)
    end_leftovers(home)
    stop_servers(home)
    return names


def _running(state: StackState) -> list[str]:
    return list(dict.fromkeys(child.slot or child.name for child in state.children if child.is_alive()))


def _signal(child: ProcessEntry, number: signal.Signals) -> bool:
    return (
        child.pid is not None
        and is_alive(child.pid, child.start_token)
        and send_signal(child.pid, str(child.start_token), number)
    )
