"""The listening sockets of API and gateway: bound by the supervisor, so that a restarted process loses no connection."""

import errno
import socket
import time

from app.errors import StackError

BACKLOG = 2048
RETRY_SECONDS = 0.005
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound


def unbound(bind: str) -> socket.socket:
    """A socket that nobody reaches yet: processes may inherit it before its port is free."""
    made = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def listen(bind: str, port: int, setting: str, *, fall_back: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        bind: Address of this machine.
        port: Port; 0 lets the system choose a free one.
        setting: Name of the setting that chooses the port, for the message.
        fall_back: Take any free port if this one is in use.
    """
    made = unbound(bind)
    try:
        begin(made, bind, port, setting, fall_back=fall_back)
    except StackError:
        made.close()
        raise
    return made


def begin(made: socket.socket, bind: str, port: int, setting: str, *, fall_back: bool) -> None:
    """Lets an unbound socket listen; arguments as of `listen`."""
    try:
        made.bind((bind, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE and fall_back and port:
            begin(made, bind, 0, setting, fall_back=False)
            return
        raise StackError(_why(bind, port, setting, error)) from error
    made.listen(BACKLOG)


def begin_when_free(made: socket.socket, bind: str, port: int, setting: str, *, fall_back: bool, wait_seconds: float) -> None:
    """The same, where whoever has the port is about to let go of it."""
    until = time.monotonic() + wait_seconds
    while time.monotonic() < until:
        try:
            begin(made, bind, port, setting, fall_back=False)
        except StackError:
            time.sleep(RETRY_SECONDS)
        else:
            return
    begin(made, bind, port, setting, fall_back=fall_back)


def begin_shared(made: socket.socket, bind: str, port: int) -> bool:
    """Lets it listen beside an orphaned gateway that shares its port (`share`), so that nobody is refused in between.

    Whether it could; for all others the port is as taken as before.
    """
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        made.bind((bind, port))
    except OSError:
        return False
    else:
        made.listen(BACKLOG)
        return True
    finally:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def url_of(listening: socket.socket) -> str:
    """Where programs of this machine reach it."""
    host, port = listening.getsockname()[:2]
    host = ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why(bind: str, port: int, setting: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {bind} is in use by another program: end it, or set {setting} to a free port"
    if error.errno == errno.EACCES:
        return f"port {port} on {bind} is not open to this user: set {setting} to a port from 1024 up"
    return f"cannot listen on {bind} port {port} ({error.strerror or error}): set PILOT_BIND to an address of this machine"
