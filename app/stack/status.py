"""What `./run status` shows."""

from pydantic import BaseModel

from app.stack.home import CHILDREN, SERVERS, ProcessEntry, ProcessState, StackHome, StackState
from app.stack.process import start_token
from app.stack.stopping import embedded_servers

ORPHAN = "orphan: its supervisor is gone; ./run up takes over, ./run down ends it"


class Status(BaseModel):
    """Every process of a home, also those that do not run.

    Attributes:
        problem: Why not everything could be started, while the gateways forward all the same.
    """

    processes: list[ProcessEntry]
    supervisor: ProcessEntry
    api_url: str | None
    gateway_url: str | None
    problem: str | None


def read_status(home: StackHome) -> Status:
    """Looks at what runs now, whatever the state file says."""
    state = home.read_state()
    supervisor = state.supervisor if state else ProcessEntry(name="supervisor")
    if not supervisor.is_alive():
        supervisor = ProcessEntry(name="supervisor")
    is_supervised = supervisor.pid is not None
    children = [_as_it_is(child, is_supervised) for child in _children(state)]
    servers = _servers(home, state, is_supervised=is_supervised)
    kept = state if is_supervised else None
    return Status(
        processes=children + servers,
        supervisor=supervisor,
        api_url=kept.addresses.api_url if kept else None,
        gateway_url=_gateway_url(state, children),
        problem=kept.problem if kept else None,
    )


def _children(state: StackState | None) -> list[ProcessEntry]:
    """In the order of `CHILDREN`; those that were never started too."""
    found = state.children if state else []
    listed = [[child for child in found if child.name == name] or [ProcessEntry(name=name)] for name in CHILDREN]
    return [child for children in listed for child in children]


def _gateway_url(state: StackState | None, children: list[ProcessEntry]) -> str | None:
    """Orphaned gateways forward too."""
    forwards = any(child.name == "gateway" and child.pid is not None for child in children)
    return state.addresses.gateway_url if state and forwards else None


def _as_it_is(child: ProcessEntry, is_supervised: bool) -> ProcessEntry:
    if child.is_alive():
        return child.model_copy(update={"is_orphan": not is_supervised})
    if is_supervised and child.pid is None:
        return child
    # Ended, and the supervisor has not noticed yet, or is gone itself.
    state = ProcessState.RESTARTING if is_supervised else ProcessState.STOPPED
    return child.model_copy(update={"pid": None, "start_token": None, "state": state})


def _servers(home: StackHome, state: StackState | None, *, is_supervised: bool) -> list[ProcessEntry]:
    found = embedded_servers(home)
    known = {entry.name: entry for entry in state.servers} if state and is_supervised else {}
    external = state.external if state and is_supervised else []
    entries = []
    for name in SERVERS:
        if name in external:
            entries.append(ProcessEntry(name=name, state=ProcessState.EXTERNAL))
            continue
        pid = found[name].pid() if name in found else None
        entry = known.get(name, ProcessEntry(name=name))
        seen = {"pid": pid, "start_token": start_token(pid) if pid else None, "is_orphan": bool(pid) and not is_supervised}
        entries.append(entry.model_copy(update=seen | {"state": _server_state(entry, pid, is_supervised)}))
    return entries


def _server_state(entry: ProcessEntry, pid: int | None, is_supervised: bool) -> ProcessState:
    if pid is not None:
        return ProcessState.RUNNING
    if not is_supervised or entry.state is ProcessState.STOPPED:
        return ProcessState.STOPPED
    return ProcessState.STARTING if entry.state is ProcessState.STARTING else ProcessState.RESTARTING


def status_lines(status: Status) -> list[str]:
    """For a person."""
    lines = []
    for process in [status.supervisor, *status.processes]:
        more = f"restarted {process.restarts} times" if process.restarts else ""
        more += f", last exit {process.last_exit}" if more and process.last_exit is not None else ""
        more = ORPHAN if process.is_orphan else more
        lines.append(f"{process.slot or process.name:<12} {process.state:<11} {process.pid or '':<8} {more}".rstrip())
    places = {"API": status.api_url, "gateway": status.gateway_url, "problem": status.problem}
    return [*lines, *(f"{what}: {found}" for what, found in places.items() if found)]
