"""Ends what a stack started, and nothing else."""

from app.stack.home import StackHome
from app.stack.postgres import EmbeddedPostgres, has_embedded_postgres, locate_postgres
from app.stack.process import end_process, wait_until_gone
from app.stack.redis import EmbeddedRedis, locate_redis

GRACE_SECONDS = 10.0
# Longer than the supervisor itself gives its children and servers.
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


def end_leftovers(home: StackHome) -> list[str]:
    """Ends children of a supervisor that was killed; the names of those that still ran."""
    state = home.read_state()
    if state is None or state.supervisor.is_alive():
        return []
    known = [(child.name, child.pid, child.start_token) for child in state.children]
    return [name for name, pid, token in known if pid and token and end_process(pid, token, grace_seconds=GRACE_SECONDS)]


def stop_stack(home: StackHome) -> list[str]:
    """Ends supervisor, children and servers of a home, also where the supervisor was killed; the names of what ran."""
    state = home.running()
    if state is None:
        return end_leftovers(home) + stop_servers(home)
    names = [child.name for child in state.children if child.is_alive()]
    names += [name for name, server in embedded_servers(home).items() if server.pid() is not None]
    supervisor = state.supervisor
    assert supervisor.pid is not None and supervisor.start_token is not None  # noqa: S101, PT018 - it is alive
    end_process(supervisor.pid, supervisor.start_token, grace_seconds=SUPERVISOR_SECONDS)
    wait_until_gone(supervisor.pid, supervisor.start_token, GRACE_SECONDS)
    end_leftovers(home)
    stop_servers(home)
    return names
