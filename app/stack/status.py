"""What `./run status` shows."""

from pydantic import BaseModel

from app.stack.home import CHILDREN, SERVERS, ProcessEntry, ProcessState, StackHome
from app.stack.process import start_token
from app.stack.stopping import embedded_servers


class Status(BaseModel):
    """Every process of a home, also those that do not run."""

    processes: list[ProcessEntry]
    supervisor: ProcessEntry
    api_url: str | None


def read_status(home: StackHome) -> Status:
    """Looks at what runs now, whatever the state file says."""
    state = home.read_state()
    supervisor = state.supervisor if state else ProcessEntry(name="supervisor")
    if not supervisor.is_alive():
        supervisor = ProcessEntry(name="supervisor")
    known = {child.name: child for child in state.children} if state else {}
    children = [_as_it_is(known.get(name, ProcessEntry(name=name)), supervisor.pid is not None) for name in CHILDREN]
    external = state.external if state and supervisor.pid is not None else []
    api_url = state.addresses.api_url if state and supervisor.pid is not None else None
    return Status(processes=children + _servers(home, external), supervisor=supervisor, api_url=api_url)


def _as_it_is(child: ProcessEntry, is_supervised: bool) -> ProcessEntry:
    if child.is_alive() or (is_supervised and child.pid is None):
        return child
    # Ended, and the supervisor has not noticed yet, or is gone itself.
    state = ProcessState.RESTARTING if is_supervised else ProcessState.STOPPED
    return child.model_copy(update={"pid": None, "start_token": None, "state": state})


def _servers(home: StackHome, external: list[str]) -> list[ProcessEntry]:
    found = embedded_servers(home)
    entries = []
    for name in SERVERS:
        pid = found[name].pid() if name in found else None
        state = ProcessState.STOPPED if pid is None else ProcessState.RUNNING
        if name in external:
            entries.append(ProcessEntry(name=name, state=ProcessState.EXTERNAL))
        else:
            entries.append(ProcessEntry(name=name, pid=pid, state=state, start_token=start_token(pid) if pid else None))
    return entries


def status_lines(status: Status) -> list[str]:
    """For a person."""
    lines = []
    for process in [status.supervisor, *status.processes]:
        more = f"restarted {process.restarts} times, last exit {process.last_exit}" if process.restarts else ""
        lines.append(f"{process.name:<11} {process.state:<11} {process.pid or '':<8} {more}".rstrip())
    return [*lines, f"API: {status.api_url}"] if status.api_url else lines
